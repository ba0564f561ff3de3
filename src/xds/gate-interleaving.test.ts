import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { XdsType } from '../proto/resource.ts';
import { createGate, type Gate } from './gate.ts';
import type { GateResponse } from './message.ts';
import { createProxyMemory } from './proxy-memory.ts';
import { createModelProxy, type ModelProxy } from './testing/model-proxy.ts';
import {
  clusterOf,
  createModelSource,
  listenerOf,
  plainOf,
  routeOf,
  type ModelCluster,
} from './testing/model-source.ts';

function takeAll(gate: Gate, nowMs: number): GateResponse[] {
  const responses: GateResponse[] = [];
  for (let next = gate.take(nowMs); next !== undefined; next = gate.take(nowMs)) responses.push(next);
  return responses;
}

const clusterNames = ['c0', 'c1', 'c2', 'c3'];
const drainMs = 45_000;

type Step =
  | { readonly kind: 'cluster'; readonly index: number; readonly cluster: ModelCluster | undefined }
  | { readonly kind: 'endpoints'; readonly index: number; readonly revision: number }
  | { readonly kind: 'routes'; readonly index: number; readonly targets: readonly number[] }
  | { readonly kind: 'listeners'; readonly count: number; readonly chain: number }
  | { readonly kind: 'deliver'; readonly count: number }
  | { readonly kind: 'answer'; readonly count: number }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'checks' }
  | { readonly kind: 'cut'; readonly isNewServer: boolean };

const index = fc.nat({ max: clusterNames.length - 1 });
const clusterModel: fc.Arbitrary<ModelCluster> = fc.record({
  revision: fc.nat({ max: 3 }),
  readyBy: fc.constantFrom('assignment', 'assignment', 'cds'),
  isBad: fc.constantFrom(false, false, false, true),
  secret: fc.constantFrom(undefined, undefined, 's'),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('cluster' as const), index, cluster: fc.option(clusterModel, { nil: undefined }) }),
  fc.record({ kind: fc.constant('endpoints' as const), index, revision: fc.nat({ max: 3 }) }),
  fc.record({
    kind: fc.constant('routes' as const),
    index: fc.nat({ max: 1 }),
    targets: fc.array(index, { maxLength: 3 }),
  }),
  fc.record({ kind: fc.constant('listeners' as const), count: fc.nat({ max: 2 }), chain: index }),
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('deliver' as const), count: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('answer' as const), count: fc.integer({ min: 1, max: 5 }) }) },
  fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(1, 150, 1_000, 5_000, 50_000) }),
  fc.record({ kind: fc.constant('checks' as const) }),
  fc.record({ kind: fc.constant('cut' as const), isNewServer: fc.boolean() }),
);

/** A source, a gate and a model proxy with a network between them that delivers when told to. */
function createWorld(): { run(step: Step): void; finish(): void } {
  const source = createModelSource();
  const proxy: ModelProxy = createModelProxy();
  let memory = createProxyMemory();
  let nowMs = 0;
  let streams = 0;
  let isOneServer = true;
  let inbox: GateResponse[] = [];
  let underWay = new Map<XdsType, number>();
  const newGate = (): Gate => createGate({ source, memory, noncePrefix: `${streams++}-` }, nowMs);
  let gate = newGate();
  source.onChange(({ changed }) => {
    gate.change(changed);
    pump();
  });

  const pump = (): void => {
    for (const response of takeAll(gate, nowMs)) {
      const count = (underWay.get(response.type) ?? 0) + 1;
      underWay.set(response.type, count);
      if (response.type !== 'cluster') assert.ok(count <= 1, `${count} responses of ${response.type} under way`);
      for (const name of response.type === 'cluster' ? response.removed : []) {
        const usedMs = proxy.lastUseMs(name, nowMs);
        assert.ok(
          usedMs === undefined || nowMs - usedMs >= drainMs,
          `${name} removed ${nowMs - (usedMs ?? 0)} ms after use`,
        );
      }
      inbox.push(response);
    }
    gate.overdue(nowMs);
    gate.status(nowMs);
    const wakeMs = gate.wakeMs();
    assert.ok(wakeMs === undefined || wakeMs > nowMs, `asks to be woken at once at ${nowMs}`);
  };
  const deliver = (count: number): void => {
    for (const response of inbox.splice(0, count)) proxy.receive(response, nowMs);
  };
  const answer = (count: number): void => {
    for (const request of proxy.outbox.splice(0, count)) {
      const result = gate.request(request, nowMs);
      if (result === 'ack' || result === 'nack') underWay.set(request.type, (underWay.get(request.type) ?? 1) - 1);
      pump();
    }
  };
  const waitFor = (ms: number): void => {
    const endMs = nowMs + ms;
    for (let wakeMs = gate.wakeMs(); wakeMs !== undefined && wakeMs <= endMs; wakeMs = gate.wakeMs()) {
      nowMs = Math.max(nowMs, wakeMs);
      pump();
    }
    nowMs = endMs;
    pump();
  };
  const setCluster = (name: string, cluster: ModelCluster | undefined, revision: number): void =>
    source.edit((set) => {
      set('cluster', name, cluster === undefined ? undefined : clusterOf(name, cluster));
      const version = source.read('cluster', name)?.version;
      set('endpoint', name, cluster?.readyBy === 'assignment' ? plainOf(name, revision, version) : undefined);
    });
  const setRoute = (number: number, targets: readonly number[]): void => {
    const units = targets.map((target, at) => ({ name: `h${at}`, revision: 1, cluster: `c${target}` }));
    source.edit((set) => set('route', `r${number}`, routeOf(`r${number}`, units)));
  };
  const setListeners = (count: number, chain: number): void =>
    source.edit((set) => {
      for (const at of [0, 1]) {
        const units = [{ name: 'tcp', revision: 1, cluster: `c${chain}` }];
        set('listener', `l${at}`, at < count ? listenerOf(`l${at}`, `r${at}`, units) : undefined);
      }
    });
  source.edit((set) => set('secret', 's', plainOf('s', 1)));

  const run = (next: Step): void => {
    switch (next.kind) {
      case 'cluster':
        setCluster(`c${next.index}`, next.cluster, 1);
        return;
      case 'endpoints': {
        const version = source.read('cluster', `c${next.index}`)?.version;
        if (source.read('endpoint', `c${next.index}`) === undefined) return;
        source.edit((set) => set('endpoint', `c${next.index}`, plainOf(`c${next.index}`, next.revision, version)));
        return;
      }
      case 'routes':
        setRoute(next.index, next.targets);
        return;
      case 'listeners':
        setListeners(next.count, next.chain);
        return;
      case 'deliver':
        deliver(next.count);
        return;
      case 'answer':
        answer(next.count);
        return;
      case 'wait':
        waitFor(next.ms);
        return;
      case 'checks':
        proxy.finishChecks();
        return;
      case 'cut':
        inbox = [];
        underWay = new Map();
        isOneServer &&= !next.isNewServer;
        if (next.isNewServer) memory = { ...createProxyMemory(), refused: memory.refused };
        gate = newGate();
        proxy.reconnect();
        return;
      default:
        throw new TypeError('no such step');
    }
  };

  const settle = (): void => {
    for (let round = 0; round < 100; round++) {
      deliver(100);
      proxy.finishChecks();
      answer(100);
      if (inbox.length > 0 || proxy.outbox.length > 0) continue;
      const wakeMs = gate.wakeMs();
      if (wakeMs !== undefined) waitFor(wakeMs - nowMs);
      else if (round > 50) return;
      else proxy.expireFetches();
    }
    assert.fail(`does not come to rest: ${JSON.stringify(gate.status(nowMs))}`);
  };

  const finish = (): void => {
    // All good, and no unit without a cluster: everything can be reached from any state.
    for (const at of [0, 1, 2])
      setCluster(`c${at}`, { revision: 9, readyBy: at === 2 ? 'cds' : 'assignment', isBad: false, secret: 's' }, 9);
    setCluster('c3', undefined, 1);
    setRoute(0, [0, 1]);
    setRoute(1, [2]);
    setListeners(2, 1);
    settle();
    const status = gate.status(nowMs);
    assert.equal(status.state, 'SYNCED', status.reason);
    assert.equal(gate.applied(), source.generation);
    // A new server cannot know what a refusal lost in a cut left behind.
    const clusters = [...proxy.clusters.keys()].filter((name) => isOneServer || source.list('cluster').includes(name));
    assert.deepEqual(clusters.toSorted(), source.list('cluster').toSorted());
    for (const name of clusters) {
      assert.equal(proxy.clusters.get(name)?.active, source.read('cluster', name)?.version);
    }
    for (const name of ['c0', 'c1']) assert.equal(proxy.endpoints.get(name), source.read('endpoint', name)?.version);
    const units = (table: 'listener' | 'route', name: string): string[] =>
      [...(proxy.tables[table].get(name)?.units.values() ?? [])].map((unit) => `${unit.name} ${unit.cluster}`);
    assert.deepEqual([...proxy.tables.listener.keys()].toSorted(), ['l0', 'l1']);
    assert.deepEqual([units('listener', 'l0'), units('listener', 'l1')], [['tcp c1'], ['tcp c1']]);
    assert.deepEqual([...proxy.tables.route.keys()].toSorted(), ['r0', 'r1']);
    assert.deepEqual([units('route', 'r0'), units('route', 'r1')], [['h0 c0', 'h1 c1'], ['h0 c2']]);
    assert.ok(source.subscribed.size <= 8, 'gave back what nobody asks for');
  };
  return { run, finish };
}

test('any interleaving: no unit before its cluster, one response a type, no refused bytes twice, drains kept, all arrives', () => {
  const runs = Number(process.env['MIZZEN_FUZZ_RUNS'] ?? 300);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
      const world = createWorld();
      for (const next of steps) world.run(next);
      world.finish();
    }),
    { numRuns: runs },
  );
});
