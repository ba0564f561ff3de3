/** An Envoy that runs from a static bootstrap. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { JsonObject } from '../../../src/base/json.ts';

/** A running Envoy. */
export interface RunningEnvoy {
  /** Answer of the admin page. */
  readonly admin: (path: string) => Promise<string>;
  /** Value of a counter or gauge; 0 where nothing counted it. */
  readonly stat: (name: string) => Promise<number>;
  readonly stop: () => Promise<void>;
}

/** Starts an Envoy and waits until it is ready. Fails with what it said. */
export async function startEnvoy(binary: string, bootstrap: JsonObject): Promise<RunningEnvoy> {
  const folder = await mkdtemp(join(tmpdir(), 'mizzen-live-'));
  const [config, addressFile] = [join(folder, 'envoy.json'), join(folder, 'admin')];
  const admin = { address: { socket_address: { address: '127.0.0.1', port_value: 0 } } };
  await writeFile(config, JSON.stringify({ ...bootstrap, admin }), { mode: 0o600 });
  const flags = ['--disable-hot-restart', '--concurrency', '1', '-l', 'warning', '--drain-time-s', '1'];
  const child = spawn(binary, ['-c', config, '--admin-address-path', addressFile, ...flags], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const said: string[] = [];
  child.stderr?.setEncoding('utf8').on('data', (text: string) => void said.push(text));
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const address = await ready(child, addressFile);
    const ask = async (path: string): Promise<string> => (await fetch(`http://${address}${path}`)).text();
    return {
      admin: ask,
      stat: async (name) => statOf(await ask(`/stats?filter=${encodeURIComponent(name)}`), name),
      stop,
    };
  } catch (error) {
    await stop();
    throw new Error(said.join('').slice(-4_000), { cause: error });
  }
}

async function ready(child: ChildProcess, addressFile: string): Promise<string> {
  for (let tries = 0; tries < 400; tries++) {
    if (child.exitCode !== null) throw new Error(`Envoy ended with ${child.exitCode}`);
    const address = await readFile(addressFile, 'utf8').catch(() => '');
    const answer = address === '' ? undefined : await fetch(`http://${address}/ready`).catch(() => undefined);
    if (answer?.status === 200) return address;
    await wait(25);
  }
  throw new Error('Envoy was not ready within 10 s');
}

function statOf(text: string, name: string): number {
  const line = text.split('\n').find((each) => each.startsWith(`${name}: `));
  return line === undefined ? 0 : Number(line.slice(name.length + 2));
}
