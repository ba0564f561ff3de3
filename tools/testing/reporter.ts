import { relative, resolve } from 'node:path';
import type { TestEvent } from 'node:test/reporters';

/** What one run of the test runner came to, as the reporter writes it. */
export interface Tally {
  readonly passed: number;
  /** Names of the failed tests, outermost first. */
  readonly failed: readonly string[];
  /** Files in which no test ran; the runner itself counts such a file as one passed test. */
  readonly empty: readonly string[];
  /** Names of the skipped and `todo` tests, each with its reason. */
  readonly skipped: readonly string[];
}

/** A reporter of node:test that writes a Tally as JSON when the run ends. Suites (`describe`) are not counted. */
export default async function* tally(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  let passed = 0;
  const failed: string[] = [];
  const silent: string[] = [];
  const filesWithTests = new Set<string>();
  const skipped: string[] = [];
  for await (const event of source) {
    if (event.type !== 'test:pass' && event.type !== 'test:fail') continue;
    const { name, details, skip, todo, file } = event.data;
    const isFile = file !== undefined && resolve(name) === file;
    if (file !== undefined && !isFile) filesWithTests.add(file);
    const reason = skip ?? todo;
    if (reason !== undefined && reason !== false)
      skipped.push(typeof reason === 'string' && reason !== '' ? `${name} (${reason})` : name);
    else if (event.type === 'test:pass' && isFile) silent.push(name);
    else if (event.type === 'test:pass') passed += details.type === 'suite' ? 0 : 1;
    else if (!isOfItsTests(event.data.details.error))
      failed.push(file === undefined ? name : `${name} (${relative(process.cwd(), file)})`);
  }
  // In one process, a file that another one imported first has run its tests by the time its own turn comes.
  const empty = silent.filter((name) => !filesWithTests.has(resolve(name)));
  yield JSON.stringify({ passed, failed, empty, skipped } satisfies Tally);
}

/** Whether something failed only because a test in it did, which is counted itself. */
function isOfItsTests(error: unknown): boolean {
  return error instanceof Error && 'failureType' in error && error.failureType === 'subtestsFailed';
}
