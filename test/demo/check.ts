/** `npm run demo -- --check`: every claim of the demo, shown on real processes, and nothing left behind. */
import { startBookinfo, type TestMesh } from './context.ts';
import { leftBehind, readMachine, type Machine } from './machine.ts';
import { plainClient, steps } from './steps.ts';

const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** Runs the claims as this user, and from root also as a user without any rights. Gives the exit code. */
export async function checkDemo(only: string | undefined): Promise<number> {
  const users = process.getuid?.() === 0 ? (['root', 'nobody'] as const) : (['user'] as const);
  let failed = 0;
  for (const as of users) failed += await checkAs(as, only);
  print(failed === 0 ? '✔ the demo shows all that it claims' : `✖ ${failed} claims of the demo failed`);
  return failed === 0 ? 0 : 1;
}

async function checkAs(as: 'root' | 'user' | 'nobody', only: string | undefined): Promise<number> {
  const before = readMachine();
  const started = performance.now();
  const mesh = await startBookinfo({ byCommandAs: as, files: { 'plain.yaml': plainClient } });
  const seconds = ((performance.now() - started) / 1_000).toFixed(1);
  print(`── as ${as === 'root' ? 'root' : 'an ordinary user'}: ready after ${seconds} s`);
  let failed = 0;
  try {
    for (const step of steps.filter(({ name }) => only === undefined || name.includes(only)))
      failed += await claim(step.name, () => step.run(mesh));
  } finally {
    failed += await claim('Ctrl-C, and the machine is as before', () => endsClean(mesh, before));
  }
  return failed;
}

async function claim(name: string, run: () => Promise<string>): Promise<0 | 1> {
  try {
    print(`✔ ${name}: ${await run()}`);
    return 0;
  } catch (error) {
    print(`✖ ${name}: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

async function endsClean(mesh: TestMesh, before: Machine): Promise<string> {
  const during = readMachine();
  const seen = leftBehind(before, during, isOurs(mesh)).length;
  const started = performance.now();
  await mesh.end();
  const seconds = ((performance.now() - started) / 1_000).toFixed(1);
  const left = leftBehind(before, readMachine(), isOurs(mesh));
  if (left.length > 0) throw new Error(`left behind: ${left.slice(0, 20).join('; ')}`);
  return `ended after ${seconds} s; ${seen} processes, namespaces and files of it were there, none is left`;
}

/** Other programs of the machine come and go too: of processes only those count that are of this mesh or of its making. */
function isOurs(mesh: TestMesh): (subject: keyof Machine, entry: string) => boolean {
  const base = mesh.folder.slice(0, mesh.folder.lastIndexOf('/'));
  return (subject, entry) => {
    if (subject === 'processes') return entry.includes(base) || /envoy|unshare|mizzen/u.test(entry);
    if (subject === 'files') return base.endsWith(entry) || entry.includes('envoy_shared');
    return true;
  };
}
