import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Tally } from './reporter.ts';
import { run, type Ended } from './run.ts';
import { filesOf, type Suite } from './suites.ts';

/** How a suite is to be run. */
export interface SuiteOptions {
  /** Files to run instead of all of the suite's. */
  readonly files?: readonly string[];
  /** Patterns for the names of the tests. */
  readonly names?: readonly string[];
  /** Rewrite snapshots and goldens instead of comparing with them. */
  readonly isUpdating?: boolean;
  /** Keep the runner's output instead of showing it. */
  readonly isCaptured?: boolean;
}

/** What running a suite came to. */
export interface SuiteResult extends Tally, Ended {
  readonly suite: Suite;
  /** Why the suite does not count as passed; empty when it does. */
  readonly troubles: readonly string[];
}

/** A test that hangs is ended after this; nothing that works comes near it. */
const hangLimitMs = 15 * 60_000;
/** The same for a whole suite in one process, where a test that loops keeps the runner from ending it. */
const oneProcessLimitMs = 3 * 60_000;

/** Runs a suite with node:test. A run without any test has failed, unless names were asked for. */
export async function runSuite(suite: Suite, options: SuiteOptions = {}): Promise<SuiteResult> {
  const files = options.files ?? filesOf(suite);
  const scratch = mkdtempSync(join(tmpdir(), 'mizzen-test-'));
  try {
    const tallyFile = join(scratch, 'tally.json');
    const ended = await run(process.execPath, [...runnerArguments(suite, options, tallyFile), ...files], {
      isCaptured: options.isCaptured === true,
      ...(suite.isOneProcess ? { limitMs: oneProcessLimitMs } : {}),
    });
    const tally = readTally(tallyFile);
    return { suite, ...ended, ...tally, troubles: [...troubles(ended, tally, options)] };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function runnerArguments(suite: Suite, options: SuiteOptions, tallyFile: string): readonly string[] {
  const isolation = suite.isOneProcess ? ['--test-isolation=none'] : ['--test-concurrency=2'];
  return [
    '--test',
    ...isolation,
    `--test-timeout=${hangLimitMs}`,
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    `--test-reporter=${join(import.meta.dirname, 'reporter.ts')}`,
    `--test-reporter-destination=${tallyFile}`,
    ...(options.isUpdating === true ? ['--test-update-snapshots'] : []),
    ...(options.names ?? []).map((name) => `--test-name-pattern=${name}`),
  ];
}

function readTally(file: string): Tally {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Tally;
  } catch {
    return { passed: 0, failed: ['the test runner ended before it could count'], empty: [], skipped: [] };
  }
}

function* troubles(ended: Ended, tally: Tally, options: SuiteOptions): Generator<string> {
  const count = tally.passed + tally.failed.length + tally.skipped.length;
  if (ended.isTooLate) yield `killed after ${oneProcessLimitMs / 60_000} min: the test after the last one above loops`;
  else if (ended.isInterrupted) yield 'interrupted';
  else if (tally.failed.length > 0) yield `${tally.failed.length} failed`;
  // An error thrown after its test had ended shows in the exit code only.
  else if (ended.code !== 0) yield `the runner's exit code is ${ended.code} though no test failed`;
  if (tally.empty.length > 0 && options.names === undefined) yield `no test in ${tally.empty.join(', ')}`;
  if (count === 0 && options.names === undefined && ended.code === 0) yield 'no test was found';
  if (process.env['CI'] === 'true' && tally.skipped.length > 0)
    yield `${tally.skipped.length} skipped, and CI skips nothing`;
}
