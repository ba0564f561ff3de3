import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '../../schema/object.ts';
import { createStore, type Store } from '../store/store.ts';
import type { IstiodAnswer } from './istiod-client.ts';
import { meshStatus } from './mesh-status.ts';
import type { SupervisorOptions } from './options.ts';
import { podNamed } from './mesh-control.ts';

const options: SupervisorOptions = {
  name: 'shop',
  folder: '/shop',
  stateFolder: '/state',
  mode: 'user',
  allowLoopback: false,
  programFolder: '/program',
  published: [{ gateway: 'istio-system/istio-ingressgateway', port: 80, hostPort: 8081 }],
};

function world(...pods: readonly KubeObject[]): Store {
  let uid = 0;
  const store = createStore({ now: () => new Date(0), newUid: () => `uid-${(uid += 1)}` });
  store.put({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'istio-ingressgateway', namespace: 'istio-system' },
    spec: { ports: [{ name: 'http2', port: 80 }] },
  });
  for (const pod of pods) store.put(pod);
  return store;
}

function pod(name: string, status: object, injected = true): KubeObject {
  const annotations = injected ? { 'sidecar.istio.io/status': '{}' } : {};
  const spec = {
    containers: [{ name: 'app', image: 'app' }],
    initContainers: [{ name: 'istio-proxy', image: 'p', restartPolicy: 'Always' }],
  };
  const object = { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default', annotations }, spec, status };
  return object;
}

const ready = {
  phase: 'Running',
  podIP: '10.44.0.2',
  conditions: [{ type: 'Ready', status: 'True' }],
  initContainerStatuses: [{ name: 'istio-proxy', ready: true, restartCount: 0, state: { running: {} } }],
  containerStatuses: [{ name: 'app', ready: true, restartCount: 2, state: { running: {} } }],
};

const report = (state: 'SYNCED' | 'REJECTED', name = 'a'): IstiodAnswer => ({
  kind: 'report',
  report: {
    generation: 7,
    synced: true,
    proxies: [
      {
        pod: name,
        namespace: 'default',
        state,
        reason: state === 'SYNCED' ? '' : 'no',
        generation: 7,
        connectedAtMs: 0,
        ackedAtMs: 0,
      },
    ],
    problems: [],
    counters: {},
  },
});

function statusOf(store: Store, istiod: IstiodAnswer): ReturnType<typeof meshStatus> {
  const meshFile = { manifests: ['/shop'], images: [], outside: [], tryThis: [] };
  return meshStatus({ options, meshFile, store, startedAt: '', stopping: false, istiod, changedFiles: [] });
}

test('ready only when every pod is and every proxy has everything', () => {
  const store = world(pod('a', ready));
  const status = statusOf(store, report('SYNCED'));
  assert.equal(status.state, 'ready');
  assert.deepEqual(status.gateways[0]?.addresses, [{ port: 80, url: 'http://localhost:8081' }]);
  assert.deepEqual([status.pods[0]?.containers, status.pods[0]?.restarts, status.pods[0]?.ready], ['2/2', 2, true]);
  assert.equal(statusOf(store, report('REJECTED')).state, 'starting');
});

test('a pod that should have a proxy and was never seen is DISCONNECTED, whoever else is there', () => {
  const store = world(pod('a', ready), pod('plain', ready, false));
  const { proxies } = statusOf(store, report('SYNCED', 'other'));
  assert.deepEqual(
    proxies.map(({ pod: name, state, generation }) => [name, state, generation]),
    [['a', 'DISCONNECTED', 0]],
  );
});

test('a silent control plane is said to be so, and nothing is called synced', () => {
  const status = statusOf(world(pod('a', ready)), { kind: 'silent', reason: 'gone' });
  assert.deepEqual(status.controlPlane, { connected: false, reason: 'gone' });
  assert.equal(status.proxies[0]?.state, 'DISCONNECTED');
  assert.equal(status.state, 'starting');
});

test('why a pod is not ready is said in one line', () => {
  const crashed = {
    ...ready,
    conditions: [{ type: 'Ready', status: 'False' }],
    containerStatuses: [
      {
        name: 'app',
        ready: false,
        restartCount: 3,
        state: { waiting: { reason: 'CrashLoopBackOff', message: 'exit code 1' } },
      },
    ],
  };
  const [state] = statusOf(world(pod('a', crashed)), report('SYNCED')).pods;
  assert.deepEqual(
    [state?.ready, state?.containers, state?.reason],
    [false, '1/2', 'app: CrashLoopBackOff: exit code 1'],
  );
});

test('deploy/NAME means a ready pod of that Deployment', () => {
  const owned = (name: string, status: object): KubeObject => {
    const base = pod(name, status);
    return {
      ...base,
      metadata: {
        ...base.metadata,
        ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid: 'd' }],
      },
    };
  };
  const store = world(owned('web-1', { phase: 'Pending', conditions: [] }), owned('web-2', ready));
  assert.equal(podNamed(store, 'deploy/web', 'default').metadata.name, 'web-2');
  assert.equal(podNamed(store, 'web-1', 'default').metadata.name, 'web-1');
  assert.throws(() => podNamed(store, 'nobody', 'default'), /namespace default has no pod nobody/u);
});
