/** The graph as it is recorded: leaves are places in the store that somebody read, cells are runs of queries. */
import { bagAdd, bagRemove, type Bag } from './bag.ts';
import type { Query } from './definitions.ts';
import { sameFailure, type CellName, type Outcome } from './outcome.ts';
import type { AnyIndex, AnyInput } from './store.ts';

/** Any query, its types forgotten. */
export type AnyQuery = Query<unknown, unknown>;

/** A place in the store that a cell has read. */
export type Leaf =
  | { readonly kind: 'input'; readonly source: AnyInput; readonly key: string; readers: Bag<Cell> }
  | { readonly kind: 'cell' | 'cells'; readonly source: AnyIndex; readonly key: string; readers: Bag<Cell> };

/** Something that a cell reads. */
export type Node = Leaf | Cell;

/** Up to date with the store. */
export const clean = 0;
/** Something below may have changed: its reads must be looked at. */
export const maybe = 1;
/** Something it read has changed, or it never ran. */
export const dirty = 2;
/** It ran, but stands on a cycle whose first cell has not finished. */
export const provisional = 3;

/** The state of a cell; numbers because there are very many cells. */
export type CellState = typeof clean | typeof maybe | typeof dirty | typeof provisional;

/** One query at one key. */
export interface Cell {
  readonly kind: 'query';
  readonly query: AnyQuery;
  readonly key: unknown;
  /** `keyText(key)`. */
  readonly text: string;
  /** `undefined` until the first run. */
  outcome: Outcome<unknown> | undefined;
  diagnostics: readonly unknown[] | undefined;
  /** In the order of first reading, each once. */
  reads: readonly Node[];
  readers: Bag<Cell>;
  state: CellState;
  /** While it is evaluated or provisional: how many cells the evaluation had begun before it; else -1. */
  position: number;
  /** Who wants this cell from outside. */
  demands: Bag<DemandRecord>;
}

/** One demand of one caller. */
export interface DemandRecord {
  readonly cell: Cell;
  /** Counts up over the life of an engine. */
  readonly order: number;
  readonly onChange: ((outcome: Outcome<unknown>, revision: number) => void) | undefined;
  /** What this caller was told last. */
  told: Outcome<unknown> | undefined;
  released: boolean;
}

/** The name of a cell, for people and programs outside. */
export function nameOf(cell: Cell): CellName {
  return { query: cell.query.name, key: cell.key };
}

/** True if the cell stands on a cycle by its last run. */
export function isOnCycle(cell: Cell): boolean {
  return cell.outcome?.kind === 'failure' && cell.outcome.cycle !== undefined;
}

/** What a cell has read that never ran. */
export const noReads: readonly Node[] = Object.freeze([]);

/** True if readers of the cell need not care which of the two it holds. */
export function sameOutcome(cell: Cell, a: Outcome<unknown>, b: Outcome<unknown>): boolean {
  if (a === b) return true;
  if (a.kind === 'failure' || b.kind === 'failure')
    return a.kind === 'failure' && b.kind === 'failure' && sameFailure(a, b);
  return cell.query.equal(a.value, b.value);
}

/** Replaces what a cell reads by what its last run read. `dropped` hears of each node that lost its last reader. */
export function linkReads(cell: Cell, reads: readonly Node[], dropped: (node: Node) => void): void {
  const old = cell.reads;
  if (old.length === reads.length && old.every((node, i) => node === reads[i])) return;
  // What was pushed together has room to spare; a copy has none.
  cell.reads = reads.length === 0 ? noReads : reads.slice();
  for (const node of reads) node.readers = bagAdd(node.readers, cell);
  if (old.length === 0) return;
  const kept = new Set(reads);
  for (const node of old) {
    if (kept.has(node)) continue;
    node.readers = bagRemove(node.readers, cell);
    if (node.readers === undefined) dropped(node);
  }
}
