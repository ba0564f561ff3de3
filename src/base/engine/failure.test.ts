import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEngine, defineQuery, failureCells, QueryFailure, type Read } from './index.ts';
import { failureText, links, numbers, reach, setChain, setLinks, setNumbers, valueOf, work } from './test-reach.ts';

test('a failure goes up as a value, names its way and keeps what was thrown', () => {
  const engine = createEngine();
  setLinks(engine, { a: ['b'], b: ['c'] });
  setNumbers(engine, { c: -1 });
  const { outcome } = engine.demand(reach, 'a');
  assert.equal(failureText(outcome), 'a < b < c: c is negative');
  assert.ok(outcome.kind === 'failure' && outcome.cause instanceof RangeError);
  assert.match(outcome.cause.stack ?? '', /test-reach/u);
  assert.throws(() => valueOf(outcome), QueryFailure);
});

test('whoever attempts lives, and wakes when what failed is mended', () => {
  const fallback = defineQuery('fallback', (read, key: string) => {
    const outcome = read.attempt(reach, key);
    return outcome.kind === 'value' ? outcome.value : `${failureCells(outcome).length}: ${outcome.message}`;
  });
  const engine = createEngine();
  setLinks(engine, { a: ['b'] });
  setNumbers(engine, { b: -1 });
  const demand = engine.demand(fallback, 'a');
  assert.equal(valueOf(demand.outcome), '2: b is negative');
  setNumbers(engine, { b: 4 });
  engine.settle();
  assert.equal(valueOf(demand.outcome), 4);
});

test('the same failure again wakes nobody', () => {
  const engine = createEngine();
  setLinks(engine, { a: ['b'] });
  setNumbers(engine, { b: -1 });
  const told: string[] = [];
  engine.demand(reach, 'a', (outcome) => told.push(failureText(outcome)));
  engine.settle();
  setNumbers(engine, { b: -2 });
  assert.deepEqual(
    work(engine, () => engine.settle()),
    { queriesRun: 1, cutOffs: 1, verified: 1 },
  );
  assert.deepEqual(told, ['a < b: b is negative']);
});

test('the same failure by another way is another one', () => {
  const engine = createEngine();
  setLinks(engine, { a: ['b'], b: ['c'], c: ['e'], d: ['e'] });
  setNumbers(engine, { e: -1 });
  const told: string[] = [];
  engine.demand(reach, 'a', (outcome) => told.push(failureText(outcome)));
  engine.settle();
  setLinks(engine, { b: ['d'] });
  engine.settle();
  assert.deepEqual(told, ['a < b < c < e: e is negative', 'a < b < d < e: e is negative']);
});

test('what is thrown need not be an error, and an error thrown in answer to a failure begins anew', () => {
  const odd = defineQuery('odd', (read, key: string) => {
    if (key === 'text') throw 'just text'; // oxlint-disable-line typescript/only-throw-error -- it is what is tested
    try {
      return read.get(reach, key);
    } catch (error) {
      throw new Error('wrapped', { cause: error });
    }
  });
  const engine = createEngine();
  setNumbers(engine, { a: -1 });
  assert.equal(failureText(engine.peek(odd, 'text')), 'text: just text');
  const wrapped = engine.peek(odd, 'a');
  assert.equal(failureText(wrapped), 'a: wrapped');
  assert.ok(
    wrapped.kind === 'failure' && wrapped.cause instanceof Error && wrapped.cause.cause instanceof QueryFailure,
  );
});

test('a query whose equality throws has failed, until it runs again', () => {
  const fragile = defineQuery('fragile', (read, key: string) => read.get(reach, key), {
    equal: (a, b) => {
      if (b === 2) throw new Error('bug');
      return a === b;
    },
  });
  const above = defineQuery('above', (read, key: string) => read.get(fragile, key) + 1);
  const engine = createEngine();
  const told: unknown[] = [];
  engine.demand(above, 'a', (outcome) => told.push(failureText(outcome)));
  for (const number of [1, 2, 3]) {
    setNumbers(engine, { a: number });
    engine.settle();
  }
  assert.deepEqual(told, ['value 2', 'a < a: bug', 'value 4']);
});

test('every cell of a cycle fails with its keys in order, and recovers when it is broken', () => {
  const engine = createEngine();
  setLinks(engine, { a: ['b'], b: ['c'], c: ['a'], above: ['b'] });
  setNumbers(engine, { above: 1, a: 1 });
  const demands = ['c', 'above', 'a'].map((key) => engine.demand(reach, key, () => undefined));
  engine.settle();
  const text = 'cycle: reach(a) → reach(b) → reach(c) → reach(a)';
  assert.deepEqual(
    demands.map(({ outcome }) => failureText(outcome)),
    [`c: ${text}`, `above < b: ${text}`, `a: ${text}`],
  );
  const cycle = ['a', 'b', 'c'].map((key) => ({ query: 'reach', key }));
  assert.deepEqual(
    demands.map(({ outcome }) => outcome.kind === 'failure' && outcome.cycle),
    [cycle, undefined, cycle],
  );
  setLinks(engine, { c: [] });
  engine.settle();
  assert.deepEqual(
    demands.map(({ outcome }) => valueOf(outcome)),
    [0, 1, 1],
  );
  setLinks(engine, { c: ['b'] });
  engine.settle();
  assert.deepEqual(
    demands.map(({ outcome }) => failureText(outcome)),
    ['c', 'above < b', 'a < b'].map((way) => `${way}: cycle: reach(b) → reach(c) → reach(b)`),
  );
});

test('a cell that reads itself is a cycle of one', () => {
  const engine = createEngine();
  setLinks(engine, { a: ['a'] });
  assert.equal(failureText(engine.peek(reach, 'a')), 'a: cycle: reach(a) → reach(a)');
});

test('a cell of a cycle cannot talk itself out of it', () => {
  const stubborn = defineQuery('stubborn', (read: Read, key: string): number => {
    const outcome = read.attempt(stubborn as never, key === 'a' ? 'b' : 'a');
    return outcome.kind === 'value' ? 1 : (read.input(numbers, key) ?? 0);
  });
  const engine = createEngine();
  setNumbers(engine, { a: 1, b: 1 });
  assert.equal(engine.peek(stubborn, 'a').kind, 'failure');
  assert.equal(engine.peek(stubborn, 'b').kind, 'failure');
});

test('a ring of 10,000 fails as one, says so shortly, recovers and is freed', () => {
  const engine = createEngine();
  setChain(engine, 10_000);
  setLinks(engine, { 9999: ['0'] });
  const demand = engine.demand(reach, '5000');
  const { outcome } = demand;
  assert.ok(outcome.kind === 'failure' && outcome.cycle?.length === 10_000);
  assert.match(outcome.message, /^cycle: reach\(0\) → reach\(1\) → .* → 9980 more → reach\(0\)$/u);
  setLinks(engine, { 9999: [] });
  engine.settle();
  assert.equal(valueOf(demand.outcome), 1);
  setLinks(engine, { 9999: ['0'] });
  engine.settle();
  assert.equal(demand.outcome.kind, 'failure');
  demand.release();
  engine.collect();
  const { cellsAlive, edges, leaves } = engine.stats();
  assert.deepEqual([cellsAlive, edges, leaves], [0, 0, 0]);
});

test('a cycle that nobody reads any more is freed while another one stays', () => {
  const engine = createEngine();
  setLinks(engine, { top: ['a', 'x'], a: ['b'], b: ['a'], x: ['y'], y: ['x'] });
  const attempts = defineQuery('attempts', (read, key: string) =>
    ['a', 'x'].map((other) => (key === 'both' || read.input(numbers, other) ? read.attempt(reach, other).kind : '')),
  );
  setNumbers(engine, { a: 1, x: 1 });
  const demand = engine.demand(attempts, 'some');
  engine.settle();
  assert.deepEqual(valueOf(demand.outcome), ['failure', 'failure']);
  assert.equal(engine.stats().cellsAlive, 5);
  setNumbers(engine, { x: 0 });
  engine.settle();
  assert.deepEqual(valueOf(demand.outcome), ['failure', '']);
  assert.equal(engine.stats().cellsAlive, 3);
});

test('cells left on a cycle by the one through which they were read are freed', () => {
  const engine = createEngine();
  const either = defineQuery('either', (read: Read, key: string): number => {
    const [first, second] = read.input(links, key) ?? [];
    const outcome = first === undefined ? undefined : read.attempt(either as typeof reach, first);
    if (outcome?.kind === 'value') return outcome.value;
    return second === undefined ? 0 : read.get(either as typeof reach, second);
  });
  setLinks(engine, { entry: ['a'], a: ['b'], b: ['a', 'entry'] });
  engine.demand(either, 'entry');
  engine.settle();
  assert.equal(engine.stats().cellsAlive, 3);
  setLinks(engine, { entry: [] });
  engine.settle();
  assert.equal(engine.stats().cellsAlive, 1);
});

test('a cell leaves a cycle although nothing that it reads has changed, in the engine and in a fork', () => {
  const engine = createEngine();
  // "a" reads itself and so fails the same, whether "b" stands on a cycle with it or not.
  setLinks(engine, { a: ['a'], b: ['a'] });
  const both = defineQuery('both', (read: Read, key: string): number => {
    for (const other of read.input(links, key) ?? []) read.attempt(both as typeof reach, other);
    return 1;
  });
  const demand = engine.demand(both, 'b');
  setLinks(engine, { a: ['a', 'c'], c: ['b'] });
  engine.settle();
  assert.equal(failureText(demand.outcome), 'b: cycle: both(a) → both(a)');
  const fork = engine.fork();
  setLinks(fork, { c: [] });
  assert.equal(failureText(fork.peek(both, 'b')), 'value 1');
  setLinks(engine, { c: [] });
  engine.settle();
  assert.equal(failureText(demand.outcome), 'value 1');
});

test('a cycle that says the same but goes elsewhere is another one', () => {
  const engine = createEngine();
  const chain = Array.from({ length: 40 }, (_, i) => `${100 + i}`);
  setLinks(engine, Object.fromEntries(chain.map((key, i) => [key, [chain[(i + 1) % 40] ?? '']])));
  const demand = engine.demand(reach, '100');
  engine.settle();
  setLinks(engine, { 129: ['x'], x: ['131'] });
  engine.settle();
  const { outcome } = demand;
  assert.ok(outcome.kind === 'failure');
  assert.equal(outcome.cycle?.[30]?.key, 'x');
});
