/**
 * The control plane as it is run, against clients on an independent gRPC: who may see what, and what the refusing and the
 * stopped cost others. (How the server cuts off the malformed and the greedy is tested beside it, in src/xds.)
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { status as grpc } from '@grpc/grpc-js';
import type { JsonObject } from '../../src/base/json.ts';
import { openRawClient, type RawClient, type RawResponse } from '../../src/xds/testing/raw-client.ts';
import { until } from '../demo/context.ts';
import { httpService, injectedPod, openLoopbackMesh, timeoutRule, type LoopbackMesh } from './loopback-mesh.ts';

const serviceCount = 150;
const stoppedCount = 10;
const pods = ['a', 'b', ...Array.from({ length: stoppedCount }, (_, at) => `stopped-${at}`)];
const clusterOf = (service: string): string => `outbound|8000||${service}.default.svc.cluster.local`;

let mesh: LoopbackMesh;
const open: RawClient[] = [];

before(async () => {
  mesh = await openLoopbackMesh([
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } },
    ...pods.map((name, at) => injectedPod(name, `10.1.0.${at + 1}`)),
    ...Array.from({ length: serviceCount }, (_, at) => httpService(`s${at}`, at + 1)),
  ]);
});
afterEach(() => {
  for (const client of open.splice(0)) client.close();
});
after(async () => mesh.close());

function client(token: string | undefined): RawClient {
  const { port, caPem } = mesh;
  const options = { port, caPem, serverName: 'istiod.istio-system.svc', ...(token === undefined ? {} : { token }) };
  const raw = openRawClient(options);
  open.push(raw);
  return raw;
}

/** The first message of a proxy; who it says it is need not be who it is. */
function begin(raw: RawClient, pod: string, fields: JsonObject = {}): void {
  const type = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';
  raw.stream.write({
    node: { id: `sidecar~10.1.0.1~${pod}.default~default.svc.cluster.local` },
    type_url: type,
    ...fields,
  });
}

test('a stream is its own pod, by its token and by nothing else', async () => {
  const gone = injectedPod('gone', '10.1.1.1');
  mesh.store.put(gone);
  const goneToken = mesh.token('gone');
  mesh.store.finalize({ kind: 'Pod', namespace: 'default', name: 'gone' });
  // Of the same name, and not the same pod.
  mesh.store.put(gone);
  const tampered = mesh.token('a').replace(/\.[^.]*$/u, `.${'A'.repeat(86)}`);
  const cases: readonly (readonly [what: string, token: string | undefined, code: number])[] = [
    ['no token', undefined, grpc.UNAUTHENTICATED],
    ['no token of ours', 'a.b.c', grpc.UNAUTHENTICATED],
    ['a token with another signature', tampered, grpc.UNAUTHENTICATED],
    ['a token for the API server', mesh.token('a', 'https://kubernetes.default.svc'), grpc.UNAUTHENTICATED],
    ['a token of a pod that is gone', goneToken, grpc.UNAUTHENTICATED],
    ["another pod's token", mesh.token('b'), grpc.PERMISSION_DENIED],
  ];
  for (const [what, token, code] of cases) {
    const raw = client(token);
    begin(raw, 'a');
    assert.equal((await raw.ended).code, code, what);
  }
  const nameless = client(mesh.token('a'));
  nameless.stream.write({ type_url: 'type.googleapis.com/envoy.config.cluster.v3.Cluster' });
  assert.equal((await nameless.ended).code, grpc.PERMISSION_DENIED);
  const raw = client(mesh.token('a'));
  begin(raw, 'a');
  assert.ok((await raw.acknowledged()).resources.has(clusterOf('s0')));
  assert.equal((await mesh.proxy('a'))?.pod, 'a');
  mesh.store.finalize({ kind: 'Pod', namespace: 'default', name: 'gone' });
});

test("a pod gets its own identity's secret and no other", async () => {
  const secretOf = async (pod: string, names: readonly string[]): Promise<RawResponse> => {
    const raw = client(mesh.token(pod));
    begin(raw, pod);
    await raw.acknowledged();
    raw.send('secret', { resource_names_subscribe: [...names] });
    return raw.acknowledged();
  };
  const [own, others] = [await secretOf('a', ['default', 'ROOTCA']), await secretOf('b', ['default', 'ROOTCA'])];
  assert.deepEqual([...own.resources.keys()].toSorted(), ['ROOTCA', 'default']);
  assert.equal(own.resources.get('ROOTCA'), others.resources.get('ROOTCA'));
  assert.notEqual(own.resources.get('default'), others.resources.get('default'));
  const asked = ['spiffe://cluster.local/ns/default/sa/b', 'kubernetes://some-secret', 'b'];
  const foreign = await secretOf('a', asked);
  assert.deepEqual([[...foreign.resources.keys()], foreign.removed.toSorted()], [[], asked.toSorted()]);
});

test('what a proxy refused is said and not sent again, on this stream and the next, until it changes', async () => {
  const bad = clusterOf('s1');
  const raw = client(mesh.token('a'));
  begin(raw, 'a');
  const all = await raw.next();
  const versions = Object.fromEntries(all.resources);
  raw.send('cluster', {
    response_nonce: all.nonce,
    error_detail: { code: 13, message: `Error adding/updating cluster(s) ${bad}: no good` },
  });
  await until('it is REJECTED', async () => (await mesh.proxy('a'))?.state === 'REJECTED');
  assert.match((await mesh.proxy('a'))?.reason ?? '', /no good/u);
  const others = await raw.acknowledged();
  assert.ok(!others.resources.has(bad) && others.resources.has(clusterOf('s0')));

  mesh.store.put(timeoutRule('s2', 3));
  assert.deepEqual([...(await raw.acknowledged()).resources.keys()], [clusterOf('s2')]);
  raw.close();

  const again = client(mesh.token('a'));
  const { [bad]: _refused, [clusterOf('s2')]: _changed, ...held } = versions;
  begin(again, 'a', { initial_resource_versions: held });
  assert.deepEqual([...(await again.acknowledged()).resources.keys()], [clusterOf('s2')]);
  assert.equal((await mesh.proxy('a'))?.state, 'REJECTED');
  mesh.store.put(timeoutRule('s1', 3));
  assert.deepEqual([...(await again.acknowledged()).resources.keys()], [bad]);
  await until('it is not REJECTED', async () => (await mesh.proxy('a'))?.state !== 'REJECTED');
});

test('clients that do not read delay nobody, and are not sent what they do not take', async () => {
  const sentBytes = async (): Promise<number> => (await mesh.report()).counters['sentBytes'] ?? 0;
  const raw = client(mesh.token('a'));
  begin(raw, 'a');
  await raw.acknowledged();
  let seconds = 3;
  /** Changes one cluster, waits until the client that reads has it, and gives the bytes sent meanwhile. */
  const change = async (): Promise<number> => {
    const before = await sentBytes();
    mesh.store.put(timeoutRule('s3', (seconds += 1)));
    assert.deepEqual([...(await raw.acknowledged()).resources.keys()], [clusterOf('s3')]);
    return (await sentBytes()) - before;
  };
  const alone = await change();
  for (let at = 0; at < stoppedCount; at++) {
    const stopped = client(mesh.token(`stopped-${at}`));
    stopped.stream.pause();
    begin(stopped, `stopped-${at}`);
  }
  await until('all are there', async () => (await mesh.report()).proxies.length === stoppedCount + 1);
  const rounds = 40;
  let together = 0;
  for (let round = 0; round < rounds; round++) together += await change();
  // Were all of them sent every change, it would be eleven times as much.
  assert.ok(together < 4 * rounds * alone, `${together} bytes for ${rounds} changes, ${alone} for one without them`);
});
