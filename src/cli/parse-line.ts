import type { Command, Option, Options, Parsed } from './command.ts';
import { unknownWord, usageError } from './usage-error.ts';

/** Options that every command takes. */
export const commonOptions = {
  help: { kind: 'flag', short: 'h', text: 'show this help' },
} as const satisfies Options;

/** A command's line taken apart, or the wish to see help. */
export type Line = { readonly kind: 'help' } | { readonly kind: 'run'; readonly parsed: Parsed };

type Value = boolean | string | number | readonly string[] | undefined;

interface Reading {
  readonly command: Command;
  readonly options: Options;
  readonly values: Map<string, Value>;
  readonly args: string[];
}

/** Reads the words after a command's name. Throws `usage` with what is wrong and the nearest name of what is known. */
export function parseLine(command: Command, words: readonly string[]): Line {
  const reading: Reading = { command, options: { ...command.options, ...commonOptions }, values: new Map(), args: [] };
  const dashes = words.indexOf('--');
  const before = dashes < 0 ? words : words.slice(0, dashes);
  for (let at = 0; at < before.length;) at += takeWord(reading, before, at);
  if (reading.values.get('help') === true) return { kind: 'help' };
  const rest = dashes < 0 ? undefined : words.slice(dashes + 1);
  checkArguments(reading, rest);
  const options = Object.fromEntries(
    Object.entries(command.options).map(([name, option]) => [name, reading.values.get(name) ?? absentValue(option)]),
  );
  // What an option is declared as decides how its words were read above.
  return { kind: 'run', parsed: { options: options as Parsed['options'], args: reading.args, rest } };
}

function absentValue(option: Option): Value {
  return option.kind === 'flag' ? false : option.kind === 'texts' ? [] : undefined;
}

/** Takes the word at a place; says how many words that took. */
function takeWord(reading: Reading, words: readonly string[], at: number): number {
  const word = words[at] ?? '';
  if (word.startsWith('--')) {
    const equals = word.indexOf('=');
    const name = equals < 0 ? word.slice(2) : word.slice(2, equals);
    return takeLong(reading, name, equals < 0 ? undefined : word.slice(equals + 1), words[at + 1]);
  }
  // A lone dash is standard input.
  if (word.startsWith('-') && word !== '-') return takeShort(reading, word.slice(1), words[at + 1]);
  reading.args.push(word);
  return 1;
}

function takeLong(reading: Reading, name: string, joined: string | undefined, next: string | undefined): number {
  const option = Object.hasOwn(reading.options, name) ? reading.options[name] : undefined;
  if (option === undefined) {
    const known = Object.entries(reading.options)
      .filter(([, each]) => each.hidden !== true)
      .map(([each]) => each);
    throw unknownWord('option', name, known, (text) => `--${text}`);
  }
  if (option.kind === 'flag') {
    if (joined !== undefined && joined !== 'true' && joined !== 'false')
      throw usageError(`--${name} takes no value`, `write --${name}`);
    reading.values.set(name, joined !== 'false');
    return 1;
  }
  setValue(reading, name, option, joined ?? next);
  return joined === undefined ? 2 : 1;
}

/** `-n NAME`, `-nNAME`, `-n=NAME`, and flags together: `-di`. */
function takeShort(reading: Reading, letters: string, next: string | undefined): number {
  for (let at = 0; at < letters.length; at++) {
    const letter = letters[at] ?? '';
    const found = Object.entries(reading.options).find(([, option]) => option.short === letter);
    if (found === undefined) throw usageError(`option -${letter} is not known`);
    const [name, option] = found;
    if (option.kind === 'flag') {
      reading.values.set(name, true);
      continue;
    }
    const joined = letters.slice(at + 1).replace(/^=/u, '');
    setValue(reading, name, option, joined === '' ? next : joined);
    return joined === '' ? 2 : 1;
  }
  return 1;
}

function setValue(reading: Reading, name: string, option: Option, text: string | undefined): void {
  const shown = `--${name} ${option.value ?? 'VALUE'}`;
  if (text === undefined) throw usageError(`--${name} needs a value`, `write ${shown}`);
  if (option.choices !== undefined && !option.choices.includes(text))
    throw usageError(`--${name} cannot be ${JSON.stringify(text)}`, `use one of: ${option.choices.join(', ')}`);
  if (option.kind === 'texts') {
    const before = reading.values.get(name);
    reading.values.set(name, [...(Array.isArray(before) ? (before as readonly string[]) : []), text]);
    return;
  }
  if (option.kind === 'number' && !/^\d{1,9}$/u.test(text))
    throw usageError(`--${name} must be a whole number, not ${JSON.stringify(text)}`, `write ${shown}`);
  reading.values.set(name, option.kind === 'number' ? Number(text) : text);
}

function checkArguments({ command, args }: Reading, rest: readonly string[] | undefined): void {
  const missing = command.arguments.find((argument, at) => argument.optional !== true && args[at] === undefined);
  if (missing !== undefined) throw usageError(`${missing.name} is missing: ${missing.text}`);
  const surplus = args[command.arguments.length];
  if (surplus !== undefined) {
    const fix = command.rest === undefined ? undefined : `write it after --, as in: ${command.examples[0]?.line ?? ''}`;
    throw usageError(`${JSON.stringify(surplus)} is one argument too many`, fix);
  }
  if (command.rest === undefined && rest !== undefined) throw usageError('nothing may stand after --');
  if (command.rest !== undefined && command.rest.optional !== true && (rest ?? []).length === 0)
    throw usageError(`${command.rest.name} is missing: ${command.rest.text}`, 'write it after --');
}
