import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEngine, defineQuery, type Read } from './index.ts';
import { numbers, reach, setChain, setNumbers, valueOf, work } from './test-reach.ts';

test('chains of 10,000 are marked, checked, computed and freed without overflowing the stack', () => {
  const engine = createEngine();
  setChain(engine, 10_000);
  const demand = engine.demand(reach, '0');
  assert.deepEqual(
    work(engine, () => assert.equal(valueOf(demand.outcome), 1)),
    { queriesRun: 10_000 },
  );
  setNumbers(engine, { 9999: 2 });
  const all = work(engine, () => assert.equal(valueOf(demand.outcome), 2));
  assert.deepEqual(all, { queriesRun: 10_000 });
  assert.equal(engine.reads(reach, '0', { transitive: true }).length, 9_999 + 2 * 10_000);
  setNumbers(engine, { 9999: -1 });
  assert.equal(demand.outcome.kind, 'failure');
  assert.deepEqual(engine.readersOf(numbers, '9999'), [{ query: 'reach', key: '0' }]);
  const fork = engine.fork();
  assert.deepEqual(
    work(fork, () => fork.peek(reach, '0')),
    { adopted: 10_000 },
  );
  demand.release();
  engine.collect();
  assert.equal(engine.stats().cellsAlive, 0);
});

test('a query that catches everything cannot hide that a deep one has to run first', () => {
  const deep = defineQuery('deep', (read: Read, key: string): number => {
    const depth = Number(key);
    try {
      return depth === 0 ? 1 : read.get(deep as never, String(depth - 1));
    } catch {
      return read.get(reach, 'fallback');
    }
  });
  const engine = createEngine();
  setNumbers(engine, { fallback: 99 });
  assert.deepEqual(
    work(engine, () => assert.equal(valueOf(engine.peek(deep, '2000')), 1)),
    { queriesRun: 2_001 },
  );
});
