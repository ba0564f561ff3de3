import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { MizzenError } from '../base/error.ts';
import {
  controlSocketName,
  type MeshStatus,
  type RunningMesh,
  type StartMesh,
  type StartMeshOptions,
} from '../local/control/protocol.ts';
import { serveControl } from '../local/control/server.ts';
import type { Context } from './context.ts';
import { claimFolder, meshNameOf, ownerOf, removeLeftBehind } from './state-folder.ts';
import { statusWith } from './testing/fake-mesh.ts';
import { createPlace, fixedNow, type Place, type Ran } from './testing/run-cli.ts';

/** A mesh in this process whose statuses come from a list, the last one again and again. */
interface FakeRun {
  readonly given: StartMeshOptions[];
  readonly calls: string[];
  readonly start: StartMesh;
  /** Ends the mesh by itself. */
  end(code: number): void;
}

function fakeRun(statuses: readonly MeshStatus[], onStatus: (at: number) => void = () => undefined): FakeRun {
  const given: StartMeshOptions[] = [];
  const calls: string[] = [];
  const { promise: stopped, resolve: end } = Promise.withResolvers<number>();
  let asked = 0;
  const mesh: RunningMesh = {
    control: {
      status: async () => {
        const at = asked++;
        onStatus(at);
        return statuses[Math.min(at, statuses.length - 1)] ?? assert.fail();
      },
      objects: () => Promise.resolve([]),
      logs: () => assert.fail(),
      exec: () => assert.fail(),
      stop: async () => end(0),
    },
    stopped,
    stop: async () => {
      calls.push('stop');
      await stopped;
    },
    kill: () => {
      calls.push('kill');
      end(137);
    },
  };
  const start: StartMesh = async (options) => {
    given.push(options);
    options.onProgress('sandbox ready');
    return mesh;
  };
  return { given, calls, start, end };
}

interface Interrupts {
  readonly parts: Partial<Context>;
  fire(): void;
  isHeard(): boolean;
}

function interrupts(start: StartMesh): Interrupts {
  const listeners = new Set<() => void>();
  return {
    parts: {
      loadStartMesh: async () => start,
      now: () => fixedNow,
      onInterrupt: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    fire: () => {
      for (const listener of listeners) listener();
    },
    isHeard: () => listeners.size > 0,
  };
}

function createShop(t: Parameters<typeof createPlace>[0]): Place {
  const place = createPlace(t);
  mkdirSync(join(place.folder, 'shop'));
  return place;
}

test('up tells its start, its table, every change, and ends with Ctrl-C', async (t) => {
  const place = createShop(t);
  const starting = statusWith({ state: 'starting', pods: [], proxies: [] });
  const ready = statusWith({ tryThis: ['mizzen status'] });
  const changed = statusWith({ tryThis: ['mizzen status'], generation: 8, changedFiles: ['a.yaml'] });
  const mesh = fakeRun([starting, starting, ready, ready, changed], (at) => {
    if (at !== 5) return;
    world.fire();
    mesh.end(0);
  });
  const world = interrupts(mesh.start);
  const { code, out, err } = await place.run(
    ['up', 'shop', '--port', '80=8080', '--port', '443=0', '--user'],
    world.parts,
  );
  assert.equal(code, 0);
  assert.equal(
    err,
    `sandbox ready
control plane ready, pods ready 0/0, proxies SYNCED 0/0
control plane ready, pods ready 1/1, proxies SYNCED 1/1
stopping… (Ctrl-C again kills at once)
`,
  );
  assert.match(
    out,
    /^\nmesh shop is ready: [^]*\n\nopen http:\/\/localhost:8080\n\ntry:\n {2}mizzen status\n\nCtrl-C stops it\.\n\d\d:\d\d:\d\d generation 8: a\.yaml changed\n$/u,
  );
  const { onProgress: _, signal, ...given } = mesh.given[0] ?? assert.fail();
  assert.ok(signal.aborted);
  const stateFolder = join(place.folder, 'state/mizzen/shop');
  assert.deepEqual(given, {
    folder: join(place.folder, 'shop'),
    stateFolder,
    name: 'shop',
    mode: 'user',
    allowLoopback: false,
    ports: { 80: 8080, 443: 0 },
  });
  assert.deepEqual([mesh.calls, world.isHeard(), readdirSync(stateFolder)], [['stop'], false, ['mesh.json']]);
});

test('a second Ctrl-C kills at once', async (t) => {
  const place = createShop(t);
  const mesh = fakeRun([statusWith()], (at) => {
    if (at === 1 || at === 2) world.fire();
  });
  const world = interrupts(mesh.start);
  assert.equal((await place.run(['up', 'shop'], world.parts)).code, 0);
  assert.deepEqual(mesh.calls, ['stop', 'kill']);
});

test('Ctrl-C during the start, and a start that fails', async (t) => {
  const place = createShop(t);
  const slow: StartMesh = ({ signal }) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error('aborted')));
      setImmediate(() => world.fire());
    });
  const world = interrupts(slow);
  assert.deepEqual(await place.run(['up', 'shop'], world.parts), {
    code: 130,
    out: '',
    err: 'stopping… (Ctrl-C again kills at once)\n',
  });
  const refused: StartMesh = () =>
    Promise.reject(new MizzenError('sandbox-refused', 'no namespaces here', { fix: 'sudo' }));
  assert.deepEqual(await place.run(['up', 'shop'], interrupts(refused).parts), {
    code: 1,
    out: '',
    err: 'error: no namespaces here\n  fix: sudo\n',
  });
  assert.equal(ownerOf(join(place.folder, 'state/mizzen/shop')), undefined);
});

test('a mesh that ends by itself gives its exit code', async (t) => {
  const place = createShop(t);
  const mesh = fakeRun([statusWith()], (at) => {
    if (at === 1) mesh.end(3);
  });
  assert.equal((await place.run(['up', 'shop'], interrupts(mesh.start).parts)).code, 3);
});

test('what up refuses', async (t) => {
  const place = createShop(t);
  mkdirSync(join(place.folder, 'other/shop'), { recursive: true });
  const cases: readonly (readonly [string, number, RegExp])[] = [
    ['up', 2, /^error: DIR is missing/u],
    ['up nope', 1, /^error: nope does not exist/u],
    ['up shop --port 80', 2, /^error: --port cannot be "80"\n {2}fix: write GATEWAYPORT=HOSTPORT/u],
    ['up shop --port 0=80', 2, /^error: --port cannot be/u],
    [
      'up shop --port 81=8081',
      2,
      /^error: --port names port 81, which the gateway does not have\n {2}fix: its ports are 80 and 443\n/u,
    ],
    ['up shop --port 80=70000', 2, /^error: --port cannot be/u],
    ['up shop --root --user', 2, /^error: --root and --user exclude each other/u],
    ['up shop --name Shop', 2, /^error: --name cannot be "Shop"/u],
  ];
  for (const [line, code, message] of cases) {
    const ran = await place.run(line.split(' '));
    assert.equal(ran.code, code, line);
    assert.match(ran.err, message);
  }
  const mine = claimFolder(join(place.folder, 'state/mizzen/shop'), join(place.folder, 'shop'), 'mizzen');
  for (const line of ['up shop', 'up -d shop'])
    assert.match(
      (await place.run(line.split(' '))).err,
      /^error: a mesh runs in FOLDER\/state\/mizzen\/shop already \(process \d+\)\n/u,
    );
  assert.match((await place.run(['status'])).err, /^error: the mesh is still starting\n/u);
  const other = claimFolder(join(place.folder, 'state/mizzen/two'), join(place.folder, 'shop'), 'mizzen');
  assert.match(
    (await place.run(['status'])).err,
    /^error: several meshes run: shop, two\n {2}fix: name one: --state FOLDER/u,
  );
  other.release({ remove: true });
  mine.release({ remove: false });
  assert.match(
    (await place.run(['up', 'other/shop'])).err,
    /^error: FOLDER\/state\/mizzen\/shop holds the state of the mesh of FOLDER\/shop\n/u,
  );
});

/** `up -d` in a world where the process in the background is this one. */
async function runDetached(
  t: Parameters<typeof createPlace>[0],
  how: 'ready' | 'stuck' | 'failed',
): Promise<{ ran: Ran; args: readonly string[] }> {
  const place = createShop(t);
  let args: readonly string[] = [];
  const stateFolder = join(place.folder, 'state/mizzen/shop');
  const ran = await place.run(['up', '-d', 'shop', '--user', '--port', '80=0', '--timeout', '1'], {
    startSelf: (given, logFile) => {
      args = given;
      writeFileSync(logFile, 'sandbox ready\n');
      const { promise: exited, resolve: exit } = Promise.withResolvers<number>();
      if (how === 'failed') {
        writeFileSync(logFile, 'sandbox ready\nerror: no namespaces here\n');
        exit(1);
      } else {
        const [pod] = statusWith().pods;
        const pods =
          pod === undefined
            ? []
            : [{ ...pod, ready: false, phase: 'Pending', reason: 'web: CrashLoopBackOff' } as const];
        const status = how === 'ready' ? statusWith() : statusWith({ state: 'starting', pods });
        const control = { ...fakeControl, status: async () => status };
        const served = serveControl(control, join(stateFolder, controlSocketName));
        t.after(async () => (await served).close());
      }
      return { pid: 4711, exited, release: () => undefined };
    },
  });
  return { ran, args: args.map((word) => word.replaceAll(place.folder, 'FOLDER')) };
}

const fakeControl = {
  objects: () => Promise.resolve([]),
  logs: () => assert.fail(),
  exec: () => assert.fail(),
  stop: () => Promise.resolve(),
};

test('up -d returns when everything is ready', async (t) => {
  const { ran, args } = await runDetached(t, 'ready');
  assert.deepEqual([ran.code, ran.err], [0, 'sandbox ready\n']);
  assert.match(
    ran.out,
    /^\nmesh shop is ready[^]*\nopen http:\/\/localhost:8080\n\nit runs in the background \(process 4711\); mizzen down stops it\n$/u,
  );
  assert.deepEqual(
    args.join(' '),
    'up FOLDER/shop --quiet --name shop --state FOLDER/state/mizzen/shop --user --port 80=0',
  );
});

test('up -d that does not become ready, or ends, says why', async (t) => {
  const stuck = await runDetached(t, 'stuck');
  assert.deepEqual([stuck.ran.code, stuck.ran.out], [1, '']);
  assert.match(
    stuck.ran.err,
    /\nerror: the mesh is not ready after 1 s: pod default\/web-1 is Pending web: CrashLoopBackOff\n {2}fix: it goes on in the background/u,
  );
  const failed = await runDetached(t, 'failed');
  assert.equal(failed.ran.code, 1);
  assert.match(
    failed.ran.err,
    /^sandbox ready\nerror: no namespaces here\nerror: the mesh did not start; the reason is above\n/u,
  );
});

test('down asks the mesh to stop and waits until its process has let go', async (t) => {
  const place = createShop(t);
  assert.deepEqual(await place.run(['down']), { code: 0, out: 'no mesh is running\n', err: '' });
  const stateFolder = join(place.folder, 'state/mizzen/shop');
  const claimed = claimFolder(stateFolder, join(place.folder, 'shop'), 'mizzen');
  let stops = 0;
  const control = {
    ...fakeControl,
    status: async () => statusWith(),
    stop: async () => {
      stops++;
      setTimeout(() => claimed.release({ remove: false }), 100);
    },
  };
  const server = await serveControl(control, join(stateFolder, controlSocketName));
  t.after(() => server.close());
  assert.deepEqual(await place.run(['down']), { code: 0, out: 'stopped\n', err: '' });
  assert.deepEqual([stops, ownerOf(stateFolder)], [1, undefined]);
});

test('the demo leaves no file behind, not even the folders above its own', async (t) => {
  const place = createPlace(t);
  const home = join(place.folder, 'state/mizzen');
  const mesh = fakeRun([statusWith()], (at) => {
    if (at !== 1) return;
    assert.deepEqual(readdirSync(home), [`demo-${process.pid}`]);
    world.fire();
    mesh.end(0);
  });
  const world = interrupts(mesh.start);
  assert.equal((await place.run(['demo', '--port', '80=0'], world.parts)).code, 0);
  assert.match(mesh.given[0]?.folder ?? '', /\/examples\/bookinfo$/u);
  assert.ok(!existsSync(join(place.folder, 'state')));
});

test('state folders: names, owners that died, what was left behind', (t) => {
  const place = createPlace(t);
  assert.deepEqual(['/a/My Shop_2', '/', '/--x--', `/${'y'.repeat(60)}`].map(meshNameOf), [
    'my-shop-2',
    'mesh',
    'x',
    'y'.repeat(40),
  ]);
  const path = join(place.folder, 'state/one');
  const claimed = claimFolder(path, '/shop', 'mizzen');
  assert.equal(ownerOf(path), process.pid);
  // The process number lives, but its start was another one.
  const owner = JSON.parse(readFileSync(join(path, 'owner.json'), 'utf8')) as object;
  writeFileSync(join(path, 'owner.json'), JSON.stringify({ ...owner, startTicks: '1' }));
  assert.equal(ownerOf(path), undefined);
  writeFileSync(join(path, 'owner.json'), '{');
  assert.equal(ownerOf(path), undefined);
  claimed.release({ remove: true });
  assert.ok(!existsSync(join(place.folder, 'state')));

  const home = join(place.folder, 'home');
  for (const name of ['demo-999999999', `demo-${process.pid}`, 'demo-x', 'shop'])
    mkdirSync(join(home, name), { recursive: true });
  removeLeftBehind(home, 'demo-');
  assert.deepEqual(readdirSync(home).toSorted(), [`demo-${process.pid}`, 'demo-x', 'shop']);
});
