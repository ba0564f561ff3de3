/** What a program for the engine is made of: inputs, indexes over them, and queries. Definitions hold no state. */
import { deepEqual } from '../json.ts';
import type { Outcome } from './outcome.ts';

/**
 * A query's key: a string (not beginning with NUL), or plain JSON that nobody changes afterwards, identified by its
 * canonical text and never by identity. A string is faster.
 */
export type QueryKey = string | object;

/** A family of inputs, each with a key. Values are plain data and are treated as frozen from the moment they are set. */
export interface Input<V> {
  readonly kind: 'input';
  /** For people: appears in edges, failures and diagnostics. */
  readonly name: string;
  equal(a: V, b: V): boolean;
}

/** Groups the values of an input by names that each value gives itself, so that a query can read one group only. */
export interface Index<V> {
  readonly kind: 'index';
  readonly name: string;
  readonly input: Input<V>;
  cells(value: V, key: string): Iterable<string>;
}

/** A pure function of its key and of what it reads. */
export interface Query<K, V> {
  readonly kind: 'query';
  readonly name: string;
  compute(read: Read, key: K): V;
  equal(a: V, b: V): boolean;
}

/** What a query may do while it runs. Every call but `report` is recorded as a read of the running cell. */
export interface Read {
  /** The input's value; `undefined` if that key is not set (and the reader wakes when it is). */
  input<V>(input: Input<V>, key: string): V | undefined;
  /** The values whose cells include `cell`, sorted by their keys; frozen, empty if there is none. */
  cell<V>(index: Index<V>, cell: string): readonly V[];
  /** Names of the cells that are not empty, sorted. Wakes the reader only when a name appears or vanishes. */
  cells<V>(index: Index<V>): readonly string[];
  /** Another query's value. Throws a `QueryFailure` if that query failed; let it pass and the reader fails with it. */
  get<K extends QueryKey, V>(query: Query<K, V>, key: K): V;
  /** Another query's value or failure, without throwing. */
  attempt<K extends QueryKey, V>(query: Query<K, V>, key: K): Outcome<V>;
  /** Attaches a diagnostic (plain data) to the running cell; what an earlier run reported is forgotten. */
  report(diagnostic: unknown): void;
}

/** Options of an input family. */
export interface InputOptions<V> {
  /** Setting a value equal to the present one is no change. Default: structural equality. */
  readonly equal?: (a: V, b: V) => boolean;
}

/** Options of a query. */
export interface QueryOptions<V> {
  /** A run that gives an equal value wakes no reader, and the old value is kept. If this throws, the query has failed. Default: structural equality. */
  readonly equal?: (a: V, b: V) => boolean;
}

/** Declares a family of inputs. */
export function defineInput<V>(name: string, options: InputOptions<V> = {}): Input<V> {
  return Object.freeze({ kind: 'input', name, equal: options.equal ?? deepEqual });
}

/** Declares an index. `cells` must be pure; a name given twice counts once. */
export function defineIndex<V>(
  input: Input<V>,
  name: string,
  cells: (value: V, key: string) => Iterable<string>,
): Index<V> {
  return Object.freeze({ kind: 'index', name, input, cells });
}

/** Declares a query. `compute` must be pure, synchronous, and treat what it reads as frozen. */
export function defineQuery<K extends QueryKey, V>(
  name: string,
  compute: (read: Read, key: K) => V,
  options: QueryOptions<V> = {},
): Query<K, V> {
  return Object.freeze({ kind: 'query', name, compute, equal: options.equal ?? deepEqual });
}
