import type { Index, Input, Query, QueryKey, Read } from './definitions.ts';
import type { Graph } from './graph.ts';
import type { Cell, Node } from './nodes.ts';
import { QueryFailure, type Outcome } from './outcome.ts';
import type { Store } from './store.ts';

/** What a run needs of the evaluation it belongs to. */
export interface RunHost {
  readonly store: Store;
  readonly graph: Graph;
  /** Throws if `run` is not the one that runs now. */
  check(run: Run): void;
  /** Brings a cell that `run` reads up to date. */
  outcomeFor(run: Run, cell: Cell): Outcome<unknown>;
}

/** From here on a set is faster than looking through the list. */
const listLimit = 16;

/** A cell on the evaluation stack, and what its query gets to read with. */
export class Run implements Read {
  readonly target: Cell;
  readonly #host: RunHost;
  /** How many provisional cells there were when this one began; the later ones belong to its cycle. */
  readonly provisionalBefore: number;
  /** Which read is looked at next, while the recorded reads are checked. */
  next = 0;
  /** Lowest `position` that this cell reaches among the unfinished ones; infinite if it reaches none. */
  low = Number.POSITIVE_INFINITY;
  /** Revision of the engine above whose cell is being compared; -1 before, infinite once that failed. */
  adopting = -1;
  /** The cell above that is being compared. */
  source: Cell | undefined;
  reads: Node[] = [];
  diagnostics: unknown[] | undefined;
  #seen: Set<Node> | undefined;

  constructor(host: RunHost, cell: Cell, provisionalBefore: number) {
    this.#host = host;
    this.target = cell;
    this.provisionalBefore = provisionalBefore;
  }

  /** Forgets what an earlier attempt recorded. */
  restart(): void {
    this.next = 0;
    this.reads = [];
    this.diagnostics = undefined;
    this.#seen = undefined;
  }

  note(node: Node): void {
    if (this.#seen !== undefined) {
      if (this.#seen.has(node)) return;
      this.#seen.add(node);
    } else if (this.reads.includes(node)) return;
    this.reads.push(node);
    if (this.#seen === undefined && this.reads.length > listLimit) this.#seen = new Set(this.reads);
  }

  input<V>(input: Input<V>, key: string): V | undefined {
    this.#host.check(this);
    this.note(this.#host.graph.leaf('input', input, key));
    return this.#host.store.value(input, key) as V | undefined;
  }

  cell<V>(index: Index<V>, cell: string): readonly V[] {
    this.#host.check(this);
    this.note(this.#host.graph.leaf('cell', index, cell));
    return this.#host.store.group(index, cell).values as readonly V[];
  }

  cells<V>(index: Index<V>): readonly string[] {
    this.#host.check(this);
    this.note(this.#host.graph.leaf('cells', index, ''));
    return this.#host.store.names(index);
  }

  get<K extends QueryKey, V>(query: Query<K, V>, key: K): V {
    const outcome = this.attempt(query, key);
    if (outcome.kind === 'failure') throw new QueryFailure(outcome);
    return outcome.value;
  }

  attempt<K extends QueryKey, V>(query: Query<K, V>, key: K): Outcome<V> {
    this.#host.check(this);
    const cell = this.#host.graph.cell(query, key);
    this.note(cell);
    return this.#host.outcomeFor(this, cell) as Outcome<V>;
  }

  report(diagnostic: unknown): void {
    this.#host.check(this);
    this.diagnostics ??= [];
    this.diagnostics.push(diagnostic);
  }
}
