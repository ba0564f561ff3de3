/**
 * What the incremental engine costs on 100,000 cells in three storeys: CPU of this process (user and system) and bytes
 * of heap, medians of five rounds with their range.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createEngine, defineIndex, defineInput, defineQuery, type Engine } from '../src/base/engine/index.ts';
import { spread, tableLines, type Suite } from './suite.ts';

const leafCount = 40_000;
const middleCount = 40_000;
const topCount = 20_000;
const cellCount = leafCount + middleCount + topCount;

interface Item {
  readonly group: string;
  readonly size: number;
}

const items = defineInput<Item>('items');
const byGroup = defineIndex(items, 'items by group', (item) => [item.group]);
const leaf = defineQuery('leaf', (read, key: string) => ({ size: read.input(items, key)?.size ?? 0 }));
const middle = defineQuery('middle', (read, key: string) => {
  const at = Number(key);
  let size = read.cell(byGroup, `g${at % 1_000}`).length;
  for (let i = 0; i < 3; i++) size += read.get(leaf, `${(at + i) % leafCount}`).size;
  return { size };
});
const top = defineQuery('top', (read, key: string) => {
  const at = Number(key) * 2;
  let size = 0;
  for (let i = 0; i < 4; i++) size += read.get(middle, `${(at + i) % middleCount}`).size;
  return { size };
});

function changeItems(engine: Engine, count: number, size: number): void {
  engine.transact((change) => {
    for (let i = 0; i < count; i++) change.set(items, `${i}`, { group: `g${i % 1_000}`, size });
  });
}

/** CPU milliseconds, user and system, that `act` takes. */
function cpuMs(act: () => void): number {
  const before = process.cpuUsage();
  act();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

function heapBytes(): number {
  setFlagsFromString('--expose-gc');
  const collectGarbage: unknown = runInNewContext('gc');
  if (typeof collectGarbage === 'function') collectGarbage();
  return process.memoryUsage().heapUsed;
}

const results = new Map<string, number[]>();

function note(name: string, value: number): void {
  results.set(name, [...(results.get(name) ?? []), value]);
}

function round(): void {
  const engine = createEngine();
  note(
    'set 40,000 inputs [ms]',
    cpuMs(() => changeItems(engine, leafCount, 1)),
  );
  const emptyBytes = heapBytes();
  const demands = Array.from({ length: topCount }, (_, i) => engine.demand(top, `${i}`));
  const buildMs = cpuMs(() => engine.settle());
  note('build 100,000 cells [ms]', buildMs);
  note('a run in the build [µs]', (buildMs * 1_000) / engine.stats().queriesRun);
  note('a cell with results, keys, edges and demands [bytes]', (heapBytes() - emptyBytes) / cellCount);
  note('a recorded read for each cell', engine.stats().edges / cellCount);
  const runsBefore = engine.stats().queriesRun;
  const oneMs = cpuMs(() => {
    for (let i = 0; i < 1_000; i++) {
      changeItems(engine, 1, i + 2);
      engine.settle();
    }
  });
  note('one change and its settle [µs]', oneMs);
  note('one change: queries run', (engine.stats().queriesRun - runsBefore) / 1_000);
  note(
    'a change that changes nothing, of all inputs [ms]',
    cpuMs(() => changeItems(engine, leafCount, 1)),
  );
  engine.settle();
  const allMs = cpuMs(() => {
    changeItems(engine, leafCount, 7);
    engine.settle();
  });
  note('change everything and settle [ms]', allMs);
  const fork = engine.fork();
  note('a fork [µs]', cpuMs(() => engine.fork()) * 1_000);
  const forkMs = cpuMs(() => {
    for (let i = 0; i < topCount; i++) fork.peek(top, `${i}`);
  });
  note('take 100,000 cells over into a fork [ms]', forkMs);
  note(
    'release everything and free it [ms]',
    cpuMs(() => {
      for (const demand of demands) demand.release();
      engine.collect();
    }),
  );
  note('cells left', engine.stats().cellsAlive);
}

/** See the head of this file. */
export const engineSuite: Suite = {
  name: 'engine',
  about: `the incremental engine on ${cellCount.toLocaleString('en')} cells, CPU and heap, median and range of 5`,
  run: (print) => {
    for (let i = 0; i < 5; i++) round();
    const rows = [...results].map(([name, values]) => [name, spread(values)]);
    for (const line of tableLines(rows)) print(line);
  },
};
