import type { ObjectRef, SourcedObject } from '../schema/object.ts';

/** Something about what a source was given that its author should know: a file that cannot be read, an object defined twice. */
export interface SourceProblem {
  /** `error`: something is left out or an older form is kept. `warning`: all is taken, but something is not as it seems. */
  readonly level: 'error' | 'warning';
  /** The file, as in `Origin.file`; the source's name for what belongs to no file. */
  readonly file: string;
  /** Counted from 1; 1 for what concerns the whole file. */
  readonly line: number;
  /** Counted from 1. */
  readonly column: number;
  /** The object it belongs to, where that is known. */
  readonly object?: ObjectRef;
  /** The field it belongs to, as in `Violation.path`. */
  readonly field?: string;
  /** What is wrong and why. */
  readonly message: string;
  /** How to mend it; absent where the message says it all. */
  readonly fix?: string;
}

/** One step from a consistent state of the source to the next. */
export interface SourceBatch {
  /** New and changed objects. An object whose place alone changed is among them. */
  readonly changed: readonly SourcedObject[];
  readonly removed: readonly ObjectRef[];
  /** All problems there are now, not only new ones. */
  readonly problems: readonly SourceProblem[];
}

/**
 * Where the mesh comes from. The listener is called with batches, one after the other; the first ones together hold
 * everything there is, and `synced` resolves after them. A source that cannot be read says so as a problem and keeps
 * what it had: a failed reading is never taken for an empty one.
 */
export interface Source {
  /** Begins. May be called once. */
  start(listener: (batch: SourceBatch) => void): void;
  /** Ends: no batch follows once it has resolved. */
  stop(): Promise<void>;
  /** Resolves when everything there was at the start has been handed on. Never rejects. */
  readonly synced: Promise<void>;
}

/** Whether objects of a kind live in a namespace; undefined for a kind that nobody here knows. */
export type ScopeOf = (apiVersion: string, kind: string) => 'Namespaced' | 'Cluster' | undefined;

/** A reference as a key of a map. */
export function refKey(ref: ObjectRef): string {
  return `${ref.kind}/${ref.namespace}/${ref.name}`;
}
