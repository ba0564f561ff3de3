import { readdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { MizzenError } from '../base/error.ts';
import { defineCommand, type Argument, type Command, type Option, type Options } from './command.ts';
import { commandNames, loadCommand } from './commands.ts';
import type { Context } from './context.ts';
import { findMesh } from './find-mesh.ts';
import { kindWords } from './kind-words.ts';
import { commonOptions } from './parse-line.ts';

/** What shells ask: the words that may stand where the cursor is, one a line. */
export const complete = defineCommand({
  name: '__complete',
  summary: 'Print the words that may follow',
  hidden: true,
  examples: [{ line: '__complete -- logs dep', text: 'what a shell asks' }],
  arguments: [],
  rest: { name: 'WORDS', text: 'the words so far; the last one is unfinished', optional: true },
  options: {},
  async run(context, { rest = [] }) {
    const [first = '', ...others] = rest;
    const current = rest.at(-1) ?? '';
    const offered = rest.length <= 1 ? commandNames : await offersOf(context, await loadCommand(first), others);
    for (const word of offered) if (word.startsWith(current)) context.out(`${word}\n`);
    return 0;
  },
});

async function offersOf(
  context: Context,
  command: Command | undefined,
  words: readonly string[],
): Promise<readonly string[]> {
  if (command === undefined || words.slice(0, -1).includes('--')) return [];
  const current = words.at(-1) ?? '';
  const options: Options = { ...command.options, ...commonOptions };
  const before = optionOf(options, words.at(-2));
  if (before !== undefined && before.kind !== 'flag') return before.choices ?? [];
  if (current.startsWith('-')) {
    return Object.entries(options).flatMap(([name, { hidden }]) => (hidden === true ? [] : [`--${name}`]));
  }
  const isValue = (at: number): boolean => (optionOf(options, words[at - 1])?.kind ?? 'flag') !== 'flag';
  const place = words.slice(0, -1).filter((word, at) => !word.startsWith('-') && !isValue(at)).length;
  const argument = command.arguments[place];
  return argument === undefined ? [] : wordsFor(context, argument, current);
}

/** The option that a word names, if it names one. */
function optionOf(options: Options, word: string | undefined): Option | undefined {
  const found = Object.entries(options).find(
    ([name, { short }]) => word === `--${name}` || (short !== undefined && word === `-${short}`),
  );
  return found?.[1];
}

async function wordsFor(context: Context, { offers }: Argument, current: string): Promise<readonly string[]> {
  if (offers === undefined) return [];
  if (typeof offers !== 'string') return offers;
  if (offers === 'kind') return kindWords();
  if (offers === 'command') return commandNames;
  return offers === 'pod' ? podNames(context) : foldersAt(context, current);
}

/** A shell that asks while no mesh runs gets no words and no complaint. */
async function podNames(context: Context): Promise<readonly string[]> {
  try {
    const { control } = findMesh(context, undefined);
    const deployments = await control.objects({ kind: 'Deployment' });
    const { pods } = await control.status();
    return [...deployments.map(({ object }) => `deploy/${object.metadata.name}`), ...pods.map(({ name }) => name)];
  } catch (error) {
    if (error instanceof MizzenError) return [];
    throw error;
  }
}

function foldersAt(context: Context, current: string): readonly string[] {
  const shown = current.endsWith('/') || current === '' ? current : current.includes('/') ? `${dirname(current)}/` : '';
  try {
    return readdirSync(resolve(context.cwd, shown), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => `${shown}${entry.name}/`);
  } catch {
    // A folder that cannot be read has nothing to offer.
    return [];
  }
}
