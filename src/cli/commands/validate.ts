import { defineCommand } from '../command.ts';
import { count, problemText } from '../problem-text.ts';
import { readManifests } from '../read-manifests.ts';
import { jsonOption } from '../options.ts';
import { styleFor } from '../style.ts';
import { usageError } from '../usage-error.ts';

/** Checks manifests without a mesh. */
export const validate = defineCommand({
  name: 'validate',
  aliases: ['v'],
  summary: 'Check manifests against the schemas, without a mesh',
  description: 'Errors make it fail; warnings (fields without effect, kinds that are not known) are told and do not.',
  examples: [
    { line: 'validate -f reviews.yaml', text: 'a file' },
    { line: 'validate -f my-folder -f more.yaml', text: 'all files of a folder, and one more' },
    { line: 'validate -f - < reviews.yaml', text: 'standard input' },
  ],
  arguments: [],
  options: {
    filename: {
      kind: 'texts',
      short: 'f',
      value: 'FILE',
      text: 'a file, a folder, or - for standard input; may be repeated',
    },
    ...jsonOption,
  },
  async run(context, { options }) {
    if (options.filename.length === 0) throw usageError('no file is named', 'write -f FILE');
    const { files, manifests, problems: found, duplicates } = await readManifests(context, options.filename);
    // Files of one folder may be alternatives to one another.
    const problems = [...found, ...duplicates.map((problem) => ({ ...problem, level: 'warning' as const }))];
    const errors = problems.filter(({ level }) => level === 'error');
    const exitCode = errors.length > 0 ? 1 : 0;
    if (options.output === 'json') {
      context.out(`${JSON.stringify({ files, objects: manifests.length, problems }, null, 2)}\n`);
      return exitCode;
    }
    const style = styleFor(context.isTerminal.err, context.env);
    context.err(problems.map((problem) => problemText(problem, style)).join(''));
    for (const file of files) {
      const shown = file === '-' ? 'standard input' : file;
      if (!errors.some((error) => error.file === shown))
        context.out(file === '-' ? 'validation succeed\n' : `"${file}" is valid\n`);
    }
    if (exitCode !== 0) context.err(`${count(errors.length, 'error')} in ${count(files.length, 'file')}\n`);
    return exitCode;
  },
});
