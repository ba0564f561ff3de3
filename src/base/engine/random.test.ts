import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Demand, Engine } from './index.ts';
import {
  applyIn,
  applyTo,
  freshEngine,
  items,
  naively,
  node,
  ran,
  said,
  specs,
  type Change,
  type Item,
  type Model,
  type Spec,
} from './test-program.ts';

const nodeCount = 9;
const nodeNames = Array.from({ length: nodeCount }, (_, i) => `n${i}`);
const itemNames = ['a', 'b', 'c', 'd'];
const groupNames = ['g', 'h', 'i'];
const runs = Number(process.env['MIZZEN_RANDOM_RUNS'] ?? 400);

const item: fc.Arbitrary<Item> = fc.record({
  groups: fc.array(fc.constantFrom(...groupNames), { maxLength: 2 }),
  size: fc.integer({ min: 0, max: 2 }),
});

/** `reach` tells which nodes a node may read: all of them (cycles are common) or the later ones only (none). */
function specArbitrary(reach: (i: number) => readonly number[]): fc.Arbitrary<Change> {
  return fc.integer({ min: 0, max: nodeCount - 1 }).chain((i) => {
    const targets = reach(i);
    const leaf: Spec['kind'][] = ['group', 'names', 'item'];
    const inner: Spec['kind'][] = ['sum', 'choose', 'attempt', 'throw', 'report'];
    const kinds = targets.length === 0 ? leaf : [...leaf, ...inner, ...inner];
    const reads =
      targets.length === 0 ? fc.constant([]) : fc.array(fc.constantFrom(...targets), { minLength: 3, maxLength: 3 });
    const name = fc.constantFrom(...itemNames, ...groupNames);
    const spec = fc.option(fc.record({ kind: fc.constantFrom(...kinds), reads, name }), { nil: undefined, freq: 12 });
    return spec.map((value): Change => ({ input: 'specs', key: `n${i}`, item: undefined, spec: value }));
  });
}

const itemChange: fc.Arbitrary<Change> = fc
  .tuple(fc.constantFrom(...itemNames), fc.option(item, { nil: undefined, freq: 4 }))
  .map(([key, value]) => ({ input: 'items', key, item: value, spec: undefined }));

const later = (i: number): readonly number[] => Array.from({ length: nodeCount - 1 - i }, (_, j) => i + 1 + j);
const anyNode = (): readonly number[] => Array.from({ length: nodeCount }, (_, j) => j);

function changes(reach: (i: number) => readonly number[]): fc.Arbitrary<Change[]> {
  return fc.array(fc.oneof(specArbitrary(reach), specArbitrary(reach), itemChange), { minLength: 1, maxLength: 6 });
}

type Step =
  | { readonly kind: 'transact'; readonly changes: readonly Change[] }
  | { readonly kind: 'demand' | 'release' | 'peek' | 'look'; readonly at: number }
  | { readonly kind: 'settle' | 'collect' | 'fork' | 'stop' }
  | { readonly kind: 'slices'; readonly limit: number; readonly inner: readonly Placed[] };

/** A step and which of the engines takes it. */
interface Placed {
  readonly engine: number;
  readonly step: Step;
}

function steps(reach: (i: number) => readonly number[]): fc.Arbitrary<readonly Placed[]> {
  const engine = fc.integer({ min: 0, max: 2 });
  const at = fc.integer({ min: 0, max: nodeCount - 1 });
  const transact = fc.record({ kind: fc.constant('transact' as const), changes: changes(reach) });
  const pointed = fc.record({ kind: fc.constantFrom('demand', 'demand', 'release', 'peek', 'look'), at });
  const plain = fc.record({ kind: fc.constantFrom('settle', 'settle', 'settle', 'collect', 'fork', 'stop') });
  const simple = fc.oneof(transact, transact, pointed, pointed, plain) as fc.Arbitrary<Step>;
  const slices = fc.record({
    kind: fc.constant('slices' as const),
    limit: fc.constantFrom(0, 1, 32),
    inner: fc.array(fc.record({ engine, step: simple }), { maxLength: 8 }),
  });
  const step = fc.oneof({ weight: 5, arbitrary: simple }, { weight: 1, arbitrary: slices as fc.Arbitrary<Step> });
  return fc.array(fc.record({ engine, step }), { minLength: 5, maxLength: 40 });
}

/** An engine, what it ought to hold, and what its listeners were told. */
class Subject {
  readonly engine: Engine;
  /** What the inputs are at each revision, those included that are queued. */
  readonly #models: Map<number, Model>;
  readonly #demands: { readonly key: string; readonly demand: Demand<number>; told: unknown }[] = [];

  constructor(engine: Engine, model: Model) {
    this.engine = engine;
    this.#models = new Map([[engine.revision, model]]);
  }

  get model(): Model {
    return this.modelAt(this.engine.revision);
  }

  modelAt(revision: number): Model {
    const model = this.#models.get(revision);
    assert.ok(model !== undefined, `no transaction gave revision ${revision}`);
    return model;
  }

  change(list: readonly Change[]): void {
    const next = copyOf(this.modelAt(Math.max(...this.#models.keys())));
    for (const change of list) applyTo(next, change);
    const revision = this.engine.transact((transaction) => {
      for (const change of list) applyIn(transaction, change);
    });
    this.#models.set(revision, next);
  }

  demand(key: string): void {
    const demand = this.engine.demand(node, key, (outcome, revision) => {
      assert.notDeepEqual(said(outcome), entry.told, 'told the same twice');
      assert.equal(revision, this.engine.revision);
      assert.deepEqual(said(outcome), said(freshEngine(this.modelAt(revision)).peek(node, key)));
      entry.told = said(outcome);
    });
    const entry = { key, demand, told: undefined as unknown };
    this.#demands.push(entry);
  }

  release(at: number): void {
    const [entry] = this.#demands.splice(at % Math.max(1, this.#demands.length), 1);
    entry?.demand.release();
    entry?.demand.release();
  }

  /** After a settle every listener knows what a fresh engine says. */
  checkTold(): void {
    const fresh = freshEngine(this.model);
    for (const entry of this.#demands) assert.deepEqual(entry.told, said(fresh.peek(node, entry.key)), entry.key);
    assert.ok(this.engine.settled);
  }

  checkPeek(key: string): void {
    assert.deepEqual(said(this.engine.peek(node, key)), said(freshEngine(this.model).peek(node, key)), key);
  }

  checkLook(at: number): void {
    const entry = this.#demands[at % Math.max(1, this.#demands.length)];
    if (entry === undefined) return;
    const seen = said(entry.demand.outcome);
    assert.deepEqual(seen, said(freshEngine(this.model).peek(node, entry.key)), entry.key);
    entry.told ??= seen;
  }

  checkFreed(): void {
    while (this.#demands.length > 0) this.release(0);
    this.engine.collect();
    const { cellsAlive, edges, leaves } = this.engine.stats();
    assert.deepEqual({ cellsAlive, edges, leaves }, { cellsAlive: 0, edges: 0, leaves: 0 });
  }
}

function copyOf(model: Model): Model {
  return { items: new Map(model.items), specs: new Map(model.specs) };
}

function perform(subject: Subject, step: Step, subjects: Subject[]): void {
  switch (step.kind) {
    case 'transact':
      return subject.change(step.changes);
    case 'demand':
      return subject.demand(`n${step.at}`);
    case 'release':
      return subject.release(step.at);
    case 'peek':
      return subject.checkPeek(`n${step.at}`);
    case 'look':
      return subject.checkLook(step.at);
    case 'collect':
      return subject.engine.collect();
    case 'fork':
      if (subjects.length < 3) subjects.push(new Subject(subject.engine.fork(), subject.model));
      return;
    case 'settle':
      subject.engine.settle();
      return subject.checkTold();
    case 'stop':
      return;
    case 'slices':
      return performInSlices(subject, step, subjects);
  }
}

/** Between slices the world goes on; what is asked meanwhile belongs to the revision that is being settled. */
function performInSlices(subject: Subject, how: Step & { kind: 'slices' }, subjects: Subject[]): void {
  const slices = subject.engine.settleSlices((queriesRun) => queriesRun >= how.limit);
  const todo = [...how.inner];
  while (slices.next().done !== true) {
    const placed = todo.shift();
    if (placed === undefined) continue;
    const { step } = placed;
    const other = subjects[placed.engine % subjects.length] ?? subject;
    if (other === subject && (step.kind === 'settle' || step.kind === 'stop')) {
      slices.return();
      if (step.kind === 'stop') return;
      subject.engine.settle();
      break;
    }
    perform(other, step, subjects);
  }
  subject.checkTold();
}

for (const [name, reach] of [
  ['without cycles', later],
  ['with cycles', anyNode],
] as const) {
  test(`random graphs, changes, demands, forks and slices give what a fresh engine gives, ${name}`, () => {
    fc.assert(
      fc.property(changes(reach), steps(reach), fc.boolean(), (initial, list, settleLast) => {
        const model: Model = { items: new Map(), specs: new Map() };
        for (const change of initial) applyTo(model, change);
        const subjects = [new Subject(freshEngine(model), model)];
        for (const { engine, step } of list) {
          const subject = subjects[engine % subjects.length];
          if (subject !== undefined) perform(subject, step, subjects);
        }
        if (settleLast) for (const subject of subjects) perform(subject, { kind: 'settle' }, subjects);
        for (const subject of subjects) subject.checkFreed();
      }),
      { numRuns: runs },
    );
  });
}

test('a fresh engine gives what plain recursion gives', () => {
  fc.assert(
    fc.property(fc.array(changes(later), { minLength: 4, maxLength: 12 }), (list) => {
      const model: Model = { items: new Map(), specs: new Map() };
      for (const change of list.flat()) applyTo(model, change);
      const engine = freshEngine(model);
      for (const key of nodeNames) {
        const expected = naively(model, key);
        const outcome = engine.peek(node, key);
        if (outcome.kind === 'value') assert.equal(outcome.value, expected);
        else assert.equal(outcome.message, expected instanceof Error ? expected.message : expected);
      }
    }),
    { numRuns: runs },
  );
});

test('which cells fail on a cycle, and what they say, does not depend on where the evaluation begins', () => {
  fc.assert(
    fc.property(
      fc.array(changes(anyNode), { minLength: 4, maxLength: 12 }),
      fc.shuffledSubarray(nodeNames, { minLength: nodeCount }),
      (list, order) => {
        const model: Model = { items: new Map(), specs: new Map() };
        for (const change of list.flat()) applyTo(model, change);
        const one = freshEngine(model);
        const other = freshEngine(model);
        for (const key of order) one.peek(node, key);
        for (const key of nodeNames) assert.deepEqual(said(one.peek(node, key)), said(other.peek(node, key)), key);
        for (const key of nodeNames) {
          const outcome = one.peek(node, key);
          const expected = naively(model, key);
          if (expected !== undefined) assert.equal(outcome.kind, typeof expected === 'number' ? 'value' : 'failure');
        }
      },
    ),
    { numRuns: runs },
  );
});

test('only cells that read something that changed run, and each once', () => {
  fc.assert(
    fc.property(
      fc.array(changes(later), { minLength: 4, maxLength: 12 }),
      changes(later),
      fc.subarray(nodeNames, { minLength: 1 }),
      (list, change, demanded) => {
        const model: Model = { items: new Map(), specs: new Map() };
        for (const one of list.flat()) applyTo(model, one);
        const next = copyOf(model);
        for (const one of change) applyTo(next, one);
        const engine = freshEngine(model);
        for (const key of demanded) engine.demand(node, key);
        engine.settle();
        const alive = new Set([...demanded, ...demanded.flatMap((key) => nodesBelow(engine, key))]);
        const old = new Map([...alive].map((key) => [key, engine.reads(node, key)]));
        const before = freshEngine(model);
        const after = freshEngine(next);
        const ranNodes: string[] = [];
        engine.transact((transaction) => change.forEach((one) => applyIn(transaction, one)));
        ran.nodes = ranNodes;
        engine.settle();
        ran.nodes = undefined;
        assert.equal(new Set(ranNodes).size, ranNodes.length, 'ran twice');
        for (const key of ranNodes) {
          const differs = old.get(key)?.some((edge) => {
            if (edge.kind === 'query')
              return !same(said(before.peek(node, String(edge.key))), said(after.peek(node, String(edge.key))));
            if (edge.kind === 'input' && edge.input === 'specs')
              return !same(model.specs.get(edge.key), next.specs.get(edge.key));
            if (edge.kind === 'input') return !same(model.items.get(edge.key), next.items.get(edge.key));
            if (edge.kind === 'cell') return !same(groupOf(model, edge.cell), groupOf(next, edge.cell));
            return !same(namesOf(model), namesOf(next));
          });
          assert.ok(differs ?? true, `${key} ran although nothing that it read has changed`);
        }
      },
    ),
    { numRuns: runs },
  );
});

test('readersOf and unread say what the recorded reads say', () => {
  fc.assert(
    fc.property(
      fc.array(changes(anyNode), { minLength: 4, maxLength: 12 }),
      fc.uniqueArray(fc.constantFrom(...nodeNames)),
      (list, demanded) => {
        const model: Model = { items: new Map(), specs: new Map() };
        for (const one of list.flat()) applyTo(model, one);
        const engine = freshEngine(model);
        for (const key of demanded) engine.demand(node, key);
        engine.settle();
        const readBy = new Map(demanded.map((key) => [key, keysRead(engine, key)]));
        for (const [input, keys] of [
          [items, [...itemNames, 'zz']],
          [specs, nodeNames],
        ] as const) {
          for (const key of keys) {
            const expected = demanded.filter((reader) => readBy.get(reader)?.has(`${input.name}/${key}`));
            const readers = input === items ? engine.readersOf(items, key) : engine.readersOf(specs, key);
            assert.deepEqual(
              readers.map((reader) => reader.key),
              expected,
              `${input.name}/${key}`,
            );
          }
        }
        const everything = new Set(demanded.flatMap((key) => [...(readBy.get(key) ?? [])]));
        assert.deepEqual(
          engine.unread(items),
          itemNames.filter((key) => model.items.has(key) && !everything.has(`items/${key}`)),
        );
        assert.deepEqual(
          engine.unread(specs),
          nodeNames.filter((key) => model.specs.has(key) && !everything.has(`specs/${key}`)),
        );
      },
    ),
    { numRuns: runs },
  );
});

function nodesBelow(engine: Engine, key: string): string[] {
  const edges = engine.reads(node, key, { transitive: true });
  return edges.flatMap((edge) => (edge.kind === 'query' ? [String(edge.key)] : []));
}

function keysRead(engine: Engine, key: string): Set<string> {
  const edges = engine.reads(node, key, { transitive: true });
  return new Set(
    edges.flatMap((edge) => {
      if (edge.kind === 'input') return [`${edge.input}/${edge.key}`];
      return edge.kind === 'cell' ? edge.keys.map((one) => `${edge.input}/${one}`) : [];
    }),
  );
}

function groupOf(model: Model, group: string): unknown {
  return [...model.items].filter(([, one]) => one.groups.includes(group)).sort(([a], [b]) => (a < b ? -1 : 1));
}

function namesOf(model: Model): unknown {
  return [...new Set([...model.items.values()].flatMap((one) => one.groups))].sort();
}

function same(a: unknown, b: unknown): boolean {
  try {
    assert.deepEqual(a, b);
    return true;
  } catch {
    return false;
  }
}
