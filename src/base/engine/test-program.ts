/** A program for the engine's own tests whose queries are data, so that a test can rewire the graph by setting inputs. */
import { createEngine, defineIndex, defineInput, defineQuery, failureCells } from './index.ts';
import type { Engine, Outcome, Read, Transaction } from './index.ts';

/** A number that belongs to groups. */
export interface Item {
  readonly groups: readonly string[];
  readonly size: number;
}

/** What a node does. `reads` are numbers of nodes. */
export interface Spec {
  readonly kind: 'sum' | 'choose' | 'attempt' | 'throw' | 'group' | 'names' | 'item' | 'report';
  readonly reads: readonly number[];
  readonly name: string;
}

export const items = defineInput<Item>('items');
export const specs = defineInput<Spec>('specs');
export const itemsByGroup = defineIndex(items, 'items by group', (item) => item.groups);

/** Names of the nodes that ran, when somebody listens. */
export const ran: { nodes: string[] | undefined } = { nodes: undefined };

/** A node's value is small, so that equal results are common. */
export const node = defineQuery('node', (read: Read, key: string): number => {
  ran.nodes?.push(key);
  const spec = read.input(specs, key);
  return spec === undefined ? 0 : compute(read, spec, key) % 3;
});

function compute(read: Read, spec: Spec, key: string): number {
  const [first = 0, second = 0, third = 0] = spec.reads;
  const get = (number: number): number => read.get(node, `n${number}`);
  switch (spec.kind) {
    case 'sum':
      return spec.reads.reduce((sum, number) => sum + get(number), 1);
    case 'choose':
      return get(first) === 1 ? get(second) : get(third);
    case 'attempt': {
      const outcome = read.attempt(node, `n${first}`);
      return outcome.kind === 'value' ? outcome.value : get(second);
    }
    case 'throw':
      if (get(first) === 1) throw new Error(`${key} dislikes ${first}`);
      return 2;
    case 'group':
      return read.cell(itemsByGroup, spec.name).reduce((sum, item) => sum + item.size, 0);
    case 'names':
      return read.cells(itemsByGroup).length;
    case 'item':
      return read.input(items, spec.name)?.size ?? 1;
    case 'report':
      read.report({ from: key, saw: get(first) });
      return 1;
  }
}

/** The inputs of an engine, kept apart from it. */
export interface Model {
  readonly items: Map<string, Item>;
  readonly specs: Map<string, Spec>;
}

/** Sets or removes one input, in the engine's transaction and in the model. */
export interface Change {
  readonly input: 'items' | 'specs';
  readonly key: string;
  readonly item: Item | undefined;
  readonly spec: Spec | undefined;
}

export function applyTo(model: Model, change: Change): void {
  if (change.input === 'items') put(model.items, change.key, change.item);
  else put(model.specs, change.key, change.spec);
}

export function applyIn(transaction: Transaction, change: Change): void {
  if (change.input === 'specs') {
    if (change.spec === undefined) transaction.remove(specs, change.key);
    else transaction.set(specs, change.key, change.spec);
  } else if (change.item === undefined) transaction.remove(items, change.key);
  else transaction.set(items, change.key, change.item);
}

function put<V>(map: Map<string, V>, key: string, value: V | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}

/** An engine that has never known anything but the model. */
export function freshEngine(model: Model): Engine {
  const engine = createEngine({ freeze: true });
  engine.transact((transaction) => {
    for (const [key, value] of model.items) transaction.set(items, key, value);
    for (const [key, value] of model.specs) transaction.set(specs, key, value);
  });
  return engine;
}

/** What an outcome says, without stacks. */
export function said(outcome: Outcome<number>): unknown {
  if (outcome.kind === 'value') return outcome;
  return { message: outcome.message, cells: failureCells(outcome), cycle: outcome.cycle };
}

/** Evaluates without any engine; `undefined` where the graph has a cycle below. */
export function naively(model: Model, key: string, below: readonly string[] = []): number | Error | undefined {
  if (below.includes(key)) return undefined;
  const stop = new Error('cycle');
  const sorted = [...model.items].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item);
  const attempt = (other: string): number | Error => {
    const value = naively(model, other, [...below, key]);
    if (value === undefined) throw stop;
    return value;
  };
  const get = (other: string): number => {
    const value = attempt(other);
    if (typeof value !== 'number') throw value;
    return value;
  };
  const read = {
    input: (_: unknown, name: string) => model.items.get(name),
    cell: (_: unknown, name: string) => sorted.filter((item) => item.groups.includes(name)),
    cells: () => [...new Set(sorted.flatMap((item) => item.groups))],
    get: (_: unknown, other: string) => get(other),
    attempt: (_: unknown, other: string) => {
      const value = attempt(other);
      return typeof value === 'number' ? { kind: 'value', value } : { kind: 'failure' };
    },
    report: () => undefined,
  };
  const spec = model.specs.get(key);
  try {
    return spec === undefined ? 0 : compute(read as unknown as Read, spec, key) % 3;
  } catch (error) {
    if (error === stop) return undefined;
    return error instanceof Error ? error : new Error(String(error));
  }
}
