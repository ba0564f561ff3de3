import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { createServer as createHttp2 } from 'node:http2';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createBackoff, defaultBackoff } from './backoff.ts';
import { mountTable } from './mount-table.ts';
import { resolvePath } from './host-view.ts';
import { writePayload } from './payload.ts';
import { dropCommand, privilegesOf } from './privileges.ts';
import { attempt } from './probe.ts';
import type { ProbeTarget } from './probe.ts';
import { runProbeLoop } from './probe-loop.ts';
import type { Probe } from './spec.ts';
import { podStatus } from './status.ts';
import { expand, quantity, resourceValue } from './variables.ts';

const folder = mkdtempSync(join(tmpdir(), 'mizzen-parts-'));
after(() => {
  rmSync(folder, { recursive: true });
});

test('variables are expanded as Kubernetes does', () => {
  const values = { A: 'a', B: '$(A)' };
  assert.equal(
    expand('$(A)$(B) $(C) $$(A) $A $( A) $(constructor)', values),
    'a$(A) $(C) $(A) $A $( A) $(constructor)',
  );
});

test('quantities and resources are whole numbers of their divisor', () => {
  assert.deepEqual(['1500m', '2Gi', '1k', 3, '1.5', 'x'].map(quantity), [1.5, 2 ** 31, 1000, 3, 1.5, undefined]);
  const container = { name: 'c', resources: { limits: { cpu: '1500m', memory: '1Gi' }, requests: { cpu: 1 } } };
  const pod = { apiVersion: 'v1', kind: 'Pod' as const, metadata: { name: 'p' }, spec: { containers: [container] } };
  assert.equal(resourceValue(pod, container, { resource: 'limits.memory', divisor: '1Mi' }), '1024');
  assert.equal(resourceValue(pod, container, { resource: 'requests.cpu', divisor: '1m' }), '1000');
  assert.equal(resourceValue(pod, container, { resource: 'requests.memory' }), String(2 ** 30));
});

test('restarts wait longer and longer, and a long run forgives', () => {
  const backoff = createBackoff({ ...defaultBackoff, mostMs: 5000 });
  assert.deepEqual(
    [0, 0, 0, 0, 0, 0].map((run) => backoff.nextMs(run)),
    [0, 1000, 2000, 4000, 5000, 5000],
  );
  assert.deepEqual(
    [600_000, 0].map((run) => backoff.nextMs(run)),
    [0, 1000],
  );
});

test('a payload changes by one swap and keeps what is not its own', () => {
  const place = join(folder, 'payload');
  const file = (text: string, mode = 0o644): { content: Buffer; mode: number } => ({
    content: Buffer.from(text),
    mode,
  });
  assert.equal(
    writePayload(
      place,
      new Map([
        ['a', file('1')],
        ['sub/b', file('2', 0o400)],
      ]),
    ),
    true,
  );
  const first = readlinkSync(`${place}/..data`);
  assert.equal(
    writePayload(
      place,
      new Map([
        ['a', file('1')],
        ['sub/b', file('2', 0o400)],
      ]),
    ),
    false,
  );
  assert.equal(readlinkSync(`${place}/..data`), first);
  assert.equal(statSync(`${place}/sub/b`).mode & 0o777, 0o400);
  assert.equal(writePayload(place, new Map([['a', file('3')]])), true);
  assert.deepEqual(
    [readFileSync(`${place}/a`, 'utf8'), readdirSync(place).filter((one) => !one.startsWith('..'))],
    ['3', ['a']],
  );
  assert.equal(readdirSync(place).filter((one) => one.startsWith('..')).length, 2);
  for (const path of ['../out', '/abs', 'a/../../b', '..data', ''])
    assert.throws(() => writePayload(place, new Map([[path, file('x')]])), /must lie inside/u);
});

test('a mount table escapes what an fstab would cut', () => {
  assert.equal(
    mountTable([{ source: '/a b\\c', target: '/d\te#', type: 'none', options: 'rbind' }]),
    '/a\\040b\\134c /d\\011e\\043 none rbind 0 0\n',
  );
});

test('paths are followed as far as they exist', () => {
  assert.deepEqual(resolvePath('/proc/self/../../etc//./passwd'), {
    path: '/etc/passwd',
    base: '/etc',
    exists: true,
    isFile: true,
  });
  assert.deepEqual(resolvePath(`${folder}/not/there`), {
    path: `${folder}/not/there`,
    base: folder,
    exists: false,
    isFile: false,
  });
  assert.equal(resolvePath('/proc/self/fd/../../mounts').exists, true);
});

test('only init containers and an ordinary user’s proxy keep capabilities', () => {
  const container = {
    name: 'app',
    securityContext: { runAsUser: 7, capabilities: { add: ['NET_ADMIN', 'CAP_SYS_TIME'] } },
  };
  const spec = { containers: [container], securityContext: { fsGroup: 9 } };
  const drop = (request: Partial<Parameters<typeof privilegesOf>[0]>): string =>
    dropCommand(privilegesOf({ kind: 'root', spec, container, isInit: false, ...request }))
      .slice(1)
      .join(' ');
  const none = '--bounding-set=-all --inh-caps=-all --ambient-caps=-all --no-new-privs';
  assert.equal(drop({}), `--reuid 7 --regid 7 --groups 9 ${none}`);
  assert.equal(drop({ kind: 'user' }), none);
  assert.match(
    drop({ isInit: true }),
    /--bounding-set=-all,\+net_admin,\+sys_time .*--ambient-caps=-all,\+net_admin,\+sys_time/u,
  );
  assert.equal(drop({ container: { name: 'istio-proxy' } }), `--reuid 1337 --regid 1337 --groups 9 ${none}`);
  assert.equal(
    drop({ kind: 'user', container: { name: 'istio-proxy' } }),
    '--bounding-set=-all,+net_admin --inh-caps=-all,+net_admin --ambient-caps=-all --no-new-privs',
  );
});

test('a pod is ready when all that stays is ready', () => {
  const one = (name: string, ready: boolean) => ({
    name,
    image: '',
    ready,
    started: true,
    restartCount: 0,
    state: { running: { startedAt: '' } },
  });
  const facts = {
    address: '10.44.0.2',
    startTime: '',
    initialized: true,
    ended: undefined,
    reason: undefined,
    message: undefined,
    initContainers: [one('init', false), one('proxy', true)],
    sidecars: new Set(['proxy']),
    containers: [one('app', true)],
  };
  assert.equal(podStatus(facts).conditions.find((condition) => condition.type === 'Ready')?.status, 'True');
  const unready = podStatus({ ...facts, containers: [one('app', false)] });
  assert.deepEqual(
    unready.conditions.find((condition) => condition.type === 'Ready'),
    { type: 'Ready', status: 'False', reason: 'ContainersNotReady', message: 'containers with unready status: [app]' },
  );
});

function target(port = 0): ProbeTarget {
  return {
    address: '127.0.0.1',
    container: { name: 'c', ports: [{ name: 'web', containerPort: port, protocol: 'TCP' }] },
    exec: () => Promise.resolve({ code: 1, output: 'no' }),
  };
}

test('HTTP and TCP probes ask what they should, and a redirect is an answer', async () => {
  const server = createServer((request, response) => {
    const codes: Readonly<Record<string, number>> = { '/ok': 204, '/moved': 302, '/bad': 503 };
    if (request.url === '/slow') return;
    response.writeHead(request.headers.host === 'named' ? 299 : (codes[request.url ?? ''] ?? 404));
    response.end('x'.repeat(request.url === '/ok' ? 0 : 100_000));
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  const ask = async (path: string, more: object = {}): Promise<string> => {
    const result = await attempt({ httpGet: { path, port: 'web', ...more } }, target(port), 300);
    return result.ok ? 'ok' : result.message;
  };
  assert.deepEqual([await ask('/ok'), await ask('ok'), await ask('/moved')], ['ok', 'ok', 'ok']);
  assert.equal(await ask('/bad'), 'HTTP probe failed with statuscode: 503');
  assert.equal(await ask('/slow'), 'no answer within 300 ms');
  assert.equal(await ask('/', { httpHeaders: [{ name: 'Host', value: 'named' }] }), 'ok');
  assert.match(await ask('/', { scheme: 'HTTPS' }), /./u);
  assert.equal((await attempt({ tcpSocket: { port } }, target(), 300)).ok, true);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  assert.match((await attempt({ tcpSocket: { port } }, target(), 300)).message, /ECONNREFUSED/u);
  assert.deepEqual(await attempt({ exec: { command: ['x'] } }, target(), 300), {
    ok: false,
    message: 'command ended with exit code 1: no',
  });
});

test('a gRPC probe wants SERVING', async () => {
  const server = createHttp2().listen(0, '127.0.0.1');
  server.on('stream', (stream) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      const service = Buffer.concat(chunks).subarray(7).toString();
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': service === 'absent' ? '5' : '0' }));
      stream.end(Buffer.from(service === 'absent' ? [] : [0, 0, 0, 0, 2, 8, service === 'down' ? 2 : 1]));
    });
  });
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  const ask = async (service?: string): Promise<boolean> =>
    (await attempt({ grpc: { port, ...(service === undefined ? {} : { service }) } }, target(), 1000)).ok;
  assert.deepEqual([await ask(), await ask('up'), await ask('down'), await ask('absent')], [true, true, false, false]);
  await new Promise((resolve) => server.close(resolve));
  assert.equal(await ask(), false);
});

test('thresholds count, and a verdict is told once', async () => {
  const answers = [true, false, true, true, false, false];
  const verdicts: boolean[] = [];
  const stop = new AbortController();
  const probe: Probe = {
    exec: { command: [] },
    periodSeconds: 1,
    successThreshold: 2,
    failureThreshold: 2,
    initialDelaySeconds: 0,
    timeoutSeconds: 1,
  };
  let asked = 0;
  const asking: ProbeTarget = {
    ...target(),
    exec: () => {
      const ok = answers[asked] ?? false;
      asked += 1;
      return Promise.resolve({ code: ok ? 0 : 1, output: '' });
    },
  };
  const loop = runProbeLoop({
    probe,
    target: asking,
    signal: stop.signal,
    onVerdict: (ok) => {
      verdicts.push(ok);
      if (verdicts.length === 2) stop.abort();
    },
  });
  await loop;
  assert.deepEqual([verdicts, asked], [[true, false], 6]);
});
