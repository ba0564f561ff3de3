import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MizzenError } from '../../base/error.ts';
import type { ConfigMap, Deployment, EndpointSlice, Pod, PodStatus, Service } from '../../schema/index.ts';
import { objectKey, type KubeObject } from '../../schema/object.ts';
import type { ScopeOf } from '../../sources/source.ts';
import { parseYaml } from '../../sources/yaml.ts';
import { createStore, type Store } from '../store/store.ts';
import { createControllers, type Controllers } from './controllers.ts';

const scopeOf: ScopeOf = (_, kind) => (kind === 'Namespace' ? 'Cluster' : 'Namespaced');
const readyStatus = (ip: string, ready = true): PodStatus => ({
  phase: 'Running',
  podIP: ip,
  conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
});
const counter = (): (() => number) => {
  let n = 0;
  return () => (++n * 0.618) % 1;
};

interface World {
  readonly store: Store;
  readonly controllers: Controllers;
  readonly events: string[];
  write(text: string): void;
  ready(key: string, ready?: boolean): void;
  until(condition: () => boolean): Promise<void>;
  pods(): readonly Pod[];
  end(graceMs?: number): Promise<void>;
}

/** Controllers with a runner that only notes what it is asked, and gives addresses. */
function world(options: { failStart?: number; inject?: (pod: Pod) => Pod } = {}): World {
  let uid = 0;
  let ip = 1;
  let failures = options.failStart ?? 0;
  const store = createStore({ now: () => new Date(0), newUid: () => `u${++uid}` });
  const events: string[] = [];
  let report: (report: { key: string; uid: string; status: PodStatus }) => void = () => undefined;
  const known = new Map<string, { uid: string; ip: string }>();
  const controllers = createControllers<null>({
    store,
    random: counter(),
    rootCertificate: () => 'PEM',
    inject:
      options.inject ??
      ((given) => ({
        ...given,
        metadata: { ...given.metadata, annotations: { ...given.metadata.annotations, injected: 'yes' } },
      })),
    inputsOf: () => null,
    drainMs: 5,
    retryMs: 1,
    runner: {
      start(given) {
        if (failures-- > 0) return Promise.reject(new Error('no address'));
        const key = objectKey(given);
        events.push(`start ${key}`);
        known.set(key, { uid: given.metadata.uid ?? '', ip: `10.44.0.${++ip}` });
        report({ key, uid: given.metadata.uid ?? '', status: readyStatus(`10.44.0.${ip}`, false) });
        return Promise.resolve();
      },
      stop(key) {
        const slices = store.list('EndpointSlice') as readonly EndpointSlice[];
        assert.ok(
          !slices.some((slice) => slice.endpoints.some(({ addresses }) => addresses[0] === known.get(key)?.ip)) ||
            events.includes('the end'),
          `${key} still has endpoints`,
        );
        events.push(`stop ${key}`);
        return Promise.resolve();
      },
      refresh(key) {
        events.push(`refresh ${key}`);
        return Promise.resolve();
      },
      onStatus(listener) {
        report = listener;
        return () => undefined;
      },
    },
  });
  let present = new Map<string, KubeObject>();
  return {
    store,
    controllers,
    events,
    write(text) {
      const { objects, problems } = parseYaml('a.yaml', text, scopeOf);
      const next = new Map(objects.map(({ object }) => [`${object.kind}/${objectKey(object)}`, object]));
      const removed = [...present]
        .filter(([key]) => !next.has(key))
        .map(([, { kind, metadata }]) => ({ kind, namespace: metadata.namespace ?? '', name: metadata.name }));
      present = next;
      controllers.take({ changed: objects, removed, problems });
    },
    ready(key, ready = true) {
      const entry = known.get(key);
      report({ key, uid: entry?.uid ?? '', status: readyStatus(entry?.ip ?? '', ready) });
    },
    pods: () => store.list('Pod') as readonly Pod[],
    end(graceMs) {
      events.push('the end');
      return controllers.stop(graceMs);
    },
    async until(condition) {
      while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
    },
  };
}

const manifest = (version: string, extra = ''): string => `
apiVersion: v1
kind: Service
metadata: {name: reviews}
spec: {selector: {app: reviews}, ports: [{name: http, port: 9080, targetPort: 9080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: reviews}
spec:
  replicas: 2
  selector: {matchLabels: {app: reviews}}
  template:
    metadata: {labels: {app: reviews, version: ${version}}}
    spec:
      containers: [{name: c, image: x, command: [run, ${version}]}]
${extra}`;
const endpoints = (store: Store): string[] =>
  (store.list('EndpointSlice') as readonly EndpointSlice[]).flatMap((slice) =>
    slice.endpoints
      .filter(({ conditions }) => conditions?.ready === true)
      .map(({ targetRef }) => targetRef?.name ?? ''),
  );
const makeReady = ({ pods, ready }: Pick<World, 'pods' | 'ready'>): void => {
  for (const one of pods())
    if (one.metadata.deletionTimestamp === undefined && one.status !== undefined) ready(objectKey(one));
};

describe('controllers', { timeout: 30_000 }, () => {
  test('from a manifest to endpoints, through a new template, to the end', async () => {
    const at = world();
    at.write(manifest('v1'));
    await at.until(() => at.events.length === 2);
    assert.ok(
      at
        .pods()
        .every((one) => one.metadata.annotations?.['injected'] === 'yes' && one.spec.serviceAccountName === 'default'),
    );
    assert.deepEqual(endpoints(at.store), []);
    makeReady(at);
    await at.until(() => endpoints(at.store).length === 2);
    const first = at.pods().map((one) => one.metadata.name);
    const [stored] = at.store.list('Service') as readonly Service[];
    assert.match(stored?.spec.clusterIP ?? '', /^10\.96\./u);
    at.write(manifest('v2'));
    await at.until(() => at.pods().length === 3);
    assert.deepEqual(endpoints(at.store).toSorted(), first.toSorted(), 'no old pod goes before a new one is ready');
    await at.until(() => {
      makeReady(at);
      assert.ok(endpoints(at.store).length >= 2 || at.pods().length > 2);
      return (
        at.pods().length === 2 &&
        at.pods().every((one) => !first.includes(one.metadata.name)) &&
        endpoints(at.store).length === 2
      );
    });
    const [deployment] = at.store.list('Deployment') as readonly (Deployment & {
      status?: { readyReplicas: number };
    })[];
    assert.equal(deployment?.status?.readyReplicas, 2);
    assert.equal((at.store.list('Service')[0] as Service).spec.clusterIP, stored?.spec.clusterIP);
    at.write('');
    await at.until(() => at.pods().length === 0);
    assert.deepEqual([at.store.list('EndpointSlice').length, at.store.list('Deployment').length], [0, 0]);
    await at.end();
  });
  test('namespaces have their account and the root certificate; unwritten ones are told', async () => {
    const at = world();
    at.write(
      'apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio-injection: enabled}}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: other}\n',
    );
    await at.until(
      () => at.store.get({ kind: 'ConfigMap', namespace: 'shop', name: 'istio-ca-root-cert' }) !== undefined,
    );
    assert.deepEqual(
      (
        at.store.get({ kind: 'ConfigMap', namespace: 'default', name: 'istio-ca-root-cert' })?.object as
          | ConfigMap
          | undefined
      )?.data,
      { 'root-cert.pem': 'PEM' },
    );
    assert.ok(at.store.get({ kind: 'ServiceAccount', namespace: 'other', name: 'default' }));
    assert.equal(
      at.store.get({ kind: 'Namespace', namespace: '', name: 'shop' })?.object.metadata.labels?.[
        'kubernetes.io/metadata.name'
      ],
      'shop',
    );
    assert.deepEqual(
      at.store.problems().map(({ level, line, message }) => [level, line, /other is written nowhere/u.test(message)]),
      [['warning', 7, true]],
    );
    await at.end();
  });
  test('a missing account keeps pods from being made, and is told with its line', async () => {
    const at = world();
    const text = manifest(
      'v1',
      '      serviceAccountName: mine\n      volumes: [{name: v, configMap: {name: gone}}]\n',
    );
    at.write(text);
    await at.until(() => at.store.problems().length === 2);
    const [error, warning] = at.store.problems();
    assert.deepEqual(
      [error?.field, error?.level, warning?.level],
      ['spec.template.spec.serviceAccountName', 'error', 'warning'],
    );
    assert.match(text.split('\n')[(error?.line ?? 0) - 1] ?? '', /serviceAccountName/u);
    assert.equal(at.pods().length, 0);
    at.write(`${text}---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: mine}\n`);
    await at.until(() => at.pods().length === 2);
    assert.equal(at.pods()[0]?.spec.serviceAccountName, 'mine');
    at.events.length = 0;
    at.write(
      `${text}---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: mine}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: gone}\ndata: {a: b}\n`,
    );
    await at.until(() => at.store.problems().length === 0);
    assert.equal(at.events.filter((event) => event.startsWith('refresh')).length, 2);
    await at.end();
  });
  test('a bare pod is replaced when it is written anew, and goes when it is not written any more', async () => {
    const at = world({ failStart: 2 });
    const bare = (command: string): string =>
      `apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {app: p}}\nspec: {containers: [{name: c, image: x, command: [${command}]}]}\n`;
    at.write(bare('a'));
    await at.until(() => at.events.includes('start default/p'));
    const uid = at.pods()[0]?.metadata.uid;
    at.write(bare('b'));
    await at.until(() => at.events.length === 3 && at.pods().length === 1);
    assert.deepEqual(at.events, ['start default/p', 'stop default/p', 'start default/p']);
    assert.notEqual(at.pods()[0]?.metadata.uid, uid);
    at.write('');
    await at.until(() => at.pods().length === 0);
    await at.end();
  });
  test('a wrong field is told, and the last good form stays', async () => {
    const at = world();
    at.write(manifest('v1'));
    await at.until(() => at.pods().length === 2);
    at.write(manifest('v2').replace('port: 9080', 'port: many').replace('replicas: 2', 'replicas: -1'));
    assert.deepEqual(
      at.store.problems().map(({ field, line, level }) => [field, line, level]),
      [
        ['spec.ports[0].port', 5, 'error'],
        ['spec.replicas', 11, 'error'],
      ],
    );
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(at.pods().length, 2);
    assert.equal(at.pods()[0]?.metadata.labels?.['version'], 'v1');
    await at.end();
  });
  test('a pod that cannot be injected is told; a cluster address cannot be had twice', async () => {
    let tries = 0;
    const at = world({
      inject: () => {
        tries += 1;
        throw new MizzenError('bad-annotation', 'proxyCPU is no quantity', { fix: 'write 100m' });
      },
    });
    const fixed = (name: string): string =>
      `---\napiVersion: v1\nkind: Service\nmetadata: {name: ${name}}\nspec: {clusterIP: 10.96.9.9, ports: [{port: 80}]}\n`;
    at.write(`${manifest('v1')}${fixed('a')}${fixed('b')}`);
    await at.until(() => at.store.problems().length >= 2);
    const messages = at.store.problems().map(({ message }) => message);
    assert.ok(messages.some((message) => /its pods cannot be made: proxyCPU is no quantity/u.test(message)));
    const soFar = tries;
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(tries <= soFar + 4, `what cannot be made is tried without end: ${tries} times`);
    assert.ok(messages.some((message) => /10\.96\.9\.9 is not a free address/u.test(message)));
    await at.end();
  });
  test('the end of the mesh ends all pods at once', async () => {
    const at = world();
    at.write(manifest('v1'));
    await at.until(() => at.events.length === 2);
    makeReady(at);
    await at.until(() => endpoints(at.store).length === 2);
    await at.end(0);
    assert.equal(at.events.filter((event) => event.startsWith('stop')).length, 2);
  });
});
