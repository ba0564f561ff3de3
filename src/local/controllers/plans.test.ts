import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Deployment, EndpointSlice, Pod, PodStatus, Service } from '../../schema/index.ts';
import { createClusterIps } from './cluster-ip.ts';
import { planDeployment } from './deployment.ts';
import { endpointSlicesOf } from './endpoint-slices.ts';
import { isReady } from './pod-state.ts';

const readyStatus = (ip: string, ready = true): PodStatus => ({
  phase: 'Running',
  podIP: ip,
  conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
});
const deploymentOf = (replicas: number, version: string): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'reviews', namespace: 'default', uid: 'd', generation: 1 },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'reviews' } },
    template: {
      metadata: { labels: { app: 'reviews', version } },
      spec: { containers: [{ name: 'c', image: version }] },
    },
  },
});
const counter = (): (() => number) => {
  let n = 0;
  return () => (++n * 0.618) % 1;
};

describe('deployment', () => {
  test('names, labels and owner', () => {
    const [pod] = planDeployment(deploymentOf(1, 'v1'), [], counter()).create;
    assert.match(pod?.metadata.name ?? '', /^reviews-[b-z2-9]{10}-[b-z2-9]{5}$/u);
    const hash = pod?.metadata.labels?.['pod-template-hash'];
    assert.deepEqual(pod?.metadata.labels, { app: 'reviews', version: 'v1', 'pod-template-hash': hash });
    assert.equal(pod.metadata.name.split('-')[1], hash);
    assert.deepEqual(pod.metadata.ownerReferences, [
      { apiVersion: 'apps/v1', kind: 'Deployment', name: 'reviews', controller: true, uid: 'd' },
    ]);
    const long = {
      ...deploymentOf(1, 'v1'),
      metadata: { ...deploymentOf(1, 'v1').metadata, name: `a.${'x'.repeat(100)}` },
    };
    assert.ok((planDeployment(long, [], counter()).create[0]?.metadata.name.length ?? 99) <= 63);
  });
  test('whatever happens, ready pods are not taken below what is wanted, and it ends as wished', () => {
    const event = fc.oneof(
      fc.record({ kind: fc.constant('template' as const), to: fc.constantFrom('v1', 'v2', 'v3') }),
      fc.record({ kind: fc.constant('replicas' as const), to: fc.nat(5) }),
      fc.record({ kind: fc.constantFrom('ready' as const, 'unready' as const, 'fail' as const), to: fc.nat(9) }),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 30 }), (events) => {
        const random = counter();
        let wish = deploymentOf(2, 'v1');
        let pods: Pod[] = [];
        const step = (): number => {
          const plan = planDeployment(wish, pods, random);
          const before = pods.filter(isReady).length;
          const gone = new Set(plan.remove.map((ref) => ref.name));
          assert.equal(gone.size, plan.remove.length);
          pods = [...pods.filter((pod) => !gone.has(pod.metadata.name)), ...plan.create];
          const wanted = wish.spec.replicas ?? 1;
          assert.ok(pods.filter(isReady).length >= Math.min(before, wanted));
          if (plan.create.length > 0)
            assert.ok(pods.length + gone.size <= Math.max(wanted + Math.max(1, Math.ceil(wanted / 4)), 0) + gone.size);
          return plan.create.length + plan.remove.length;
        };
        for (const one of events) {
          if (one.kind === 'template') wish = deploymentOf(wish.spec.replicas ?? 1, one.to);
          else if (one.kind === 'replicas') wish = { ...wish, spec: { ...wish.spec, replicas: one.to } };
          else {
            const status =
              one.kind === 'fail' ? ({ phase: 'Failed' } as const) : readyStatus('10.44.0.9', one.kind === 'ready');
            pods = pods.map((pod, i) => (i === one.to ? { ...pod, status } : pod));
          }
          step();
        }
        let rounds = 0;
        do {
          pods = pods.map((pod) => ({ ...pod, status: readyStatus('10.44.0.9') }));
          assert.ok(++rounds < 50);
        } while (step() > 0);
        assert.equal(pods.length, wish.spec.replicas);
        assert.ok(pods.every((pod) => pod.spec.containers[0]?.image === wish.spec.template.spec.containers[0]?.image));
      }),
    );
  });
});

const pod = (
  name: string,
  ip: string,
  rest: { ready?: boolean; port?: number; deletionTimestamp?: string; hostname?: string } = {},
): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name,
    namespace: 'default',
    uid: name,
    labels: { app: 'a' },
    ...(rest.deletionTimestamp === undefined ? {} : { deletionTimestamp: rest.deletionTimestamp }),
  },
  spec: {
    nodeName: 'local',
    containers: [{ name: 'c', ports: [{ name: 'web', containerPort: rest.port ?? 9080 }] }],
    ...(rest.hostname === undefined ? {} : { hostname: rest.hostname, subdomain: 's' }),
  },
  status: readyStatus(ip, rest.ready ?? true),
});
const service = (spec: Partial<Service['spec']> = {}): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 's', namespace: 'default', uid: 's', labels: { x: 'y' } },
  spec: { selector: { app: 'a' }, ports: [{ name: 'http', port: 80, targetPort: 'web' }], ...spec },
});

describe('endpoint slices', () => {
  const shape = (slices: readonly EndpointSlice[]) =>
    slices.map((slice) => [
      slice.ports?.map(({ port }) => port),
      slice.endpoints.map(({ addresses, conditions }) => `${addresses[0] ?? ''} ${String(conditions?.ready)}`),
    ]);
  test('ready, not ready, going, other labels', () => {
    const other = { ...pod('o', '10.44.0.9'), metadata: { name: 'o', namespace: 'default', labels: { app: 'b' } } };
    const pods = [
      pod('b', '10.44.0.3', { ready: false }),
      pod('a', '10.44.0.2'),
      pod('c', '10.44.0.4', { deletionTimestamp: 'now' }),
      other,
    ];
    const slices = endpointSlicesOf(service(), pods);
    assert.deepEqual(shape(slices), [[[9080], ['10.44.0.2 true', '10.44.0.3 false']]]);
    assert.deepEqual(slices[0]?.endpoints[0]?.targetRef, { kind: 'Pod', name: 'a', namespace: 'default', uid: 'a' });
    assert.equal(slices[0].endpoints[0].nodeName, 'local');
    assert.equal(slices[0].metadata.labels?.['kubernetes.io/service-name'], 's');
    assert.deepEqual(shape(endpointSlicesOf(service({ publishNotReadyAddresses: true }), pods)), [
      [[9080], ['10.44.0.2 true', '10.44.0.3 true']],
    ]);
  });
  test('a named port that comes out differently makes two slices; one that is nowhere makes none of its kind', () => {
    const pods = [pod('a', '10.44.0.2'), pod('b', '10.44.0.3', { port: 8080 })];
    const slices = endpointSlicesOf(service(), pods);
    assert.deepEqual(shape(slices), [
      [[9080], ['10.44.0.2 true']],
      [[8080], ['10.44.0.3 true']],
    ]);
    assert.notEqual(slices[0]?.metadata.name, slices[1]?.metadata.name);
    assert.deepEqual(
      shape(endpointSlicesOf(service({ ports: [{ port: 80, targetPort: 'nowhere' }] }), pods.slice(0, 1))),
      [[[], ['10.44.0.2 true']]],
    );
    assert.deepEqual(shape(endpointSlicesOf(service({ ports: [{ port: 80 }] }), [])), [[[80], []]]);
  });
  test('no selector, no slices; a hostname only under its own service', () => {
    const { selector: _, ...rest } = service().spec;
    assert.deepEqual(endpointSlicesOf({ ...service(), spec: rest }, [pod('a', '10.44.0.2')]), []);
    assert.deepEqual(endpointSlicesOf(service({ type: 'ExternalName', externalName: 'x.test' }), []), []);
    assert.equal(
      endpointSlicesOf(service({ clusterIP: 'None' }), [pod('a', '10.44.0.2', { hostname: 'h' })])[0]?.endpoints[0]
        ?.hostname,
      'h',
    );
  });
});

test('cluster addresses follow from names, and never meet', () => {
  const first = createClusterIps();
  const names = Array.from({ length: 3000 }, (_, i) => `default/s${i}`);
  const addresses = names.map((name) => first.assign(name));
  assert.equal(new Set(addresses).size, names.length);
  assert.ok(addresses.every((address) => address?.startsWith('10.96.')));
  assert.deepEqual(
    names.slice(0, 9).map((name) => createClusterIps().assign(name)),
    addresses.slice(0, 9),
  );
  assert.equal(first.assign('default/x', addresses[0]), undefined);
  assert.equal(first.assign('default/x', '10.44.0.1'), undefined);
  assert.equal(first.assign('default/x', '10.96.0.1'), undefined);
  first.release(names[0] ?? '');
  assert.equal(first.assign('default/x', addresses[0]), addresses[0]);
  assert.notEqual(first.assign(names[0] ?? ''), addresses[0]);
});
