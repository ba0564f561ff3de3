import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { runSuite, type SuiteResult } from './testing/run-suite.ts';
import { run } from './testing/run.ts';
import { pureSuite, root } from './testing/suites.ts';

/** What a step came to: undefined or what is wrong, and how to mend it where that is one command. */
type Verdict = { readonly trouble: string; readonly fix?: string } | undefined;

const steps: readonly (readonly [name: string, step: () => Promise<Verdict>])[] = [
  ['format', checkFormat],
  ['lint and types', checkLint],
  ['tests of the pure layers', checkTests],
  ['goldens', checkGoldens],
];

const summary: string[] = [];
for (const [name, step] of steps) {
  const start = performance.now();
  print(`── ${name}`);
  const verdict = await step();
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const fix = verdict?.fix === undefined ? '' : `; ${verdict.fix}`;
  summary.push(
    `${verdict === undefined ? 'ok    ' : 'FAILED'} ${name} ${seconds} s${verdict === undefined ? '' : `: ${verdict.trouble}${fix}`}`,
  );
  if (verdict !== undefined) process.exitCode = 1;
}
print('');
for (const line of summary) print(line);
print(process.exitCode === 1 ? 'check failed' : 'check passed');

async function checkFormat(): Promise<Verdict> {
  const { code } = await run('oxfmt', ['--check']);
  return code === 0 ? undefined : { trouble: 'some files are formatted differently', fix: 'npm run format' };
}

async function checkLint(): Promise<Verdict> {
  const { code } = await run('oxlint', ['-c', 'oxlint.config.ts', '--deny-warnings']);
  return code === 0 ? undefined : { trouble: 'findings above' };
}

async function checkTests(): Promise<Verdict> {
  return verdictOf(await runSuite(pureSuite, { isCaptured: true }));
}

/** Goldens come from the code alone: writing them anew must leave every file as it is. */
async function checkGoldens(): Promise<Verdict> {
  const before = await workingTree();
  const result = await runSuite(pureSuite, { isCaptured: true, isUpdating: true });
  const after = await workingTree();
  const changed = [...after].flatMap(([path, digest]) => (before.get(path) === digest ? [] : [path]));
  const gone = [...before.keys()].filter((path) => !after.has(path));
  for (const path of [...changed, ...gone]) print(`changed: ${path}`);
  if (changed.length + gone.length === 0) return verdictOf(result);
  return {
    trouble: `${changed.length + gone.length} files changed when written anew`,
    fix: 'look at git diff and commit what is right',
  };
}

function verdictOf(result: SuiteResult): Verdict {
  if (result.troubles.length > 0) print(result.output);
  print(`${result.passed} passed, ${result.failed.length} failed, ${result.skipped.length} skipped`);
  return result.troubles.length === 0 ? undefined : { trouble: result.troubles.join('; ') };
}

/** Every file that differs from the last commit, with its state and the digest of its content. */
async function workingTree(): Promise<ReadonlyMap<string, string>> {
  const { output, code } = await run(
    'git',
    ['status', '--porcelain=v1', '-z', '--no-renames', '--untracked-files=all'],
    { isCaptured: true },
  );
  if (code !== 0) throw new Error(`git status failed: ${output}`);
  return new Map(
    output
      .split('\0')
      .filter((entry) => entry !== '')
      .map((entry) => [entry.slice(3), entry.slice(0, 2) + digestOf(entry.slice(3))]),
  );
}

function digestOf(path: string): string {
  const file = join(root, path);
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) return 'absent';
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
