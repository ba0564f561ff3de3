import { deepFreeze } from '../json.ts';
import type { Ancestor } from './adopt.ts';
import type { Input, Query, QueryKey } from './definitions.ts';
import { Demands } from './demands.ts';
import { Evaluator } from './evaluator.ts';
import { Graph } from './graph.ts';
import { demandedReaders, diagnosticsBelow, readsOf, unreadKeys, type ReadEdge } from './inspect.ts';
import { clean, type Cell, type DemandRecord } from './nodes.ts';
import type { CellName, Outcome } from './outcome.ts';
import { Store, type Changes } from './store.ts';
import { collectChanges, type Transaction } from './transaction.ts';

/** A cell that somebody wants kept up to date. */
export interface Demand<V> {
  /** The outcome at the engine's present revision; computed now if it is not up to date. */
  readonly outcome: Outcome<V>;
  /** Ends the demand; a second call does nothing. Cells that nobody demands go with the next `settle` or `collect`. */
  release(): void;
}

/** What an engine holds and has done. The counters of work only grow. */
export interface EngineStats {
  /** Values set. */
  readonly inputs: number;
  /** Index cells that are not empty, of the indexes that were ever read. */
  readonly indexCells: number;
  readonly cellsAlive: number;
  /** Input keys and index cells that some living cell reads, present or not. */
  readonly leaves: number;
  /** Recorded reads of the cells alive. */
  readonly edges: number;
  /** Cells that changes marked. */
  readonly marked: number;
  /** Runs of queries that came to their end. */
  readonly queriesRun: number;
  /** Runs that gave an equal result and woke nobody. */
  readonly cutOffs: number;
  /** Marked cells that did not run, because nothing that they read had changed. */
  readonly verified: number;
  /** Cells that a fork took over without running them. */
  readonly adopted: number;
  /** Calls of demands' listeners. */
  readonly notified: number;
  /** Counts up when some cell's diagnostics may have changed. */
  readonly diagnosticsVersion: number;
}

/** An incremental program with its state. */
export interface Engine {
  /** Counts the batches of changes; what is computed belongs to one. */
  readonly revision: number;
  /** True if every demanded cell is up to date, every listener told, and no transaction queued. */
  readonly settled: boolean;
  /**
   * Applies a batch; gives the revision it belongs to. A batch that changes nothing makes no revision. During a settle
   * (between slices, in a listener) the batch is queued until that revision is settled. If the callback throws, nothing
   * is applied. Not allowed inside a query.
   */
  transact(change: (transaction: Transaction) => void): number;
  /**
   * Asks for a cell to be kept up to date. Nothing is computed before `settle` or a look at `outcome`. `onChange` is
   * called at the end of a settle when the outcome is another one than this caller was told last, either by `onChange`
   * or by its first look at `outcome`.
   */
  demand<K extends QueryKey, V>(
    query: Query<K, V>,
    key: K,
    onChange?: (outcome: Outcome<V>, revision: number) => void,
  ): Demand<V>;
  /**
   * Brings all demanded cells up to date in the order of their demands, then calls the listeners of those that changed
   * in the same order, then applies what was queued, and so on until nothing waits. Does nothing inside a listener.
   */
  settle(): void;
  /**
   * The same in slices: yields after each query that ran, so that the caller can give way. Queries that call each other
   * for the first time run within one slice until `giveWay` says enough (default: when 32 have run); those that wait
   * for others then begin again later, so it should not be said often. Must be run to its end or closed with
   * `return()`; until then transactions queue.
   */
  settleSlices(giveWay?: (queriesRun: number) => boolean): Generator<void, void, undefined>;
  /** The outcome of a cell at the present revision, without keeping it longer than to the next `collect`. */
  peek<K extends QueryKey, V>(query: Query<K, V>, key: K): Outcome<V>;
  /** An engine with the same inputs and no demands. It takes over cells that read the same; neither sees the other. */
  fork(): Engine;
  /** What a cell read, in order; with `transitive` everything below as well. Evaluates the cell as `peek` does. */
  reads<K extends QueryKey, V>(
    query: Query<K, V>,
    key: K,
    options?: { readonly transitive?: boolean },
  ): readonly ReadEdge[];
  /** Demanded cells that read this key, directly, through an index cell or through others; as of the last settle. */
  readersOf<V>(input: Input<V>, key: string): readonly CellName[];
  /** Keys of an input that no living cell reads, itself or through an index cell; as of the last settle. */
  unread<V>(input: Input<V>): readonly string[];
  /** What the cell and everything below it reported, equal ones once. Evaluates the cell as `peek` does. */
  diagnostics<K extends QueryKey, V>(query: Query<K, V>, key: K): readonly unknown[];
  /** Frees the cells that nobody demands; `settle` ends with it, so that between slices it does nothing. */
  collect(): void;
  stats(): EngineStats;
}

/** Options of an engine. */
export interface EngineOptions {
  /** Freeze all inputs and results all the way down, so that a query that writes into them throws. Default: false. */
  readonly freeze?: boolean;
}

/** An engine without inputs. */
export function createEngine(options: EngineOptions = {}): Engine {
  return new IncrementalEngine(new Store(), options.freeze ?? false, undefined);
}

type GiveWay = (queriesRun: number) => boolean;

const ranMany: GiveWay = (queriesRun) => queriesRun >= 32;

class IncrementalEngine implements Engine, Ancestor {
  readonly store: Store;
  readonly graph = new Graph();
  readonly ancestor: Ancestor | undefined;
  readonly #freeze: boolean;
  readonly #demands = new Demands();
  readonly #evaluator: Evaluator;
  readonly #queue: Changes[] = [];
  #revision: number;
  #settling = false;
  #notifying = false;

  constructor(store: Store, freeze: boolean, ancestor: Ancestor | undefined) {
    this.store = store;
    this.ancestor = ancestor;
    this.#freeze = freeze;
    this.#revision = ancestor?.revision ?? 0;
    const onChanged = this.#demands.changed;
    this.#evaluator = new Evaluator({ store, graph: this.graph, ancestor, freeze, onChanged });
  }

  get revision(): number {
    return this.#revision;
  }

  get settled(): boolean {
    return !this.#settling && !this.#demands.waiting && this.#queue.length === 0;
  }

  transact(change: (transaction: Transaction) => void): number {
    this.#outside('transact');
    const changes = collectChanges(change);
    if (this.#freeze) for (const family of changes.values()) for (const value of family.values()) deepFreeze(value);
    if (this.#settling) return this.#revision + this.#queue.push(changes);
    if (this.#apply(changes)) this.#revision++;
    return this.#revision;
  }

  demand<K extends QueryKey, V>(
    query: Query<K, V>,
    key: K,
    onChange?: (outcome: Outcome<V>, revision: number) => void,
  ): Demand<V> {
    this.#outside('demand');
    const cell = this.graph.cell(query, key);
    const listener = onChange as ((outcome: Outcome<unknown>, revision: number) => void) | undefined;
    return new CellDemand<V>(this, this.#demands.add(cell, listener));
  }

  /** For a demand's holder: its cell's outcome now. */
  look(record: DemandRecord): Outcome<unknown> {
    this.#outside('demand');
    if (record.released) throw new Error('this demand has been released');
    const outcome = this.#evaluator.evaluate(record.cell);
    record.told ??= outcome;
    return outcome;
  }

  /** For a demand's holder: ends it. */
  release(record: DemandRecord): void {
    if (record.released) return;
    this.#demands.release(record);
    this.graph.orphan(record.cell);
  }

  settle(): void {
    this.#outside('settle');
    if (this.#notifying) return;
    const slices = this.#settle(undefined);
    while (slices.next().done !== true);
  }

  settleSlices(giveWay = ranMany): Generator<void, void, undefined> {
    return this.#settle(giveWay);
  }

  *#settle(giveWay: GiveWay | undefined): Generator<void, void, undefined> {
    this.#outside('settle');
    if (this.#notifying) return;
    this.#settling = true;
    try {
      do {
        yield* this.#bringUpToDate(giveWay);
        this.#notify();
        this.#applyQueue();
      } while (this.#demands.waiting);
    } finally {
      this.#settling = false;
      this.#applyQueue();
    }
    this.collect();
  }

  peek<K extends QueryKey, V>(query: Query<K, V>, key: K): Outcome<V> {
    return this.#evaluator.evaluate(this.#visit(query, key)) as Outcome<V>;
  }

  fork(): Engine {
    this.#outside('fork');
    return new IncrementalEngine(this.store.fork(), this.#freeze, this);
  }

  reads<K extends QueryKey, V>(
    query: Query<K, V>,
    key: K,
    options: { readonly transitive?: boolean } = {},
  ): readonly ReadEdge[] {
    return readsOf(this.#visit(query, key), this.store, options.transitive ?? false);
  }

  readersOf<V>(input: Input<V>, key: string): readonly CellName[] {
    return demandedReaders(this.graph, this.store, input, key);
  }

  unread<V>(input: Input<V>): readonly string[] {
    this.collect();
    return unreadKeys(this.graph, this.store, input);
  }

  diagnostics<K extends QueryKey, V>(query: Query<K, V>, key: K): readonly unknown[] {
    return diagnosticsBelow(this.#visit(query, key));
  }

  collect(): void {
    this.#outside('collect');
    // A cell that is done and whose reader is not looks free; and the settle ends with a collect in any case.
    if (this.#settling) return;
    this.#evaluator.abandon();
    this.graph.collect();
  }

  stats(): EngineStats {
    const { queriesRun, cutOffs, verified, adopted, diagnosticsVersion } = this.#evaluator;
    const { alive: cellsAlive, leaves, edges, marked } = this.graph;
    const { notified } = this.#demands;
    const held = { ...this.store.sizes(), cellsAlive, leaves, edges };
    return { ...held, marked, queriesRun, cutOffs, verified, adopted, notified, diagnosticsVersion };
  }

  /** Evaluates a cell that nobody may want; the next collect looks at it. */
  #visit<K extends QueryKey, V>(query: Query<K, V>, key: K): Cell {
    this.#outside('peek');
    const cell = this.graph.cell(query, key);
    this.#evaluator.evaluate(cell);
    this.graph.orphan(cell);
    return cell;
  }

  *#bringUpToDate(giveWay: GiveWay | undefined): Generator<void, void, undefined> {
    for (let cells = this.#demands.take(); cells.length > 0; cells = this.#demands.take()) {
      try {
        for (const cell of cells) yield* this.#slicesOf(cell, giveWay);
      } finally {
        // Only if the caller stopped, or a definition's own function crashed.
        this.#demands.putBack(cells);
      }
    }
  }

  /** Whoever evaluates something else between two slices drops what was begun here; then it begins again. */
  *#slicesOf(cell: Cell, giveWay: GiveWay | undefined): Generator<void, void, undefined> {
    while (cell.demands !== undefined && cell.state !== clean) {
      this.#evaluator.resume(cell);
      this.#evaluator.step(giveWay);
      yield;
    }
  }

  #notify(): void {
    this.#notifying = true;
    try {
      this.#demands.notify(this.#revision);
    } finally {
      this.#notifying = false;
    }
  }

  #applyQueue(): void {
    for (let changes = this.#queue.shift(); changes !== undefined; changes = this.#queue.shift()) {
      // It was promised a revision of its own when it was queued, so it gets one even if it changes nothing.
      this.#apply(changes);
      this.#revision++;
    }
  }

  #apply(changes: Changes): boolean {
    const places = this.store.commit(changes);
    if (places.length === 0) return false;
    this.#evaluator.abandon();
    this.graph.mark(places, this.#demands.reached);
    return true;
  }

  #outside(what: string): void {
    if (this.#evaluator.running) throw new Error(`${what} is not allowed inside a query`);
  }
}

/** There may be a million of these, hence a class and not closures. */
class CellDemand<V> implements Demand<V> {
  readonly #engine: IncrementalEngine;
  readonly #record: DemandRecord;

  constructor(engine: IncrementalEngine, record: DemandRecord) {
    this.#engine = engine;
    this.#record = record;
  }

  get outcome(): Outcome<V> {
    return this.#engine.look(this.#record) as Outcome<V>;
  }

  release(): void {
    this.#engine.release(this.#record);
  }
}
