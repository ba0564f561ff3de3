import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { commandNames, loadAllCommands, loadCommand } from './commands.ts';
import { createPlace } from './testing/run-cli.ts';

test('help of the program and of every command', async (t) => {
  const place = createPlace(t);
  const texts: string[] = [];
  for (const line of [['--help'], ...commandNames.map((name) => [name, '--help'])]) {
    const { code, out, err } = await place.run(line);
    assert.deepEqual([code, err], [0, ''], line.join(' '));
    texts.push(`===== mizzen ${line.join(' ')}\n${out}`);
  }
  t.assert.fileSnapshot(texts.join('\n'), join(import.meta.dirname, 'goldens/help.txt'), {
    serializers: [(text: string) => text],
  });
});

test('help can be had in other ways, under another name, and without a command it is an error', async (t) => {
  const place = createPlace(t);
  assert.deepEqual(await place.run(['help']), await place.run(['-h']));
  assert.deepEqual(await place.run(['help', 'logs']), await place.run(['logs', '-h']));
  const { out } = await place.run(['logs', '--help'], { program: 'istioctl' });
  assert.match(out, /istioctl logs NAME \[OPTIONS\]/u);
  assert.doesNotMatch(out, /mizzen/u);
  const { code, out: nothing, err } = await place.run([]);
  assert.deepEqual([code, nothing], [2, '']);
  assert.match(err, /^Mizzen: /u);
});

test('every command is listed under its own name and aliases, and its texts hold to the form', async () => {
  const commands = await loadAllCommands();
  for (const command of commands) {
    assert.equal(await loadCommand(command.name), command);
    for (const alias of command.aliases ?? []) assert.equal(await loadCommand(alias), command);
    assert.match(command.summary, /^[A-Z].*[^.]$/u);
    assert.ok(command.examples.length > 0, command.name);
    for (const { line } of command.examples) assert.equal(line.split(' ')[0], command.name);
    const shorts = Object.values(command.options).flatMap(({ short }) => short ?? []);
    assert.equal(new Set(['h', ...shorts]).size, shorts.length + 1, command.name);
    const lines = [command.summary, ...(command.description ?? '').split('\n')];
    for (const line of lines) assert.ok(line.length <= 120, line);
  }
  assert.deepEqual(
    commands.filter(({ hidden }) => hidden !== true).map(({ name }) => name),
    commandNames,
  );
  assert.equal(await loadCommand('constructor'), undefined);
});
