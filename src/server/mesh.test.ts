import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openAuthority } from '../identity/authority.ts';
import { WorkloadSecrets } from '../identity/workload-secrets.ts';
import type { KubeObject } from '../schema/object.ts';
import { createMemorySource, type MemorySource } from '../sources/memory.ts';
import type { SourceChange } from '../xds/source.ts';
import { openMesh, type Mesh } from './mesh.ts';

const meta = (name: string, labels: Record<string, string> = {}, namespace = 'default'): KubeObject['metadata'] => ({
  name,
  namespace,
  labels,
});

function service(name: string, address: string, namespace = 'default'): KubeObject {
  const spec = { clusterIP: address, selector: { app: name }, ports: [{ name: 'http', port: 9080 }] };
  return { apiVersion: 'v1', kind: 'Service', metadata: meta(name, {}, namespace), spec };
}

function pod(app: string, version: string, namespace = 'default'): KubeObject {
  const labels = { app, version, 'security.istio.io/tlsMode': 'istio' };
  const annotations = { 'sidecar.istio.io/status': '{}' };
  const spec = { serviceAccountName: app, containers: [{ name: app, image: app }] };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...meta(`${app}-${version}`, labels, namespace), annotations },
    spec,
  };
}

function slice(app: string, addresses: Readonly<Record<string, string>>): KubeObject {
  const endpoints = Object.entries(addresses).map(([version, address]) => ({
    addresses: [address],
    conditions: { ready: true },
    targetRef: { kind: 'Pod', namespace: 'default', name: `${app}-${version}` },
  }));
  const content = { addressType: 'IPv4', ports: [{ name: 'http', port: 9080 }], endpoints };
  return {
    ...content,
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: meta(app, { 'kubernetes.io/service-name': app }),
  };
}

function route(weightOfV2: number, name = 'reviews'): KubeObject {
  const to = (subset: string, weight: number): object => ({ destination: { host: name, subset }, weight });
  const spec = { hosts: [name], http: [{ route: [to('v1', 100 - weightOfV2), to('v2', weightOfV2)] }] };
  return { apiVersion: 'networking.istio.io/v1', kind: 'VirtualService', metadata: meta(name), spec };
}

const subsets: KubeObject = {
  apiVersion: 'networking.istio.io/v1',
  kind: 'DestinationRule',
  metadata: meta('reviews'),
  spec: { host: 'reviews', subsets: ['v1', 'v2'].map((version) => ({ name: version, labels: { version } })) },
};

let folder = '';
let source: MemorySource;
let mesh: Mesh;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mizzen-mesh-'));
  const authority = await openAuthority({ folder: join(folder, 'ca') });
  const workloadSecrets = new WorkloadSecrets({ authority, onFailure: () => undefined });
  source = createMemorySource([
    service('reviews', '10.96.0.1'),
    service('ratings', '10.96.0.2'),
    subsets,
    route(20),
    pod('reviews', 'v1'),
    pod('reviews', 'v2'),
    pod('ratings', 'v1'),
    pod('client', 'v1'),
    slice('reviews', { v1: '10.44.0.1', v2: '10.44.0.2' }),
    slice('ratings', { v1: '10.44.0.3' }),
  ]);
  mesh = await openMesh({ source, historyFolder: join(folder, 'history'), workloadSecrets, log: () => undefined });
  await mesh.synced;
});

after(async () => {
  await mesh.close();
  await rm(folder, { recursive: true, force: true });
});

function open(app: string): { readonly seen: ReturnType<Mesh['open']>; readonly changes: SourceChange[] } {
  const seen = mesh.open({ namespace: 'default', serviceAccount: app, podName: `${app}-v1`, podUid: 'u' }, 'sidecar');
  const changes: SourceChange[] = [];
  seen.onChange((change) => void changes.push(change));
  return { seen, changes };
}

const reviews = 'outbound|9080||reviews.default.svc.cluster.local';

test('a change of weight reaches the route configuration and nothing else', () => {
  const { seen, changes } = open('client');
  seen.subscribe('route', '9080');
  seen.subscribe('endpoint', reviews);
  const before = mesh.engine.stats();
  source.put(route(50));
  assert.deepEqual(
    changes.map((change) => change.changed),
    [[{ type: 'route', name: '9080' }]],
  );
  const runs = mesh.engine.stats().queriesRun - before.queriesRun;
  assert.ok(runs <= 8, `${runs} queries ran`);
  seen.close();
});

test('an unrelated change runs no query above it, and wakes nobody', () => {
  const { seen, changes } = open('client');
  seen.subscribe('route', '9080');
  const before = mesh.engine.stats();
  source.put({ ...route(10, 'elsewhere'), metadata: meta('other', {}, 'far') });
  assert.deepEqual(changes, []);
  assert.ok(mesh.engine.stats().queriesRun - before.queriesRun <= 1, 'at most the list of hosts is looked at');
  seen.close();
});

test('an endpoint that goes is an assignment, and no cluster, listener or route', () => {
  const { seen, changes } = open('client');
  seen.subscribe('route', '9080');
  seen.subscribe('endpoint', reviews);
  source.put(slice('reviews', { v1: '10.44.0.1' }));
  assert.deepEqual(
    changes.map((change) => change.changed),
    [[{ type: 'endpoint', name: reviews }]],
  );
  source.put(slice('reviews', { v1: '10.44.0.1', v2: '10.44.0.2' }));
  seen.close();
});

test('a refused form keeps the good one serving, and says where it is wrong', () => {
  const { seen, changes } = open('client');
  seen.subscribe('route', '9080');
  const good = seen.read('route', '9080')?.version;
  const bad = { ...route(30), spec: { hosts: ['reviews'], http: [{ rout: [] }] } };
  source.put(bad);
  assert.equal(seen.read('route', '9080')?.version, good);
  assert.deepEqual(changes, []);
  const problem = mesh.problems().find((candidate) => candidate.field.includes('rout'));
  assert.match(problem?.message ?? '', /last good form serves/u);
  source.put(route(50));
  assert.deepEqual(
    mesh.problems().filter((candidate) => candidate.level === 'error'),
    [],
  );
  seen.close();
});

test('a proxy gets its own secrets and no others', () => {
  const { seen } = open('client');
  assert.ok(seen.read('secret', 'default') !== undefined);
  assert.ok(seen.read('secret', 'ROOTCA') !== undefined);
  for (const name of [
    'kubernetes://x',
    'kubernetes://default/x',
    'spiffe://cluster.local/ns/default/sa/ratings',
    'default ',
  ]) {
    assert.equal(seen.read('secret', name), undefined, name);
  }
  seen.close();
});

test('cells are freed with the last proxy that needs them', () => {
  mesh.engine.settle();
  const before = mesh.engine.stats().cellsAlive;
  const many = Array.from({ length: 20 }, (_, i) => open(i % 2 === 0 ? 'reviews' : 'ratings').seen);
  for (const seen of many) seen.subscribe('route', '9080');
  assert.ok(mesh.engine.stats().cellsAlive > before);
  for (const seen of many) seen.close();
  mesh.engine.settle();
  assert.equal(mesh.engine.stats().cellsAlive, before);
});
