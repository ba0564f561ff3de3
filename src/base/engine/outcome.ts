/** What a cell holds after it ran: a value, or the failure of the query that threw. */

import { canonicalJson } from '../json.ts';

/** Names a cell: its query's name and the key it was read with. */
export interface CellName {
  readonly query: string;
  readonly key: unknown;
}

/** The result of a cell. */
export type Outcome<V> = Success<V> | Failure;

/** A query that returned. */
export interface Success<V> {
  readonly kind: 'value';
  readonly value: V;
}

/** A query that threw, passed on what a query below it threw, or stands on a cycle. */
export interface Failure {
  readonly kind: 'failure';
  /** The message of what was thrown first. */
  readonly message: string;
  /** The cell that holds this failure. */
  readonly cell: CellName;
  /** The failure that this cell passed on; absent in the cell where it began. */
  readonly below: Failure | undefined;
  /** What was thrown, with its stack if it was an error. */
  readonly cause: unknown;
  /** The cycle in reading order, in every cell that stands on it. */
  readonly cycle: readonly CellName[] | undefined;
}

/** Thrown by `Read.get` when the query that is read has failed. */
export class QueryFailure extends Error {
  override readonly name = 'QueryFailure';
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message, { cause: failure.cause });
    this.failure = failure;
  }
}

/** The cells a failure went through, from the one asked for down to the one that threw. */
export function failureCells(failure: Failure): readonly CellName[] {
  const cells: CellName[] = [];
  for (let at: Failure | undefined = failure; at !== undefined; at = at.below) cells.push(at.cell);
  return cells;
}

/** `query(key)`, as messages write it. */
export function cellText(cell: CellName): string {
  return `${cell.query}(${typeof cell.key === 'string' ? cell.key : canonicalJson(cell.key)})`;
}

/** The failure of a cell whose query threw. */
export function failureOf(thrown: unknown, cell: CellName): Failure {
  if (thrown instanceof QueryFailure) {
    const below = thrown.failure;
    return { kind: 'failure', message: below.message, cell, below, cause: below.cause, cycle: undefined };
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return { kind: 'failure', message, cell, below: undefined, cause: thrown, cycle: undefined };
}

/** Failures are equal if they say the same and came the same way; stacks do not count. */
export function sameFailure(a: Failure, b: Failure): boolean {
  let left: Failure | undefined = a;
  let right: Failure | undefined = b;
  while (left !== right) {
    if (left === undefined || right === undefined) return false;
    if (left.message !== right.message || cellText(left.cell) !== cellText(right.cell)) return false;
    if (!sameCycle(left.cycle, right.cycle)) return false;
    left = left.below;
    right = right.below;
  }
  return true;
}

/** True if both name the same cells in the same order, or both are no cycle. */
export function sameCycle(a: Failure['cycle'], b: Failure['cycle']): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined || a.length !== b.length) return false;
  return a.every((cell, i) => {
    const other = b[i];
    return other !== undefined && cellText(cell) === cellText(other);
  });
}
