import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEngine, defineIndex, defineInput, defineQuery, type Outcome, type Read } from './index.ts';
import { links, numbers, reach, setLinks, setNumbers, valueOf, work } from './test-reach.ts';

interface Item {
  readonly group: string;
  readonly size: number;
}

const items = defineInput<Item>('items');
const byGroup = defineIndex(items, 'items by group', (item) => [item.group]);
const total = defineQuery('total', (read, group: string) =>
  read.cell(byGroup, group).reduce((sum, item) => sum + item.size, 0),
);
const even = defineQuery('even', (read, group: string) => read.get(total, group) % 2 === 0);

test('a change runs what reads it and wakes whom it reaches', () => {
  const engine = createEngine();
  engine.transact((change) => {
    change.set(items, 'a', { group: 'x', size: 1 });
    change.set(items, 'b', { group: 'y', size: 2 });
  });
  const told: [string, Outcome<boolean>, number][] = [];
  const demandX = engine.demand(even, 'x', (outcome, revision) => told.push(['x', outcome, revision]));
  engine.demand(even, 'y', (outcome, revision) => told.push(['y', outcome, revision]));
  engine.settle();
  assert.deepEqual(told.splice(0), [
    ['x', { kind: 'value', value: false }, 1],
    ['y', { kind: 'value', value: true }, 1],
  ]);
  const odd = work(engine, () => {
    assert.equal(
      engine.transact((change) => change.set(items, 'a', { group: 'x', size: 3 })),
      2,
    );
    engine.settle();
  });
  assert.deepEqual(odd, { marked: 2, queriesRun: 2, cutOffs: 1 });
  assert.deepEqual(told, []);
  engine.transact((change) => change.set(items, 'a', { group: 'y', size: 3 }));
  engine.settle();
  assert.deepEqual(told, [
    ['x', { kind: 'value', value: true }, 3],
    ['y', { kind: 'value', value: false }, 3],
  ]);
  assert.deepEqual(demandX.outcome, { kind: 'value', value: true });
});

test('setting what is there already, or a change that undoes itself in its batch, is no change', () => {
  const engine = createEngine();
  engine.transact((change) => change.set(items, 'a', { group: 'x', size: 1 }));
  engine.demand(even, 'x', () => undefined);
  engine.settle();
  const nothing = work(engine, () => {
    engine.transact((change) => {
      change.set(items, 'a', { group: 'other', size: 1 });
      change.set(items, 'b', { group: 'x', size: 1 });
      change.remove(items, 'b');
      change.set(items, 'a', { size: 1, group: 'x' });
      change.remove(items, 'never set');
    });
    engine.settle();
  });
  assert.deepEqual(nothing, {});
  assert.equal(engine.revision, 1);
});

test("an input's own equality decides what a change is", () => {
  const versioned = defineInput<{ version: string; text: string }>('versioned', {
    equal: (a, b) => a.version === b.version,
  });
  const text = defineQuery('text', (read, key: string) => read.input(versioned, key)?.text);
  const engine = createEngine();
  engine.transact((change) => change.set(versioned, 'a', { version: '1', text: 'old' }));
  const revision = engine.transact((change) => change.set(versioned, 'a', { version: '1', text: 'other' }));
  assert.equal(revision, 1);
  assert.equal(valueOf(engine.peek(text, 'a')), 'old');
});

test("a query's own equality decides whether its readers run", () => {
  const rough = defineQuery('rough', (read, key: string) => read.get(reach, key), {
    equal: (a, b) => Math.abs(a - b) < 10,
  });
  const above = defineQuery('above', (read, key: string) => read.get(rough, key) + 1);
  const engine = createEngine();
  setNumbers(engine, { a: 1 });
  const demand = engine.demand(above, 'a');
  assert.equal(valueOf(demand.outcome), 2);
  setNumbers(engine, { a: 5 });
  assert.deepEqual(
    work(engine, () => valueOf(demand.outcome)),
    { queriesRun: 2, cutOffs: 1, verified: 1 },
  );
  setNumbers(engine, { a: 50 });
  assert.equal(valueOf(demand.outcome), 51);
});

test('a transaction that throws leaves everything as it was', () => {
  const stubborn = defineInput<number>('stubborn', {
    equal: () => {
      throw new Error('cannot compare');
    },
  });
  const engine = createEngine();
  setNumbers(engine, { a: 1 });
  engine.transact((change) => change.set(stubborn, 'k', 1));
  engine.demand(reach, 'a');
  engine.settle();
  const later = new Error('later');
  for (const spoil of ['callback', 'comparison']) {
    const act = (): unknown =>
      engine.transact((change) => {
        change.set(numbers, 'a', 2);
        change.set(stubborn, 'k', 2);
        if (spoil === 'callback') throw later;
      });
    assert.throws(act, spoil === 'callback' ? later : /cannot compare/u);
  }
  assert.equal(engine.revision, 2);
  assert.deepEqual(
    work(engine, () => engine.settle()),
    {},
  );
  assert.equal(valueOf(engine.peek(reach, 'a')), 1);
});

test('one change among 100,000 cells touches its readers only', () => {
  const engine = createEngine();
  engine.transact((change) => {
    for (let i = 0; i < 50_000; i++) {
      change.set(numbers, `leaf${i}`, i);
      change.set(links, `top${i}`, [`leaf${i}`, `leaf${(i + 1) % 50_000}`]);
    }
  });
  for (let i = 0; i < 50_000; i++) engine.demand(reach, `top${i}`, () => undefined);
  engine.settle();
  assert.equal(engine.stats().cellsAlive, 100_000);
  const one = work(engine, () => {
    setNumbers(engine, { leaf7: 70 });
    engine.settle();
  });
  assert.deepEqual(one, { marked: 3, queriesRun: 3, notified: 2 });
  const none = work(engine, () => {
    setNumbers(engine, { unrelated: 70 });
    engine.settle();
  });
  assert.deepEqual(none, {});
});

test('only demanded cells run: the rest waits until somebody asks', () => {
  const engine = createEngine();
  setLinks(engine, { a: ['c'], b: ['c'] });
  setNumbers(engine, { c: 1 });
  engine.demand(reach, 'a');
  const b = engine.demand(reach, 'b');
  engine.settle();
  b.release();
  setNumbers(engine, { c: 2 });
  assert.deepEqual(
    work(engine, () => engine.settle()),
    { queriesRun: 2 },
  );
});

test('demanded cells run in the order of their demands', () => {
  const order: string[] = [];
  const logged = defineQuery('logged', (read, key: string) => {
    order.push(key);
    return read.get(reach, 'a');
  });
  const engine = createEngine();
  const keys = ['3', '1', '4', '2'];
  const demands = keys.map((key) => engine.demand(logged, key));
  engine.settle();
  setNumbers(engine, { a: 1 });
  engine.settle();
  assert.deepEqual(order.splice(0), [...keys, ...keys]);
  demands[0]?.release();
  engine.demand(logged, '3');
  setNumbers(engine, { a: 2 });
  engine.settle();
  assert.deepEqual(order, ['1', '4', '2', '3']);
});

test('reads may differ from run to run, and what is no longer read no longer wakes', () => {
  const engine = createEngine();
  setLinks(engine, { a: ['b'] });
  setNumbers(engine, { b: 1, c: 10 });
  const demand = engine.demand(reach, 'a');
  assert.equal(valueOf(demand.outcome), 1);
  setLinks(engine, { a: ['c'] });
  engine.settle();
  assert.equal(valueOf(demand.outcome), 10);
  assert.equal(engine.stats().cellsAlive, 2);
  setNumbers(engine, { b: 2 });
  assert.deepEqual(
    work(engine, () => engine.settle()),
    {},
  );
});

test('a read that a cell would no longer make is not evaluated', () => {
  const guard = defineQuery('guard', (read, key: string) => read.get(reach, key) > 0);
  const guarded = defineQuery('guarded', (read, key: string): number =>
    read.get(guard, key) ? read.get(reach, `${key}'`) : 0,
  );
  const engine = createEngine();
  setNumbers(engine, { a: 1, "a'": 5 });
  const demand = engine.demand(guarded, 'a');
  assert.equal(valueOf(demand.outcome), 5);
  setNumbers(engine, { a: 0, "a'": -1 });
  // a, its guard and the guarded one; a' would have thrown.
  assert.deepEqual(
    work(engine, () => assert.equal(valueOf(demand.outcome), 0)),
    { queriesRun: 3 },
  );
});

test('readers of names wake when a name appears or vanishes', () => {
  const names = defineQuery('names', (read, _key: string) => read.cells(byGroup));
  const engine = createEngine();
  const demand = engine.demand(names, 'all');
  assert.deepEqual(valueOf(demand.outcome), []);
  const put = (key: string, group: string | undefined): Partial<Record<string, number>> =>
    work(engine, () => {
      engine.transact((change) => {
        if (group === undefined) change.remove(items, key);
        else change.set(items, key, { group, size: 1 });
      });
      engine.settle();
    });
  assert.deepEqual(put('1', 'x'), { marked: 1, queriesRun: 1 });
  assert.deepEqual(put('2', 'x'), {});
  assert.deepEqual(put('3', 'b'), { marked: 1, queriesRun: 1 });
  assert.deepEqual(valueOf(demand.outcome), ['b', 'x']);
  assert.deepEqual(put('1', undefined), {});
  assert.deepEqual(put('2', 'b'), { marked: 1, queriesRun: 1 });
  assert.deepEqual(valueOf(demand.outcome), ['b']);
});

test('an index cell is sorted by key, frozen, and kept while its content is', () => {
  const members = defineQuery('members', (read, group: string) => read.cell(byGroup, group));
  const engine = createEngine();
  engine.transact((change) => {
    for (const key of ['10', '9', 'b', 'a']) change.set(items, key, { group: 'x', size: Number(key) });
  });
  const [first, second] = [valueOf(engine.peek(members, 'x')), valueOf(engine.peek(members, 'x'))];
  assert.deepEqual(
    first.map((item) => item.size),
    [10, 9, Number.NaN, Number.NaN],
  );
  assert.equal(first, second);
  assert.ok(Object.isFrozen(first) && Object.isFrozen(valueOf(engine.peek(members, 'none'))));
});

test('an index whose function throws fails its readers until the value is mended, read before or not', () => {
  const picky = defineIndex(items, 'picky', (item) => {
    if (item.size < 0) throw new RangeError('negative');
    return [item.group];
  });
  const count = defineQuery('count', (read, group: string) => read.cell(picky, group).length);
  const names = defineQuery('picky names', (read, _key: string) => read.cells(picky).length);
  for (const readBefore of [true, false]) {
    const engine = createEngine();
    engine.transact((change) => change.set(items, 'good', { group: 'x', size: 1 }));
    if (readBefore) engine.demand(count, 'x');
    engine.settle();
    engine.transact((change) => change.set(items, 'bad', { group: 'x', size: -1 }));
    const demands = [engine.demand(count, 'x'), engine.demand(names, '')];
    engine.settle();
    for (const { outcome } of demands) assert.equal(outcome.kind === 'failure' && outcome.message, 'negative');
    assert.deepEqual(engine.unread(items), ['bad', 'good']);
    assert.equal(engine.fork().peek(count, 'x').kind, 'failure');
    engine.transact((change) => change.set(items, 'other', { group: 'x', size: 1 }));
    engine.settle();
    for (const { outcome } of demands) assert.equal(outcome.kind, 'failure');
    engine.transact((change) => change.set(items, 'bad', { group: 'x', size: 3 }));
    engine.settle();
    assert.deepEqual(
      demands.map(({ outcome }) => valueOf(outcome)),
      [3, 1],
    );
  }
});

test('keys that are the same data are the same cell', () => {
  const sum = defineQuery('sum', (read, key: { readonly a: string; readonly b?: readonly string[] }) =>
    [key.a, ...(key.b ?? [])].reduce((total, name) => total + read.get(reach, name), 0),
  );
  const engine = createEngine();
  setNumbers(engine, { x: 1, y: 2 });
  engine.demand(sum, { a: 'x', b: ['y'] });
  engine.settle();
  assert.deepEqual(
    work(engine, () => assert.equal(valueOf(engine.peek(sum, { b: ['y'], a: 'x' })), 3)),
    {},
  );
  assert.equal(valueOf(engine.peek(sum, JSON.parse('{"a":"y","__proto__":"x"}'))), 2);
});

test('what is not allowed inside a query says so', () => {
  const engine = createEngine();
  let kept: Read | undefined;
  const acts: Record<string, (read: Read) => unknown> = {
    transact: () => setNumbers(engine, { a: 1 }),
    settle: () => engine.settle(),
    slices: () => engine.settleSlices().next(),
    peek: () => engine.peek(reach, 'a'),
    demand: () => engine.demand(reach, 'a'),
    fork: () => engine.fork(),
    collect: () => engine.collect(),
  };
  const naughty = defineQuery('naughty', (read, key: string) => {
    kept = read;
    acts[key]?.(read);
    return 1;
  });
  for (const key of Object.keys(acts)) {
    const outcome = engine.peek(naughty, key);
    assert.match(outcome.kind === 'failure' ? outcome.message : '', /not allowed inside a query/u, key);
  }
  assert.throws(() => kept?.input(numbers, 'a'), /only while it runs/u);
});

test('with freeze a query that writes into what it read fails', () => {
  const writer = defineQuery('writer', (read, key: string) => Object.assign(read.input(items, key) ?? {}, { size: 9 }));
  const result = defineQuery('result', (_read, key: string) => ({ list: [{ key }] }));
  const engine = createEngine({ freeze: true });
  engine.transact((change) => change.set(items, 'a', { group: 'x', size: 1 }));
  assert.equal(engine.peek(writer, 'a').kind, 'failure');
  assert.ok(Object.isFrozen(valueOf(engine.peek(result, 'a')).list[0]));
});

test('edges say what was read, down to the inputs', () => {
  const engine = createEngine();
  engine.transact((change) => {
    change.set(items, 'a', { group: 'x', size: 1 });
    change.set(items, 'b', { group: 'x', size: 1 });
    change.set(items, 'c', { group: 'y', size: 1 });
  });
  assert.deepEqual(engine.reads(even, 'x'), [{ kind: 'query', query: 'total', key: 'x' }]);
  const cell = { kind: 'cell', index: 'items by group', cell: 'x', input: 'items', keys: ['a', 'b'] };
  assert.deepEqual(engine.reads(even, 'x', { transitive: true }), [{ kind: 'query', query: 'total', key: 'x' }, cell]);
  engine.demand(even, 'x');
  engine.settle();
  assert.deepEqual(engine.readersOf(items, 'a'), [{ query: 'even', key: 'x' }]);
  assert.deepEqual(engine.readersOf(items, 'c'), []);
  assert.deepEqual(engine.unread(items), ['c']);
});

test('what is read many times is one read', () => {
  const twice = defineQuery('twice', (read, _key: string) => {
    for (let i = 0; i < 80; i++) read.input(numbers, `${i % 40}`);
    return read.input(numbers, '39');
  });
  const engine = createEngine();
  const edges = engine.reads(twice, '');
  assert.deepEqual(
    edges.map((edge) => edge.kind === 'input' && edge.key),
    Array.from({ length: 40 }, (_, i) => `${i}`),
  );
});
