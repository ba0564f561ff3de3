/** `npm run bench [-- NAME...]`: prints figures, asserts none. */
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { engineSuite } from './engine.ts';
import { protoSuite } from './proto.ts';
import { saveSuite } from './save.ts';
import { startSuite } from './start.ts';
import type { Suite } from './suite.ts';

const suites: readonly Suite[] = [startSuite, saveSuite, engineSuite, protoSuite];
const words = process.argv.slice(2);
const chosen = suites.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));
const print = (line: string): void => void process.stdout.write(`${line}\n`);

if (chosen.length === 0) {
  print(`no suite is called ${words.join(' or ')}; there are:`);
  for (const { name, about } of suites) print(`  ${name.padEnd(8)}${about}`);
  process.exitCode = 1;
} else {
  const gibibytes = (totalmem() / 2 ** 30).toFixed(0);
  print(`${availableParallelism()} × ${cpus()[0]?.model ?? 'CPU'}, ${gibibytes} GiB, Node ${process.versions.node}`);
}
for (const suite of chosen) {
  print(`\n── ${suite.name}: ${suite.about}`);
  print(`   load of the machine before: ${loadText()}`);
  const startMs = performance.now();
  await suite.run(print);
  print(`   took ${((performance.now() - startMs) / 1_000).toFixed(0)} s; load of the machine after: ${loadText()}`);
}

/** Processes that wanted to run, on average over 1 and 5 minutes; above the number of CPUs figures are upper bounds. */
function loadText(): string {
  const [one = 0, five = 0] = loadavg();
  return `${one.toFixed(1)} (1 min), ${five.toFixed(1)} (5 min)`;
}
