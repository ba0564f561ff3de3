import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const main = join(import.meta.dirname, 'main.ts');

test('the program: output, exit codes, and the name it was called by', (t) => {
  const home = mkdtempSync(join(tmpdir(), 'mizzen-main-'));
  t.after(() => rmSync(home, { recursive: true }));
  const run = (args: readonly string[], env = {}): readonly [number | null, string, string] => {
    const options = { encoding: 'utf8', env: { PATH: process.env['PATH'] ?? '', HOME: home, ...env } } as const;
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], options);
    return [status, stdout, stderr];
  };
  const [code, out] = run(['version']);
  assert.deepEqual([code, out.split('\n')[1]], [0, 'envoy version: 1.40.0']);
  assert.deepEqual(run(['status']), [1, '', 'error: no mesh is running\n  fix: start one: mizzen up DIR\n']);
  assert.match(run(['status'], { MIZZEN_CALLED_AS: '/usr/bin/istioctl' })[2], /fix: start one: istioctl up DIR/u);
  assert.equal(run(['nope'])[0], 2);
});

test('a reader that has seen enough ends it quietly', async () => {
  const child = spawn(process.execPath, [main, 'explain-api', 'pod'], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
  const code = await new Promise((resolve) => child.on('close', resolve));
  assert.deepEqual([code, said], [141, '']);
});
