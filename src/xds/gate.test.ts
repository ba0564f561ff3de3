import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { XdsType } from '../proto/resource.ts';
import { createGate, type Gate } from './gate.ts';
import type { GateRequest, GateResponse } from './message.ts';
import { createProxyMemory, findCulprits, type ProxyMemory } from './proxy-memory.ts';
import type { ResourceKey } from './source.ts';
import {
  clusterOf,
  createModelSource,
  listenerOf,
  plainOf,
  readUnit,
  routeOf,
  type ModelCluster,
  type ModelSource,
} from './testing/model-source.ts';

const good: ModelCluster = { revision: 1, readyBy: 'assignment', isBad: false, secret: undefined };

/** A gate with a source, driven by hand. */
function stand(memory?: ProxyMemory): { source: ModelSource; gate: Gate; changed: ResourceKey[] } {
  const source = createModelSource();
  const changed: ResourceKey[] = [];
  source.onChange((change) => changed.push(...change.changed));
  const gate = createGate({ source, noncePrefix: 'n', ...(memory === undefined ? {} : { memory }) }, 0);
  source.onChange((change) => void gate.change(change.changed));
  return { source, gate, changed };
}

function ask(type: XdsType, fields: Partial<GateRequest> = {}): GateRequest {
  const empty = { subscribe: [], unsubscribe: [], initialVersions: new Map<string, string>(), nonce: '' };
  return { type, ...empty, errorMessage: undefined, ...fields };
}

function takeAll(gate: Gate, nowMs: number): GateResponse[] {
  const responses: GateResponse[] = [];
  for (let next = gate.take(nowMs); next !== undefined; next = gate.take(nowMs)) responses.push(next);
  return responses;
}

function only(gate: Gate, nowMs: number): GateResponse {
  const [first, ...rest] = takeAll(gate, nowMs);
  assert.equal(rest.length, 0, 'one response');
  assert.ok(first !== undefined, 'a response');
  return first;
}

const namesOf = (response: GateResponse): string[] => response.resources.map(({ name }) => name);
const clustersOf = (response: GateResponse): string[] =>
  response.resources.flatMap(({ units }) => units.map(({ bytes }) => readUnit(bytes).cluster));

/** Brings a gate to where the proxy has clusters `a` and `b`, a listener, and route `80` with host `h` to `a`. */
function warmStand(memory?: ProxyMemory): ReturnType<typeof stand> {
  const made = stand(memory);
  const { source, gate } = made;
  source.edit((set) => {
    for (const name of ['a', 'b']) {
      set('cluster', name, clusterOf(name, good));
      set('endpoint', name, plainOf(name, 1));
    }
    set('listener', 'l', listenerOf('l', '80', []));
    set('route', '80', routeOf('80', [{ name: 'h', revision: 1, cluster: 'a' }]));
  });
  const acknowledge = (request: GateRequest): void => {
    gate.request(request, 0);
    for (const response of takeAll(gate, 0)) gate.request(ask(response.type, { nonce: response.nonce }), 0);
  };
  acknowledge(ask('cluster'));
  acknowledge(ask('endpoint', { subscribe: ['a', 'b'] }));
  acknowledge(ask('listener'));
  acknowledge(ask('route', { subscribe: ['80'] }));
  assert.equal(gate.status(0).state, 'SYNCED', gate.status(0).reason);
  assert.equal(gate.applied(), source.generation);
  return made;
}

test('a host moved to a new cluster waits for the ACK of its endpoints, its neighbour does not', () => {
  const { source, gate } = warmStand();
  source.edit((set) => {
    set('cluster', 'c', clusterOf('c', good));
    set('endpoint', 'c', plainOf('c', 1));
    const hosts = [
      { name: 'h', revision: 2, cluster: 'c' },
      { name: 'other', revision: 1, cluster: 'b' },
    ];
    set('route', '80', routeOf('80', hosts));
  });
  const [clusters, route] = takeAll(gate, 10);
  assert.ok(clusters !== undefined && route !== undefined);
  assert.deepEqual(namesOf(clusters), ['c']);
  assert.deepEqual(clustersOf(route), ['a', 'b'], 'h travels with its old bytes');
  gate.request(ask('route', { nonce: route.nonce }), 11);
  // The ACK of the cluster is withheld: endpoints go all the same.
  gate.request(ask('endpoint', { subscribe: ['c'] }), 11);
  const endpoints = only(gate, 11);
  assert.deepEqual(namesOf(endpoints), ['c']);
  assert.equal(gate.status(11).state, 'WARMING');
  assert.match(gate.status(11).reason, /h of 80 waits: cluster c waits for its endpoints/u);
  gate.request(ask('endpoint', { nonce: endpoints.nonce }), 12);
  const opened = only(gate, 12);
  assert.deepEqual(clustersOf(opened), ['c', 'b']);
  assert.equal(opened.resources[0]?.version, source.read('route', '80')?.version);
  assert.ok(gate.applied() < source.generation, 'not applied before the last ACK');
  gate.request(ask('route', { nonce: opened.nonce }), 13);
  gate.request(ask('cluster', { nonce: clusters.nonce }), 13);
  assert.equal(gate.applied(), source.generation);
  assert.equal(gate.status(13).state, 'SYNCED');
});

test('a cluster ready by CDS waits for the ACK of the cluster; a secret that it needs is waited for', () => {
  const { source, gate } = warmStand();
  source.edit((set) => {
    set('cluster', 'c', clusterOf('c', { ...good, readyBy: 'cds', secret: 's' }));
    set('route', '80', routeOf('80', [{ name: 'h', revision: 2, cluster: 'c' }]));
  });
  const clusters = only(gate, 10);
  gate.request(ask('cluster', { nonce: clusters.nonce }), 11);
  assert.deepEqual(takeAll(gate, 11), []);
  assert.match(gate.status(11).reason, /cluster c waits for the secret s/u);
  gate.request(ask('secret', { subscribe: ['s'] }), 12);
  const absent = only(gate, 12);
  assert.deepEqual(absent.removed, ['s'], 'a name that does not exist is answered');
  gate.request(ask('secret', { nonce: absent.nonce }), 13);
  assert.deepEqual(takeAll(gate, 13), [], 'which does not make the cluster ready');
  source.edit((set) => set('secret', 's', plainOf('s', 1)));
  const secret = only(gate, 14);
  gate.request(ask('secret', { nonce: secret.nonce }), 15);
  assert.deepEqual(clustersOf(only(gate, 15)), ['c']);
});

test('removal: after the ACK of the last user and the drain; needing it again cancels', () => {
  const { source, gate } = warmStand();
  const withoutA = (): void =>
    source.edit((set) => {
      set('cluster', 'a', undefined);
      set('endpoint', 'a', undefined);
      set('route', '80', routeOf('80', [{ name: 'h', revision: 3, cluster: 'b' }]));
    });
  withoutA();
  const route = only(gate, 1_000);
  assert.deepEqual(clustersOf(route), ['b']);
  assert.deepEqual(takeAll(gate, 100_000), [], 'the route is not acknowledged');
  assert.equal(gate.wakeMs(), undefined);
  gate.request(ask('route', { nonce: route.nonce }), 100_000);
  assert.equal(gate.wakeMs(), 145_000);
  assert.equal(gate.applied(), source.generation, 'what drains is not part of the view');
  assert.deepEqual(takeAll(gate, 144_999), []);
  source.edit((set) => {
    set('cluster', 'a', clusterOf('a', good));
    set('endpoint', 'a', plainOf('a', 1));
  });
  assert.deepEqual(takeAll(gate, 145_000), [], 'needed again, and the proxy has it');
  withoutA();
  assert.deepEqual(takeAll(gate, 150_000), []);
  assert.equal(gate.wakeMs(), 195_000);
  const removal = only(gate, 195_000);
  assert.deepEqual(removal.removed, ['a']);
  gate.request(ask('cluster', { nonce: removal.nonce }), 195_001);
  gate.request(ask('endpoint', { unsubscribe: ['a'] }), 195_001);
  assert.deepEqual(takeAll(gate, 500_000), []);
  assert.equal(gate.wakeMs(), undefined);
});

test('one host of many that never gets ready holds nobody, and is reported with its cause', () => {
  const { source, gate } = warmStand();
  source.edit((set) => {
    const hosts = Array.from({ length: 500 }, (_, i) => ({
      name: `h${i}`,
      revision: 1,
      cluster: i === 7 ? 'gone' : 'b',
    }));
    set('route', '80', routeOf('80', [{ name: 'h', revision: 1, cluster: 'a' }, ...hosts]));
  });
  const route = only(gate, 10);
  assert.equal(route.resources[0]?.units.length, 500, 'all but one');
  gate.request(ask('route', { nonce: route.nonce }), 11);
  assert.equal(gate.wakeMs(), 5_010);
  assert.deepEqual(gate.overdue(5_009), []);
  assert.deepEqual(gate.overdue(5_010), [{ type: 'route', name: '80', unit: 'h7', clusters: ['gone'] }]);
  assert.deepEqual(gate.overdue(6_000), [], 'told once');
  assert.match(gate.status(6_000).reason, /h7 of 80 waits: cluster gone does not exist in the view/u);
});

test('a fallback stands in for a host that the proxy never had', () => {
  const { source, gate } = warmStand();
  const route = routeOf('80', [{ name: 'new', revision: 1, cluster: 'gone' }]);
  const fallback = new TextEncoder().encode('{"name":"new","revision":0,"cluster":"503"}');
  source.edit((set) => set('route', '80', { ...route, units: route.units.map((unit) => ({ ...unit, fallback })) }));
  assert.deepEqual(takeAll(gate, 10), [], 'h is gone, new may stand in its place: the old form serves for a while');
  assert.deepEqual(clustersOf(only(gate, 5_010)), ['503']);
});

test('a refused version is not sent again, on this stream or the next, until it changes', () => {
  const memory = createProxyMemory();
  const { source, gate } = warmStand(memory);
  source.edit((set) => {
    set('cluster', 'bad', clusterOf('bad', { ...good, isBad: true }));
    set('cluster', 'c', clusterOf('c', good));
  });
  const both = only(gate, 10);
  assert.deepEqual(namesOf(both), ['bad', 'c']);
  const errorMessage = 'Error adding/updating cluster(s) bad: lb: minimum over maximum';
  assert.equal(gate.request(ask('cluster', { nonce: both.nonce, errorMessage }), 11), 'nack');
  const again = only(gate, 11);
  assert.deepEqual(namesOf(again), ['c'], 'its neighbour goes again, for a refusal opens no gate');
  assert.equal(gate.status(11).state, 'REJECTED');
  assert.match(gate.status(11).reason, /cluster bad: .*minimum over maximum/u);
  gate.request(ask('cluster', { nonce: again.nonce }), 12);
  assert.ok(gate.applied() < source.generation);

  const next = createGate({ source, noncePrefix: 'm', memory }, 20);
  const initialVersions = new Map(['a', 'b', 'c'].map((name) => [name, source.read('cluster', name)?.version ?? '']));
  next.request(ask('cluster', { initialVersions }), 20);
  assert.deepEqual(takeAll(next, 20), []);
  assert.equal(next.status(20).state, 'REJECTED');
  source.edit((set) => set('cluster', 'bad', clusterOf('bad', { ...good, revision: 2 })));
  next.change([{ type: 'cluster', name: 'bad' }]);
  assert.deepEqual(namesOf(only(next, 21)), ['bad']);
  assert.equal(next.status(21).state, 'WARMING');
});

test('a refusal that names nothing is tracked down one by one', () => {
  const { source, gate } = warmStand();
  gate.request(ask('route', { subscribe: ['81', '82'] }), 5);
  const empty = only(gate, 5);
  assert.deepEqual(
    empty.resources.map(({ units }) => units.length),
    [0, 0],
    'unknown names get empty tables',
  );
  gate.request(ask('route', { nonce: empty.nonce }), 6);
  source.edit((set) => {
    for (const name of ['81', '82']) set('route', name, routeOf(name, [{ name: 'h', revision: 1, cluster: 'a' }]));
  });
  const both = only(gate, 7);
  gate.request(ask('route', { nonce: both.nonce, errorMessage: 'missing ): (((' }), 8);
  const first = only(gate, 8);
  assert.deepEqual(namesOf(first), ['81']);
  gate.request(ask('route', { nonce: first.nonce, errorMessage: 'missing ): (((' }), 9);
  const second = only(gate, 9);
  assert.deepEqual(namesOf(second), ['82']);
  gate.request(ask('route', { nonce: second.nonce }), 10);
  assert.deepEqual(takeAll(gate, 11), []);
  assert.deepEqual(
    gate.status(11).refused.map(({ name }) => name),
    ['81'],
  );
});

test('stale nonce: the answer is void, the subscriptions count', () => {
  const { source, gate } = warmStand();
  source.edit((set) => set('endpoint', 'a', plainOf('a', 2)));
  const response = only(gate, 1);
  assert.equal(gate.request(ask('endpoint', { nonce: 'n1', subscribe: ['x'] }), 2), 'stale');
  assert.deepEqual(takeAll(gate, 2), [], 'one under way');
  source.edit((set) => set('endpoint', 'a', plainOf('a', 3)));
  source.edit((set) => set('endpoint', 'a', plainOf('a', 4)));
  assert.equal(gate.request(ask('endpoint', { nonce: response.nonce }), 3), 'ack');
  const next = only(gate, 3);
  assert.deepEqual(namesOf(next).toSorted(), ['a', 'x'], 'the newest state at once, and an empty assignment for x');
  assert.equal(next.resources.find(({ name }) => name === 'a')?.version, source.read('endpoint', 'a')?.version);
});

test('a name asked for again on the same stream is answered; a changed cluster gets its endpoints again', () => {
  const { source, gate } = warmStand();
  gate.request(ask('endpoint', { subscribe: ['a'] }), 1);
  const again = only(gate, 1);
  assert.deepEqual(namesOf(again), ['a']);
  gate.request(ask('endpoint', { nonce: again.nonce }), 2);
  source.edit((set) => set('cluster', 'a', clusterOf('a', { ...good, revision: 2 })));
  assert.deepEqual(
    takeAll(gate, 3).map((response) => [response.type, ...namesOf(response)]),
    [
      ['cluster', 'a'],
      ['endpoint', 'a'],
    ],
  );
  gate.request(ask('cluster', { unsubscribe: ['b'] }), 4);
  assert.deepEqual(namesOf(only(gate, 200)), ['b'], 'given up by name while all are taken: answered with it');
});

test('a cluster whose ACK is withheld does not hold the next one for long', () => {
  const { source, gate } = warmStand();
  source.edit((set) => set('cluster', 'slow', clusterOf('slow', { ...good, readyBy: 'cds' })));
  only(gate, 1_000);
  source.edit((set) => set('cluster', 'c', clusterOf('c', good)));
  assert.deepEqual(takeAll(gate, 1_050), []);
  assert.equal(gate.wakeMs(), 1_100);
  assert.deepEqual(namesOf(only(gate, 1_100)), ['c']);
});

test('reconnect: equal versions are skipped, what differs is sent, what is gone is removed', () => {
  const { source } = warmStand();
  source.edit((set) => {
    set('listener', 'l2', listenerOf('l2', '80', []));
    set('cluster', 'b', undefined);
  });
  const gate = createGate({ source, noncePrefix: 'm' }, 0);
  const version = (type: XdsType, name: string): [string, string] => [name, source.read(type, name)?.version ?? 'old'];
  gate.request(ask('endpoint', { subscribe: ['a', 'b'], initialVersions: new Map([version('endpoint', 'a')]) }), 0);
  const endpoints = only(gate, 0);
  assert.deepEqual(namesOf(endpoints), ['b'], 'asked for, and not held');
  gate.request(ask('endpoint', { nonce: endpoints.nonce }), 0);
  gate.request(
    ask('listener', { initialVersions: new Map([['l', 'old'], ['gone', 'x'], version('listener', 'l2')]) }),
    0,
  );
  const listeners = only(gate, 0);
  assert.deepEqual([namesOf(listeners), listeners.removed], [['l'], ['gone']]);
  gate.request(ask('listener', { nonce: listeners.nonce }), 1);
  gate.request(ask('route', { subscribe: ['80'], initialVersions: new Map([version('route', '80')]) }), 1);
  assert.deepEqual(takeAll(gate, 1), []);
  gate.request(ask('cluster', { initialVersions: new Map([version('cluster', 'a'), ['b', 'x']]) }), 2);
  assert.deepEqual(takeAll(gate, 2), [], 'b drains');
  assert.equal(gate.applied(), source.generation);
  const removal = only(gate, gate.wakeMs() ?? 0);
  assert.deepEqual(removal.removed, ['b']);
});

test('a new cluster that Envoy ignores is taken back, so that it answers again', () => {
  const { source, gate } = warmStand();
  source.edit((set) => set('cluster', 'bad', clusterOf('bad', { ...good, isBad: true })));
  const sent = only(gate, 100_000);
  assert.deepEqual(takeAll(gate, 104_999), []);
  assert.equal(gate.wakeMs(), 105_000);
  const back = only(gate, 105_000);
  assert.deepEqual(back.removed, ['bad']);
  gate.request(
    ask('cluster', { nonce: sent.nonce, errorMessage: 'Error adding/updating cluster(s) bad: why' }),
    105_001,
  );
  gate.request(ask('cluster', { nonce: back.nonce }), 105_001);
  assert.deepEqual(takeAll(gate, 105_002), []);
  assert.equal(gate.status(105_002).state, 'REJECTED');
});

test('a reconnected proxy that asks for no clusters gets them unasked', () => {
  const { source } = warmStand();
  const gate = createGate({ source, noncePrefix: 'm' }, 0);
  const initialVersions = new Map([['a', source.read('endpoint', 'a')?.version ?? '']]);
  gate.request(ask('endpoint', { subscribe: ['a'], initialVersions }), 0);
  assert.deepEqual(takeAll(gate, 999), []);
  assert.equal(gate.wakeMs(), 1_000);
  assert.deepEqual(
    takeAll(gate, 1_000).map((response) => [response.type, ...namesOf(response)]),
    [
      ['cluster', 'a', 'b'],
      ['endpoint', 'a'],
    ],
  );
});

test('a change of what the proxy does not have concerns it not', () => {
  const { source, gate } = warmStand();
  assert.equal(gate.change([{ type: 'endpoint', name: 'elsewhere' }]), false);
  assert.equal(gate.change([{ type: 'cluster', name: 'a' }]), true);
  assert.deepEqual(takeAll(gate, 1), [], 'and one that is the same sends nothing');
  assert.equal(gate.applied(), source.generation);
});

test('names in a refusal are whole names', () => {
  const text = 'Error adding/updating cluster(s) outbound|80||a.b: bad, x: worse';
  assert.deepEqual(findCulprits(['outbound|80||a.b', 'a.b', 'b', 'x', 'y'], text), ['outbound|80||a.b', 'x']);
  assert.deepEqual(findCulprits(['alone'], 'anything'), ['alone']);
});
