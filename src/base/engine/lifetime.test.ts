import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEngine, defineIndex, defineQuery, type Demand, type Engine } from './index.ts';
import { failureText, links, numbers, reach, setLinks, setNumbers, valueOf, work } from './test-reach.ts';

/** A demand that writes down what it is told. */
function listen(engine: Engine, told: unknown[], key: string): Demand<number> {
  return engine.demand(reach, key, (outcome, revision) => told.push([key, valueOf(outcome), revision]));
}

test('10,000 demands come and go, and the cells with them', () => {
  const engine = createEngine();
  engine.transact((change) => {
    for (let i = 0; i < 100; i++) change.set(links, `view${i}`, ['shared', `own${i}`]);
  });
  const first = listen(engine, [], 'view0');
  engine.settle();
  const before = engine.stats();
  const demands = Array.from({ length: 10_000 }, (_, i) => engine.demand(reach, `view${i % 100}`));
  engine.settle();
  assert.equal(engine.stats().cellsAlive, before.cellsAlive + 2 * 99);
  for (const demand of demands) demand.release();
  engine.settle();
  const { cellsAlive, edges, leaves } = engine.stats();
  assert.deepEqual([cellsAlive, edges, leaves], [before.cellsAlive, before.edges, before.leaves]);
  first.release();
  first.release();
  engine.collect();
  assert.deepEqual([engine.stats().cellsAlive, engine.stats().leaves], [0, 0]);
  assert.throws(() => first.outcome, /released/u);
});

test('a cell that is released and demanded again before the next settle does not run again', () => {
  const engine = createEngine();
  setNumbers(engine, { a: 1 });
  const demand = listen(engine, [], 'a');
  engine.settle();
  demand.release();
  const again = engine.demand(reach, 'a');
  assert.deepEqual(
    work(engine, () => engine.settle()),
    {},
  );
  assert.equal(valueOf(again.outcome), 1);
});

test('a peek leaves nothing behind', () => {
  const engine = createEngine();
  setLinks(engine, { a: ['b', 'c'] });
  assert.equal(valueOf(engine.peek(reach, 'a')), 0);
  assert.deepEqual(
    work(engine, () => engine.peek(reach, 'a')),
    {},
  );
  engine.collect();
  assert.equal(engine.stats().cellsAlive, 0);
});

test('a listener hears of its start unless it has looked, and then of changes only', () => {
  const engine = createEngine();
  setNumbers(engine, { a: 1, b: 1 });
  const told: unknown[] = [];
  listen(engine, told, 'a');
  assert.equal(valueOf(listen(engine, told, 'b').outcome), 1);
  engine.settle();
  assert.deepEqual(told.splice(0), [['a', 1, 1]]);
  setNumbers(engine, { a: 2, b: 2 });
  setNumbers(engine, { a: 1, b: 3 });
  engine.settle();
  assert.deepEqual(told.splice(0), [['b', 3, 3]]);
});

test('listeners are called in the order of their demands, each once, after everything is up to date', () => {
  const engine = createEngine();
  const told: string[] = [];
  const demands: Demand<number>[] = [];
  const hear = (name: string, key: string): void => {
    demands.push(
      engine.demand(reach, key, () => {
        told.push(`${name} ${demands.map((demand) => valueOf(demand.outcome)).join(' ')}`);
      }),
    );
  };
  setLinks(engine, { sum: ['a', 'b'] });
  hear('1', 'sum');
  hear('2', 'a');
  hear('3', 'sum');
  hear('4', 'b');
  engine.settle();
  told.length = 0;
  setNumbers(engine, { a: 1 });
  engine.settle();
  assert.deepEqual(told, ['1 1 1 1 0', '2 1 1 1 0', '3 1 1 1 0']);
});

test('a listener may demand, release, look, transact and settle', () => {
  const engine = createEngine();
  setNumbers(engine, { a: 1, b: 10 });
  const told: unknown[] = [];
  let late: Demand<number> | undefined;
  engine.demand(reach, 'a', (outcome, revision) => {
    told.push(['first', valueOf(outcome), revision]);
    victim.release();
    late ??= listen(engine, told, 'b');
    engine.settle();
    if (valueOf(outcome) < 3) {
      assert.equal(setNumbers(engine, { a: valueOf(outcome) + 1 }), revision + 1);
      assert.equal(engine.revision, revision);
      assert.equal(valueOf(engine.peek(reach, 'a')), valueOf(outcome));
    }
  });
  const victim = listen(engine, told, 'a');
  engine.settle();
  assert.deepEqual(told, [
    ['first', 1, 1],
    ['first', 2, 2],
    ['b', 10, 2],
    ['first', 3, 3],
  ]);
  assert.ok(engine.settled);
});

test('a listener that throws does not keep the others from hearing', () => {
  const engine = createEngine();
  const told: unknown[] = [];
  engine.demand(reach, 'a', () => {
    throw new Error('deaf');
  });
  listen(engine, told, 'a');
  assert.throws(() => engine.settle(), /deaf/u);
  assert.deepEqual(told, [['a', 0, 0]]);
  setNumbers(engine, { a: 1 });
  assert.throws(() => engine.settle(), /deaf/u);
  assert.deepEqual(told.length, 2);
});

test('a settle in slices yields after each run, and belongs to one revision whatever comes in between', () => {
  const engine = createEngine();
  setLinks(engine, { top: ['l', 'r'], l: ['a'], r: ['a'] });
  setNumbers(engine, { a: 1 });
  const told: unknown[] = [];
  listen(engine, told, 'top');
  listen(engine, told, 'l');
  engine.settle();
  told.length = 0;
  const revision = setNumbers(engine, { a: 2 });
  const slices = engine.settleSlices();
  const perSlice: number[] = [];
  for (let next = slices.next(), before = engine.stats().queriesRun - 1; next.done !== true; next = slices.next()) {
    perSlice.push(engine.stats().queriesRun - before);
    before = engine.stats().queriesRun;
    if (perSlice.length > 1) continue;
    assert.equal(setNumbers(engine, { a: 3 }), revision + 1);
    assert.equal(valueOf(engine.peek(reach, 'r')), 2);
    assert.ok(!engine.settled);
  }
  assert.deepEqual(told, [
    ['top', 4, revision],
    ['l', 2, revision],
    ['top', 6, revision + 1],
    ['l', 3, revision + 1],
  ]);
  assert.ok(engine.settled);
});

test('a wave over many cells, or many new ones, is cut into slices whatever the graph looks like', () => {
  const engine = createEngine();
  const tops = Array.from({ length: 200 }, (_, i) => `top${i}`);
  setLinks(engine, Object.fromEntries(tops.map((top, i) => [top, [`mid${i}`]])));
  setLinks(engine, Object.fromEntries(tops.map((_, i) => [`mid${i}`, ['a']])));
  setLinks(engine, { all: tops });
  const told: unknown[] = [];
  listen(engine, told, 'all');
  for (const [limit, number] of [
    [32, 1],
    [32, 2],
    [1, 3],
    [0, 4],
  ] as const) {
    setNumbers(engine, { a: number });
    let most = 0;
    let before = engine.stats().queriesRun;
    const first = before;
    for (const slice of engine.settleSlices(limit === 32 ? undefined : (queriesRun) => queriesRun >= limit)) {
      assert.equal(slice, undefined);
      engine.collect();
      most = Math.max(most, engine.stats().queriesRun - before);
      before = engine.stats().queriesRun;
    }
    assert.equal(before - first, 402);
    // What was running when enough had run comes to its end.
    assert.ok(most <= limit + 2, `${most} in a slice`);
  }
  assert.deepEqual(told.length, 4);
});

test('slices that are given up leave the rest to the next settle, and nobody half told', () => {
  const engine = createEngine();
  setLinks(engine, { x: ['a'], y: ['a'] });
  const told: unknown[] = [];
  listen(engine, told, 'x');
  listen(engine, told, 'y');
  engine.settle();
  told.length = 0;
  setNumbers(engine, { a: 1 });
  const slices = engine.settleSlices();
  slices.next();
  setNumbers(engine, { a: 2 });
  slices.return();
  assert.equal(engine.revision, 3);
  assert.ok(!engine.settled);
  engine.settle();
  assert.deepEqual(told, [
    ['x', 2, 3],
    ['y', 2, 3],
  ]);
});

test('a fork sees neither what comes later nor the other way round, and runs only what differs', () => {
  const engine = createEngine();
  setLinks(engine, { x: ['a'], y: ['b'], all: ['x', 'y'] });
  setNumbers(engine, { a: 1, b: 10 });
  const demand = engine.demand(reach, 'all');
  engine.settle();
  const fork = engine.fork();
  const untouched = engine.fork();
  assert.deepEqual([fork.revision, fork.stats().cellsAlive, fork.stats().inputs], [2, 0, engine.stats().inputs]);
  setNumbers(fork, { a: 2 });
  setNumbers(engine, { b: 20 });
  engine.settle();
  // all, x and a differ by the fork's change, y and b by the original's.
  assert.equal(valueOf(fork.peek(reach, 'all')), 12);
  assert.equal(valueOf(demand.outcome), 21);
  assert.equal(valueOf(untouched.peek(reach, 'all')), 11);
  const second = engine.fork();
  setNumbers(second, { a: 5 });
  const runs = work(second, () => assert.equal(valueOf(second.peek(reach, 'all')), 25));
  assert.deepEqual(runs, { queriesRun: 3, adopted: 2 });
  const grandchild = second.fork();
  assert.deepEqual(
    work(grandchild, () => assert.equal(valueOf(grandchild.peek(reach, 'all')), 25)),
    { adopted: 5 },
  );
  assert.deepEqual(engine.stats().cellsAlive, 5);
});

test('a fork takes over nothing that is out of date, and cuts off where its own result is the same', () => {
  const parity = defineQuery('parity', (read, key: string) => read.get(reach, key) % 2);
  const above = defineQuery('above', (read, key: string) => `parity ${read.get(parity, key)}`);
  const engine = createEngine();
  setNumbers(engine, { a: 1 });
  engine.demand(above, 'a');
  engine.settle();
  const fork = engine.fork();
  setNumbers(fork, { a: 3 });
  assert.deepEqual(
    work(fork, () => assert.equal(valueOf(fork.peek(above, 'a')), 'parity 1')),
    {
      queriesRun: 2,
      adopted: 1,
    },
  );
  setNumbers(engine, { a: 2 });
  const stale = engine.fork();
  assert.equal(valueOf(stale.peek(above, 'a')), 'parity 0');
  assert.equal(stale.stats().adopted, 0);
});

test('index cells are isolated between forks, those read before and those not', () => {
  const big = defineIndex(numbers, 'numbers by size', (number) => [number > 5 ? 'big' : 'small']);
  const members = defineQuery('members', (read, cell: string) => [...read.cells(big), ...read.cell(big, cell)]);
  for (const readBefore of [true, false]) {
    const engine = createEngine();
    setNumbers(engine, { a: 1, b: 9 });
    if (readBefore) engine.peek(members, 'big');
    const fork = engine.fork();
    setNumbers(fork, { c: 8 });
    setNumbers(engine, { a: undefined, d: 7 });
    setNumbers(fork, { b: undefined });
    assert.deepEqual(valueOf(engine.peek(members, 'big')), ['big', 9, 7]);
    assert.deepEqual(valueOf(fork.peek(members, 'big')), ['big', 'small', 8]);
    assert.deepEqual(valueOf(fork.peek(members, 'small')), ['big', 'small', 1]);
  }
});

test('what a fork has compared counts no more once the other engine has changed or freed the cell', () => {
  const parity = defineQuery('parity', (read, key: string) => (read.input(numbers, key) ?? 0) % 2);
  const top = defineQuery('top', (read, key: string) => {
    return `${key} ${read.input(numbers, 'x')} ${read.get(parity, 'a')} ${read.input(numbers, 'c')}`;
  });
  for (const how of ['changed', 'freed']) {
    const first = createEngine();
    setNumbers(first, { x: 1, a: 1, c: 1 });
    const second = first.fork();
    setNumbers(second, { unrelated: 1 });
    setNumbers(first, { x: 5 });
    first.demand(top, 'k');
    first.settle();
    const demand = second.demand(top, 'k');
    second.settle();
    const fork = second.fork();
    setNumbers(fork, { a: 3 });
    const own = fork.demand(top, 'k');
    const slices = fork.settleSlices();
    // The parity has run and is the same; x, which comes before it, has been compared.
    assert.equal(slices.next().done, false);
    assert.equal(fork.stats().queriesRun, 1);
    if (how === 'changed') setNumbers(second, { x: 2 });
    else demand.release();
    second.settle();
    while (slices.next().done !== true);
    assert.equal(valueOf(own.outcome), 'k 1 1 1', how);
  }
});

test('diagnostics belong to the cell that reports, are gathered from below once, and go when it runs again', () => {
  const checked = defineQuery('checked', (read, key: string): number => {
    const number = read.input(numbers, key) ?? 0;
    if (number > 5) read.report({ code: 'too-large', key: 'any' });
    return (read.input(links, key) ?? []).reduce((sum, other) => sum + read.get(checked as typeof reach, other), 0);
  });
  const engine = createEngine();
  setLinks(engine, { top: ['a', 'b'] });
  setNumbers(engine, { a: 6, b: 7 });
  engine.demand(checked, 'top');
  engine.settle();
  const found = [{ code: 'too-large', key: 'any' }];
  assert.deepEqual(engine.diagnostics(checked, 'top'), found);
  const fork = engine.fork();
  assert.deepEqual(fork.diagnostics(checked, 'top'), found);
  assert.equal(fork.stats().queriesRun, 0);
  const version = engine.stats().diagnosticsVersion;
  setNumbers(engine, { a: 1 });
  engine.settle();
  assert.deepEqual(engine.diagnostics(checked, 'top'), found);
  assert.ok(engine.stats().diagnosticsVersion > version);
  setNumbers(engine, { b: 1 });
  assert.deepEqual(engine.diagnostics(checked, 'top'), []);
});

test('a failure is told like a value', () => {
  const engine = createEngine();
  setNumbers(engine, { a: 1 });
  const told: string[] = [];
  engine.demand(reach, 'a', (outcome) => told.push(failureText(outcome)));
  engine.settle();
  setNumbers(engine, { a: -1 });
  engine.settle();
  setNumbers(engine, { a: undefined });
  engine.settle();
  assert.deepEqual(told, ['value 1', 'a: a is negative', 'value 0']);
});
