import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEngine, defineIndex, defineInput, defineQuery, type Outcome } from './index.ts';

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
  const before = engine.stats();
  assert.equal(
    engine.transact((change) => change.set(items, 'a', { group: 'x', size: 3 })),
    2,
  );
  engine.settle();
  assert.deepEqual(told, []);
  assert.equal(engine.stats().queriesRun - before.queriesRun, 2);
  assert.equal(engine.stats().cutOffs - before.cutOffs, 1);
  engine.transact((change) => change.set(items, 'a', { group: 'y', size: 3 }));
  engine.settle();
  assert.deepEqual(told, [
    ['x', { kind: 'value', value: true }, 3],
    ['y', { kind: 'value', value: false }, 3],
  ]);
  assert.deepEqual(demandX.outcome, { kind: 'value', value: true });
});
