import { runSuite, type SuiteOptions, type SuiteResult } from './testing/run-suite.ts';
import { allSuites, filesOf, strayFiles, type Suite } from './testing/suites.ts';

// npm test [-- WORD...]: all suites, or those files whose suite or path has one of the words; when no file has one, the
// tests whose names have. `npm test -- --list` names the suites.
const words = process.argv.slice(2);

if (words.includes('--list')) list();
else process.exitCode = (await runAll()) ? 0 : 1;

function list(): void {
  for (const suite of allSuites()) print(`${suite.name}: ${filesOf(suite).length} files`);
}

async function runAll(): Promise<boolean> {
  const stray = strayFiles();
  if (stray.length > 0)
    print(`no suite runs ${stray.join(', ')}: move them, or name their folder in tools/testing/suites.ts`);
  const results: SuiteResult[] = [];
  for (const [suite, options] of plan()) {
    print(`\n── ${suite.name}`);
    const result = await runSuite(suite, options);
    results.push(result);
    if (result.isInterrupted) break;
  }
  const isFine = stray.length === 0 && results.every((result) => result.troubles.length === 0);
  return summarize(results) && isFine;
}

/** Which suites run, with which files. */
function plan(): readonly (readonly [Suite, SuiteOptions])[] {
  const suites = allSuites().flatMap((suite) => {
    const files = filesOf(suite);
    return files.length === 0 ? [] : [[suite, files] as const];
  });
  if (words.length === 0) return suites.map(([suite, files]) => [suite, { files }]);
  const isNamed = (text: string): boolean => words.some((word) => text.includes(word));
  const byFile = suites.flatMap(([suite, all]) => {
    const files = words.includes(suite.name) ? all : all.filter(isNamed);
    return files.length === 0 ? [] : [[suite, { files }] as const];
  });
  return byFile.length > 0 ? byFile : suites.map(([suite, files]) => [suite, { files, names: words }]);
}

/** Prints what each suite came to; the last line counts all. Gives false when no test ran. */
function summarize(results: readonly SuiteResult[]): boolean {
  print('');
  for (const { suite, passed, failed, skipped, seconds, troubles } of results) {
    const verdict = troubles.length === 0 ? 'ok' : `FAILED: ${troubles.join('; ')}`;
    print(`${suite.name}: ${passed} passed in ${(seconds / 60).toFixed(2)} min, ${verdict}`);
    for (const name of failed) print(`  failed: ${name}`);
    for (const name of skipped) print(`  skipped: ${name}`);
  }
  const passed = results.reduce((sum, result) => sum + result.passed, 0);
  const failed = results.reduce((sum, result) => sum + result.failed.length, 0);
  const skipped = results.reduce((sum, result) => sum + result.skipped.length, 0);
  if (passed + failed + skipped === 0) print('no test ran');
  print(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  return passed + failed > 0;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
