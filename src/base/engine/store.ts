import type { Index, Input } from './definitions.ts';
import { byText } from '../order.ts';
import { changeGroup, emptyGroup, type Group, type GroupChanges } from './group.ts';
import { LayeredMap } from './layered-map.ts';

/** Any definition, its types forgotten. */
export type AnyInput = Input<unknown>;
export type AnyIndex = Index<unknown>;

/** What a value may be: `undefined` stands for a key that is not set. */
type Present = {} | null;

/** The changes of one transaction: for each input the new value of each key, `undefined` for a removed one. */
export type Changes = ReadonlyMap<AnyInput, ReadonlyMap<string, unknown>>;

/** A place in the store whose content changed. */
export type ChangedPlace =
  | { readonly kind: 'input'; readonly source: AnyInput; readonly key: string }
  | { readonly kind: 'cell'; readonly source: AnyIndex; readonly key: string }
  | { readonly kind: 'cells'; readonly source: AnyIndex; readonly key: '' }
  /** Every cell of the index and their names, because its function threw or no longer does. */
  | { readonly kind: 'all'; readonly source: AnyIndex; readonly key: '' };

interface IndexTable {
  readonly index: AnyIndex;
  readonly groups: LayeredMap<Group>;
  /** Names of the groups, sorted and frozen; replaced whenever one appears or vanishes. */
  names: readonly string[];
  /** What the index's function threw for one of the values; every read throws it until the input changes. */
  broken: { readonly thrown: unknown } | undefined;
}

interface InputTable {
  readonly values: LayeredMap<Present>;
  /** The indexes that somebody has read; the others cost nothing. */
  readonly indexes: Map<AnyIndex, IndexTable>;
}

/** Values of all inputs and the content of their index cells. It knows nothing of who reads them. */
export class Store {
  readonly #inputs: Map<AnyInput, InputTable>;

  constructor(inputs: Map<AnyInput, InputTable> = new Map()) {
    this.#inputs = inputs;
  }

  value(input: AnyInput, key: string): unknown {
    return this.#inputs.get(input)?.values.get(key);
  }

  /** The set keys of an input, sorted. */
  keys(input: AnyInput): readonly string[] {
    const table = this.#inputs.get(input);
    return table === undefined ? [] : [...table.values.entries()].map(([key]) => key).sort(byText);
  }

  /** What is in an index cell. Throws what the index's function threw. */
  group(index: AnyIndex, cell: string): Group {
    return this.#indexTable(index).groups.get(cell) ?? emptyGroup;
  }

  /** Names of the groups that hold something, sorted. */
  names(index: AnyIndex): readonly string[] {
    return this.#indexTable(index).names;
  }

  /** True if reading the index throws. */
  isBroken(index: AnyIndex): boolean {
    return this.#inputs.get(index.input)?.indexes.get(index)?.broken !== undefined;
  }

  /** The index cells that hold a key of an input now, among the indexes that were ever read. */
  cellsOf(input: AnyInput, key: string): readonly { readonly index: AnyIndex; readonly cell: string }[] {
    const table = this.#inputs.get(input);
    const value = table?.values.get(key);
    if (table === undefined || value === undefined) return [];
    return [...table.indexes.values()]
      .filter(({ broken }) => broken === undefined)
      .flatMap(({ index }) => [...new Set(index.cells(value, key))].map((cell) => ({ index, cell })));
  }

  /** How many values are set and how many index cells are not empty. */
  sizes(): { readonly inputs: number; readonly indexCells: number } {
    let inputs = 0;
    let indexCells = 0;
    for (const table of this.#inputs.values()) {
      inputs += table.values.size;
      for (const { groups } of table.indexes.values()) indexCells += groups.size;
    }
    return { inputs, indexCells };
  }

  /**
   * Applies what really differs and tells which places changed. If an input's `equal` throws, the error passes and
   * nothing is applied; an index whose function throws is broken until its input changes.
   */
  commit(changes: Changes): readonly ChangedPlace[] {
    const plans = [...changes].map(([input, wanted]) => this.#plan(input, wanted));
    return plans.flatMap((plan) => applyPlan(plan));
  }

  /** A store with the same content; neither side sees what the other changes from now on. */
  fork(): Store {
    const inputs = new Map<AnyInput, InputTable>();
    for (const [input, table] of this.#inputs) {
      const indexes = new Map<AnyIndex, IndexTable>();
      for (const [index, { groups, names, broken }] of table.indexes)
        indexes.set(index, { index, groups: groups.fork(), names, broken });
      inputs.set(input, { values: table.values.fork(), indexes });
    }
    return new Store(inputs);
  }

  #inputTable(input: AnyInput): InputTable {
    let table = this.#inputs.get(input);
    if (table === undefined) {
      table = { values: new LayeredMap(), indexes: new Map() };
      this.#inputs.set(input, table);
    }
    return table;
  }

  #indexTable(index: AnyIndex): IndexTable {
    const inputTable = this.#inputTable(index.input);
    let table = inputTable.indexes.get(index);
    if (table === undefined) {
      table = { index, groups: new LayeredMap(), names: emptyGroup.keys, broken: undefined };
      const { changes, broken } = cellChanges(
        index,
        [...inputTable.values.entries()].map(([key, value]) => ({ key, old: undefined, value })),
      );
      if (broken === undefined) changeGroups(table, changes);
      table.broken = broken;
      inputTable.indexes.set(index, table);
    }
    if (table.broken !== undefined) throw table.broken.thrown;
    return table;
  }

  #plan(input: AnyInput, wanted: ReadonlyMap<string, unknown>): Plan {
    const table = this.#inputTable(input);
    const changes: ValueChange[] = [];
    for (const [key, value] of wanted) {
      const old = table.values.get(key);
      const same = old === undefined || value === undefined ? old === value : input.equal(old, value);
      if (!same) changes.push({ key, old, value });
    }
    const groups = new Map<IndexTable, CellChanges>();
    if (changes.length > 0) {
      for (const indexTable of table.indexes.values()) groups.set(indexTable, cellChangesOf(indexTable, changes));
    }
    return { input, table, changes, groups };
  }
}

interface ValueChange {
  readonly key: string;
  readonly old: unknown;
  readonly value: unknown;
}

interface CellChanges {
  readonly changes: ReadonlyMap<string, GroupChanges>;
  readonly broken: { readonly thrown: unknown } | undefined;
}

interface Plan {
  readonly input: AnyInput;
  readonly table: InputTable;
  readonly changes: readonly ValueChange[];
  readonly groups: ReadonlyMap<IndexTable, CellChanges>;
}

function applyPlan(plan: Plan): ChangedPlace[] {
  const changed: ChangedPlace[] = [];
  for (const { key, value } of plan.changes) {
    if (value === undefined) plan.table.values.delete(key);
    else plan.table.values.set(key, value);
    changed.push({ kind: 'input', source: plan.input, key });
  }
  for (const [table, { changes, broken }] of plan.groups) {
    if (broken !== undefined) {
      // Built afresh by whoever reads it next.
      plan.table.indexes.delete(table.index);
      changed.push({ kind: 'all', source: table.index, key: '' });
      continue;
    }
    if (changeGroups(table, changes)) changed.push({ kind: 'cells', source: table.index, key: '' });
    for (const cell of changes.keys()) changed.push({ kind: 'cell', source: table.index, key: cell });
  }
  return changed;
}

function cellChangesOf(table: IndexTable, values: readonly ValueChange[]): CellChanges {
  return table.broken === undefined ? cellChanges(table.index, values) : { changes: new Map(), broken: table.broken };
}

/** What changes of values do to the cells of an index. */
function cellChanges(index: AnyIndex, values: readonly ValueChange[]): CellChanges {
  const changes = new Map<string, Map<string, { value: unknown } | undefined>>();
  const move = (key: string, value: unknown, change: { value: unknown } | undefined): void => {
    if (value !== undefined) for (const cell of index.cells(value, key)) inner(changes, cell).set(key, change);
  };
  try {
    for (const { key, old, value } of values) {
      move(key, old, undefined);
      move(key, value, { value });
    }
  } catch (thrown) {
    return { changes, broken: { thrown } };
  }
  return { changes, broken: undefined };
}

/** True if a group appeared or vanished. */
function changeGroups(table: IndexTable, changes: ReadonlyMap<string, GroupChanges>): boolean {
  const names = new Map<string, { value: unknown } | undefined>();
  for (const [cell, groupChanges] of changes) {
    const old = table.groups.get(cell) ?? emptyGroup;
    const next = changeGroup(old, groupChanges);
    if (next.keys.length === 0) table.groups.delete(cell);
    else table.groups.set(cell, next);
    if (old.keys.length === 0 && next.keys.length > 0) names.set(cell, { value: undefined });
    if (old.keys.length > 0 && next.keys.length === 0) names.set(cell, undefined);
  }
  if (names.size > 0) table.names = changeGroup({ keys: table.names, values: [] }, names).keys;
  return names.size > 0;
}

function inner<K, L, W>(map: Map<K, Map<L, W>>, key: K): Map<L, W> {
  let found = map.get(key);
  if (found === undefined) {
    found = new Map();
    map.set(key, found);
  }
  return found;
}
