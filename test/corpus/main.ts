import { parseArgs } from 'node:util';
import { resolve } from 'node:path';
import { scoreText } from './print.ts';
import { isCorpus, runCorpus } from './run-corpus.ts';

// npm run corpus [-- --dir DIR] [-v] [SUITE...]: the scoreboard over a corpus, by default the one beside the project.
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { dir: { type: 'string' }, verbose: { type: 'boolean', short: 'v', default: false } },
});
const folder = resolve(values.dir ?? resolve(import.meta.dirname, '../../../shared/corpus'));

if (isCorpus(folder)) {
  const report = runCorpus(folder, { only: positionals });
  process.stdout.write(scoreText(report, values.verbose));
  process.exitCode = report.unexpected.length + report.mended.length === 0 ? 0 : 1;
} else {
  process.stdout.write(`skipped: there is no corpus at ${folder}; name one with --dir\n`);
}
