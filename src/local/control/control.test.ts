import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { MizzenError } from '../../base/error.ts';
import { connectControl } from './client.ts';
import { frameOf, inputWindowBytes, jsonFrame, maxPayloadBytes } from './frames.ts';
import type { ExecRequest, LogsRequest, MeshControl, MeshStatus, ObjectFilter } from './protocol.ts';
import { serveControl } from './server.ts';

const status: MeshStatus = {
  mesh: 'shop',
  folder: '/shop',
  manifests: ['/shop'],
  state: 'ready',
  mode: 'user',
  generation: 7,
  startedAt: '2026-01-01T00:00:00Z',
  notes: ['UDP other than DNS does not leave'],
  tryThis: [],
  gateways: [],
  pods: [],
  proxies: [],
  problems: [],
  controlPlane: { connected: true, reason: '' },
};

const mesh: MeshControl = {
  status: async () => status,
  objects: async () => [],
  // oxlint-disable-next-line require-yield -- a log without a line
  logs: async function* () {
    return;
  },
  exec: async () => 0,
  stop: async () => undefined,
};

async function served(t: TestContext, parts: Partial<MeshControl>): Promise<{ client: MeshControl; path: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'mizzen-control-'));
  const path = join(folder, 'control.sock');
  const server = await serveControl({ ...mesh, ...parts }, path);
  t.after(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });
  return { client: connectControl(path), path };
}

function execRequest(parts: Partial<ExecRequest> = {}): ExecRequest & { stdout: PassThrough; stderr: PassThrough } {
  const streams = { stdin: Readable.from([]), stdout: new PassThrough(), stderr: new PassThrough() };
  return { name: 'web', namespace: 'default', argv: ['cat'], ...streams, ...(parts as object) };
}

test('status and objects cross the socket; the filter arrives and line maps stay behind', async (t) => {
  const filters: ObjectFilter[] = [];
  const object = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'default' } };
  const { client, path } = await served(t, {
    objects: async (filter) => {
      filters.push(filter);
      return [{ object, origin: { file: 'a.yaml', line: 3, lines: { kind: 4 } } }];
    },
  });
  assert.deepEqual(await client.status(), status);
  assert.deepEqual(await client.objects({ kind: 'Service', name: 'a&b=c' }), [
    { object, origin: { file: 'a.yaml', line: 3 } },
  ]);
  assert.deepEqual(filters, [{ kind: 'Service', name: 'a&b=c' }]);
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test('an error keeps its code, message and fix; a bug says so without a stack', async (t) => {
  const { client } = await served(t, {
    status: async () => {
      throw new MizzenError('not-yet', 'the mesh is starting', { fix: 'wait' });
    },
    objects: async () => {
      throw new TypeError('x is undefined');
    },
  });
  await assert.rejects(client.status(), {
    name: 'MizzenError',
    code: 'not-yet',
    message: 'the mesh is starting',
    fix: 'wait',
  });
  await assert.rejects(client.objects({}), { code: 'bug', message: 'the supervisor failed: x is undefined' });
});

test('a socket that nobody serves, and a folder that is not there', async () => {
  await assert.rejects(connectControl('/nowhere/control.sock').status(), { code: 'mesh-unreachable' });
  await assert.rejects(connectControl(`/nowhere/${'x'.repeat(120)}/control.sock`).status(), {
    code: 'mesh-unreachable',
  });
  const streams = execRequest();
  await assert.rejects(connectControl('/nowhere/control.sock').exec(streams), { code: 'mesh-unreachable' });
});

test("a path longer than the kernel's limit works", async (t) => {
  const base = mkdtempSync(join(tmpdir(), 'mizzen-control-'));
  const folder = join(base, 'deep'.repeat(30));
  mkdirSync(folder);
  const server = await serveControl(mesh, join(folder, 'control.sock'));
  t.after(async () => {
    await server.close();
    rmSync(base, { recursive: true });
  });
  assert.equal((await connectControl(join(folder, 'control.sock')).status()).mesh, 'shop');
  assert.equal(statSync(join(folder, 'control.sock')).mode & 0o777, 0o600);
});

test('stop is passed on', async (t) => {
  let stopped = 0;
  const { client } = await served(t, {
    stop: async () => {
      stopped++;
    },
  });
  await client.stop();
  assert.equal(stopped, 1);
});

test('a log: its request, its bytes, an error before the first of them and one after', async (t) => {
  const requests: LogsRequest[] = [];
  const { client } = await served(t, {
    logs: async function* (request) {
      requests.push(request);
      if (request.name === 'none') throw new MizzenError('pod-unknown', 'there is no pod none');
      yield Buffer.from('one\n');
      if (request.name === 'half') throw new MizzenError('log-lost', 'the log is gone', { fix: 'ö' });
      yield Buffer.from('two\n');
    },
  });
  const read = (name: string): Promise<string> =>
    text(client.logs({ name, namespace: 'default', follow: false, tail: 5, container: 'app' }));
  assert.equal(await read('web'), 'one\ntwo\n');
  const { signal, ...request } = requests[0] ?? assert.fail('no request came');
  assert.ok(signal);
  assert.deepEqual(request, {
    name: 'web',
    namespace: 'default',
    follow: false,
    previous: false,
    tail: 5,
    container: 'app',
  });
  await assert.rejects(read('none'), { code: 'pod-unknown' });
  await assert.rejects(read('half'), { code: 'log-lost', fix: 'ö' });
});

test('a reader of a silent log that leaves is noticed, at either end', async (t) => {
  const { promise: left, resolve: leave } = Promise.withResolvers<void>();
  const { client } = await served(t, {
    logs: async function* ({ signal }) {
      yield Buffer.from('first\n');
      await new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve()));
      leave();
    },
  });
  const reader = new AbortController();
  for await (const chunk of client.logs({ name: 'web', namespace: 'default', follow: true, signal: reader.signal })) {
    assert.equal(Buffer.from(chunk).toString(), 'first\n');
    reader.abort();
  }
  await left;
});

test('exec: input, both outputs and the exit code', async (t) => {
  const { client } = await served(t, {
    exec: async ({ name, namespace, container, argv, stdin, stdout, stderr }) => {
      stderr.write(JSON.stringify({ name, namespace, container, argv }));
      stdout.write(await buffer(stdin));
      return 42;
    },
  });
  const input = Buffer.alloc(3 * inputWindowBytes + 17, 'abcdefg');
  const request = execRequest({ stdin: Readable.from([input.subarray(0, 5), input.subarray(5)]), container: 'app' });
  const [code, output] = await Promise.all([
    client.exec(request).finally(() => request.stdout.end()),
    buffer(request.stdout),
  ]);
  assert.equal(code, 42);
  assert.ok(output.equals(input));
  const said = JSON.parse(String(request.stderr.read())) as unknown;
  assert.deepEqual(said, { name: 'web', namespace: 'default', container: 'app', argv: ['cat'] });
});

test('exec: a refusal is an error, and so is a mesh that ends', async (t) => {
  const { client } = await served(t, {
    exec: async () => {
      throw new MizzenError('container-unknown', 'web has no container app', { fix: 'name one of: web' });
    },
  });
  await assert.rejects(client.exec(execRequest()), { code: 'container-unknown', fix: 'name one of: web' });

  const folder = mkdtempSync(join(tmpdir(), 'mizzen-control-'));
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const server = await serveControl(
    {
      ...mesh,
      exec: ({ signal }) => (begin(), new Promise((resolve) => signal?.addEventListener('abort', () => resolve(0)))),
    },
    join(folder, 'control.sock'),
  );
  const running = connectControl(join(folder, 'control.sock')).exec(execRequest());
  await begun;
  await Promise.all([assert.rejects(running, { code: 'mesh-gone' }), server.close()]);
  rmSync(folder, { recursive: true });
});

test('exec: a command that reads nothing holds its caller back, and hears when the caller leaves', async (t) => {
  const { promise: ended, resolve: end } = Promise.withResolvers<number>();
  const { client } = await served(t, {
    exec: ({ stdin, signal }) =>
      new Promise((resolve) => {
        // Reading once is what makes a stream ask for input at all.
        stdin.once('readable', () => undefined);
        signal?.addEventListener('abort', () => {
          end(stdin.readableLength);
          resolve(137);
        });
      }),
  });
  let sent = 0;
  const stdin = new Readable({
    highWaterMark: 16 * 1024,
    read() {
      sent += 16 * 1024;
      this.push(Buffer.alloc(16 * 1024));
    },
  });
  const caller = new AbortController();
  const running = client.exec(execRequest({ stdin, signal: caller.signal }));
  // The source is asked for more only while there is credit: it comes to rest.
  for (let before = -1; before !== sent || sent < inputWindowBytes;) {
    before = sent;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.ok(sent <= inputWindowBytes + 2 * maxPayloadBytes, `${sent} bytes were taken from the source`);
  caller.abort();
  await assert.rejects(running, { code: 'mesh-gone' });
  assert.ok((await ended) <= inputWindowBytes);
});

test('exec: a caller that does not take the output holds the command back', async (t) => {
  let written = 0;
  const { client } = await served(t, {
    exec: async ({ stdout, signal }) => {
      const piece = Buffer.alloc(maxPayloadBytes);
      while (signal?.aborted !== true && written < 64 * 1024 * 1024) {
        written += piece.length;
        if (!stdout.write(piece)) await Promise.race([once(stdout, 'drain'), once(signal ?? assert.fail(), 'abort')]);
      }
      return 0;
    },
  });
  const caller = new AbortController();
  const stuck = new Writable({ highWaterMark: 1, write: () => undefined });
  const running = client.exec(execRequest({ stdout: stuck, signal: caller.signal } as object));
  for (let before = -1; before !== written || written === 0;) {
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.ok(written < 4 * 1024 * 1024, `${written} bytes were written for nobody`);
  caller.abort();
  await assert.rejects(running, { code: 'mesh-gone' });
});

test('exec: bytes that are no frames, and input without credit, cut the connection', async (t) => {
  const { path } = await served(t, {
    exec: ({ signal }) => new Promise((resolve) => signal?.addEventListener('abort', () => resolve(0))),
  });
  const asking = 'POST /exec HTTP/1.1\r\nHost: mesh\r\nConnection: Upgrade\r\nUpgrade: mizzen-exec\r\n\r\n';
  const wanted = jsonFrame(0, { name: 'web', namespace: 'default', argv: ['cat'] });
  const bad: readonly Buffer[] = [
    Buffer.from([9, 0, 0, 0, 0]),
    Buffer.from([1, 255, 255, 255, 255]),
    jsonFrame(0, { name: 'web', namespace: 'default', argv: [] }),
    frameOf(0, Buffer.from('{')),
    frameOf(6),
    Buffer.concat([wanted, frameOf(1, Buffer.alloc(10))]),
  ];
  for (const bytes of bad) {
    const socket = connect(path);
    socket.write(Buffer.concat([Buffer.from(asking), bytes]));
    const answer = await text(socket);
    assert.match(answer, /^HTTP\/1\.1 101 /u);
    assert.ok(!answer.includes('exitCode'), answer);
  }
  const other = connect(path);
  other.write(asking.replace('mizzen-exec', 'websocket'));
  assert.match(await text(other), /^HTTP\/1\.1 400 /u);
});
