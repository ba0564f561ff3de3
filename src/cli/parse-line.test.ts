import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MizzenError } from '../base/error.ts';
import { defineCommand } from './command.ts';
import { parseLine } from './parse-line.ts';

const command = defineCommand({
  name: 'try',
  summary: 'Try',
  examples: [{ line: 'try a -- b', text: 'it' }],
  arguments: [
    { name: 'FIRST', text: 'the first' },
    { name: 'SECOND', text: 'the second', optional: true },
  ],
  rest: { name: 'COMMAND', text: 'more', optional: true },
  options: {
    flag: { kind: 'flag', short: 'f', text: 'a flag' },
    name: { kind: 'text', short: 'n', value: 'NAME', text: 'a text' },
    many: { kind: 'texts', short: 'm', text: 'texts' },
    size: { kind: 'number', text: 'a number' },
    kind: { kind: 'text', choices: ['red', 'blue'], text: 'a choice' },
  },
  run: async () => 0,
});

const none = { flag: false, name: undefined, many: [], size: undefined, kind: undefined };

function parsed(line: string): unknown {
  const result = parseLine(
    command,
    line.split(' ').filter((word) => word !== ''),
  );
  if (result.kind === 'help') return 'help';
  const { options, args, rest } = result.parsed;
  return { options, args, rest };
}

test('options in every form', () => {
  const cases: readonly (readonly [string, object])[] = [
    ['a', {}],
    ['a --flag', { flag: true }],
    ['a -f', { flag: true }],
    ['a --flag=false', {}],
    ['a --name x', { name: 'x' }],
    ['a --name=x=y', { name: 'x=y' }],
    ['a -n x', { name: 'x' }],
    ['a -nx', { name: 'x' }],
    ['a -n=x', { name: 'x' }],
    ['a -fnx', { flag: true, name: 'x' }],
    ['a -n --flag', { name: '--flag' }],
    ['a --many 1 -m 2 -m3', { many: ['1', '2', '3'] }],
    ['a --size 10', { size: 10 }],
    ['a --kind red', { kind: 'red' }],
  ];
  for (const [line, options] of cases)
    assert.deepEqual(parsed(line), { options: { ...none, ...options }, args: ['a'], rest: undefined }, line);
});

test('arguments and what stands after --', () => {
  assert.deepEqual(parsed('a b'), { options: none, args: ['a', 'b'], rest: undefined });
  assert.deepEqual(parsed('-'), { options: none, args: ['-'], rest: undefined });
  assert.deepEqual(parsed('a -- -f --help x'), { options: none, args: ['a'], rest: ['-f', '--help', 'x'] });
  assert.deepEqual(parsed('a --'), { options: none, args: ['a'], rest: [] });
  assert.equal(parsed('--help'), 'help');
  assert.equal(parsed('a b -h'), 'help');
});

test('what is wrong is said, with the nearest name', () => {
  const cases: readonly (readonly [string, string, string | undefined])[] = [
    ['a --flga', 'option --flga is not known', 'did you mean --flag?'],
    ['a --constructor', 'option --constructor is not known', undefined],
    ['a -x', 'option -x is not known', undefined],
    ['a --name', '--name needs a value', 'write --name NAME'],
    ['a --flag=yes', '--flag takes no value', 'write --flag'],
    ['a --size many', '--size must be a whole number, not "many"', 'write --size VALUE'],
    ['a --size -1', '--size must be a whole number, not "-1"', 'write --size VALUE'],
    ['a --kind green', '--kind cannot be "green"', 'use one of: red, blue'],
    ['', 'FIRST is missing: the first', undefined],
    ['a b c', '"c" is one argument too many', 'write it after --, as in: try a -- b'],
  ];
  for (const [line, message, fix] of cases) {
    assert.throws(
      () => parsed(line),
      (error) =>
        error instanceof MizzenError && error.code === 'usage' && error.message === message && error.fix === fix,
      line,
    );
  }
});
