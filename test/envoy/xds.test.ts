import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { envoyHost, envoyResource } from '../../src/xds/testing/envoy-resource.ts';
import { createModelSource, type ModelSource } from '../../src/xds/testing/model-source.ts';
import { createServerCertificate } from '../../src/xds/testing/server-certificate.ts';
import { createProxyMemory } from '../../src/xds/proxy-memory.ts';
import { startXdsServer, type ServerCertificate, type XdsServer } from '../../src/xds/server.ts';
import type { Resource } from '../../src/proto/resource.ts';
import {
  assignment,
  edsCluster,
  freePort,
  get,
  httpListener,
  nodeId,
  startBackend,
  startEnvoy,
  startLoad,
  tlsBySecret,
  until,
  type TestEnvoy,
} from './xds-fixture.ts';

/** Short, so that a test sees the end of it. */
const drainMs = 500;
const patienceMs = 800;

let certificate: ServerCertificate;
let server: XdsServer;
let envoy: TestEnvoy;
let source: ModelSource;
let listenPort: number;
const ports: Record<string, number> = {};
const closers: (() => void)[] = [];

function serve(port: number): Promise<XdsServer> {
  const memory = createProxyMemory();
  return startXdsServer<string>({
    host: '127.0.0.1',
    port,
    certificate,
    authenticate: (token) =>
      Promise.resolve(
        token === 'token' ? { kind: 'authenticated', identity: nodeId } : { kind: 'refused', message: 'who are you?' },
      ),
    open: (identity, node) =>
      node?.['id'] === identity ? { kind: 'open', source, memory } : { kind: 'refused', message: 'not you' },
    log: () => undefined,
    timing: { drainMs, patienceMs },
  });
}

type Hosts = Readonly<Record<string, string>>;
let hosts: Hosts = {};

/** Routes: virtual host → cluster; the host's domain is its name. */
function routes(next: Hosts): Resource {
  hosts = next;
  const units = Object.entries(next).map(([name, cluster]) => envoyHost(name, [name], cluster, drainMs));
  return envoyResource('route', 'r', {}, { units });
}

function status(): { readonly state: string; readonly reason: string } {
  const [stream] = server.streams;
  return stream?.status() ?? { state: 'DISCONNECTED', reason: '' };
}

async function synced(): Promise<void> {
  await until(`SYNCED: ${JSON.stringify(status())}`, () => {
    const [stream] = server.streams;
    return stream?.applied() === source.generation && stream.status()?.state === 'SYNCED';
  });
}

async function dump(): Promise<string> {
  return (await envoy.admin('/config_dump')).text;
}

/** When Envoy took its clusters and listeners, as it tells; anything touched has another time. */
async function takenAt(): Promise<string[]> {
  const { configs } = JSON.parse(await dump()) as { configs: Record<string, unknown>[] };
  const of = (kind: string): Record<string, unknown>[] => {
    const part = configs.find((config) => String(config['@type']).endsWith(kind)) ?? {};
    return Object.values(part).filter(Array.isArray).flat() as Record<string, unknown>[];
  };
  const texts = [...of('.ClustersConfigDump'), ...of('.ListenersConfigDump')].map((entry) => {
    const state = (entry['active_state'] ?? entry) as Record<string, unknown>;
    return `${JSON.stringify(entry['name'] ?? (entry['cluster'] as Record<string, unknown> | undefined)?.['name'])} ${String(state['last_updated'])}`;
  });
  return texts.toSorted();
}

before(async () => {
  certificate = await createServerCertificate();
  for (const name of ['one', 'two']) {
    const backend = await startBackend(name);
    ports[name] = backend.port;
    closers.push(() => backend.server.close());
  }
  listenPort = await freePort();
  source = createModelSource('pod.default');
  source.edit((set) => {
    for (const [name, port] of Object.entries(ports)) {
      const cluster = edsCluster(name);
      set('cluster', name, cluster);
      set('endpoint', name, assignment(cluster, [port]));
    }
    set('listener', 'l', httpListener('l', listenPort, 'r'));
    set('route', 'r', routes({ h: 'one', i: 'two' }));
  });
  server = await serve(0);
  envoy = await startEnvoy({ port: server.port, caPem: certificate.cert, token: 'token' });
});

after(async () => {
  await envoy.stop();
  await server.close();
  for (const close of closers) close();
});

test('start-up: from nothing to LIVE and SYNCED', async () => {
  await until('LIVE', async () => (await envoy.admin('/ready')).status === 200);
  await synced();
  assert.deepEqual(await get({ path: '/', port: listenPort, headers: { host: 'h' } }), { status: 200, text: 'one' });
});

test('a route is changed ten times under load: nothing fails, only the route travels', async () => {
  const before = { ...server.counters.pushes };
  const load = startLoad(listenPort);
  for (let round = 0; round < 10; round++) {
    source.edit((set) => set('route', 'r', routes({ ...hosts, h: round % 2 === 0 ? 'two' : 'one' })));
    await sleep(50);
  }
  const result = await load.stop();
  await synced();
  assert.deepEqual(result.failed, []);
  assert.ok(result.sent > 50 && (result.answers.get('two') ?? 0) > 0);
  const { route, ...others } = server.counters.pushes;
  assert.deepEqual({ ...others, route: route - 10 }, before);
});

test('a new cluster whose secret comes late: its host serves on as before until it is ready', async () => {
  const cluster = edsCluster(
    'late',
    {
      transport_socket_matches: [{ name: 'never', match: { never: 'true' }, ...tlsBySecret('bundle') }],
    },
    { needs: [{ type: 'secret', name: 'bundle' }] },
  );
  const load = startLoad(listenPort);
  await sleep(100);
  source.edit((set) => {
    set('cluster', 'late', cluster);
    set('endpoint', 'late', assignment(cluster, [ports['two'] ?? 0]));
    set('route', 'r', routes({ ...hosts, h: 'late' }));
  });
  await until('WARMING', () => status().state === 'WARMING' && status().reason.includes('bundle'));
  await sleep(300);
  source.edit((set) =>
    set(
      'secret',
      'bundle',
      envoyResource('secret', 'bundle', { validation_context: { trusted_ca: { inline_string: certificate.cert } } }),
    ),
  );
  await synced();
  await sleep(100);
  const result = await load.stop();
  assert.deepEqual(result.failed, []);
  assert.ok((result.answers.get('two') ?? 0) > 0, 'moved in the end');
});

test('40 bursts of a new cluster, its route, and the removal of the old one: nothing fails, what is left drains', async () => {
  const load = startLoad(listenPort);
  let last = '';
  for (let round = 0; round < 40; round++) {
    const name = `burst-${round}`;
    const cluster = edsCluster(name);
    source.edit((set) => {
      set('cluster', name, cluster);
      set('endpoint', name, assignment(cluster, [ports['one'] ?? 0]));
      set('route', 'r', routes({ ...hosts, h: name }));
      if (last !== '') {
        set('cluster', last, undefined);
        set('endpoint', last, undefined);
      }
    });
    last = name;
    await sleep(25);
  }
  source.edit((set) => set('cluster', 'late', undefined));
  await synced();
  assert.match(await dump(), /burst-38/u, 'drains');
  await until('drained', async () => !/burst-38|"late"/u.test(await dump()));
  const result = await load.stop();
  assert.deepEqual(result.failed, []);
  assert.ok(result.sent > 200);
});

test('the server is replaced by one that knows nothing of the proxy: nothing is sent, nothing is touched', async () => {
  const before = await takenAt();
  const load = startLoad(listenPort);
  const { port } = server;
  await server.close();
  await sleep(200);
  server = await serve(port);
  await synced();
  const result = await load.stop();
  assert.deepEqual(result.failed, []);
  assert.deepEqual(await takenAt(), before);
  const { resources, removed } = server.counters;
  assert.deepEqual([resources, removed], [{ cluster: 0, endpoint: 0, listener: 0, route: 0, secret: 0 }, 0]);
});

test('what Envoy refuses is REJECTED with its text, is not sent again, and holds no neighbour', async () => {
  const ring = (minimum: number): Resource =>
    edsCluster('ring', {
      lb_policy: 'RING_HASH',
      ring_hash_lb_config: { minimum_ring_size: minimum, maximum_ring_size: 16 },
    });
  const bad = ring(1_024);
  const fine = edsCluster('fine');
  source.edit((set) => {
    set('cluster', 'ring', bad);
    set('endpoint', 'ring', assignment(bad, [ports['one'] ?? 0]));
    set('cluster', 'fine', fine);
    set('endpoint', 'fine', assignment(fine, [ports['two'] ?? 0]));
    set('route', 'r', routes({ ...hosts, i: 'fine', ringed: 'ring' }));
  });
  await until('REJECTED', () => status().state === 'REJECTED');
  assert.match(status().reason, /cluster ring: .*ring/iu);
  await until('fine', async () => (await get({ path: '/', port: listenPort, headers: { host: 'i' } })).text === 'two');
  await until('two answers', () => server.counters.nacks === 1 && server.counters.acks >= 2);
  assert.equal(status().state, 'REJECTED', 'the ACK of its neighbour clears nothing');
  const good = ring(8);
  source.edit((set) => {
    set('cluster', 'ring', good);
    set('endpoint', 'ring', assignment(good, [ports['one'] ?? 0]));
  });
  await synced();
  assert.equal((await get({ path: '/', port: listenPort, headers: { host: 'ringed' } })).text, 'one');
});

test('a cluster that never gets ready holds its own host only, and says why', async () => {
  const cluster = edsCluster('never', tlsBySecret('nowhere'), { needs: [{ type: 'secret', name: 'nowhere' }] });
  source.edit((set) => {
    set('cluster', 'never', cluster);
    set('endpoint', 'never', assignment(cluster, [ports['one'] ?? 0]));
    set('route', 'r', routes({ ...hosts, i: 'one', never: 'never', fresh: 'two' }));
  });
  await until(
    'fresh',
    async () => (await get({ path: '/', port: listenPort, headers: { host: 'fresh' } })).text === 'two',
  );
  assert.equal((await get({ path: '/', port: listenPort, headers: { host: 'i' } })).text, 'one');
  assert.equal((await get({ path: '/', port: listenPort, headers: { host: 'never' } })).status, 404);
  assert.equal(status().state, 'WARMING');
  assert.match(status().reason, /never of r waits: cluster never .*nowhere/u);
  await until('reported', () => server.counters.overdueUnits === 1);
  source.edit((set) => {
    set('cluster', 'never', undefined);
    set('endpoint', 'never', undefined);
    set('route', 'r', routes({ h: hosts['h'] ?? '' }));
  });
  await synced();
});
