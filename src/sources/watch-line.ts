import type { KubeObject, Origin } from '../schema/object.ts';
import type { SourceProblem } from './source.ts';

/**
 * One line of a watch, as JSON: first everything there is as `ADDED`, then `SYNCED`, then what happens. `TURN` ends the
 * changes that belong together: whoever reads takes them as one.
 */
export type WatchLine =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: KubeObject; readonly origin: Origin }
  | { readonly type: 'SYNCED' }
  | { readonly type: 'TURN' }
  | { readonly type: 'HEARTBEAT' }
  | { readonly type: 'PROBLEMS'; readonly problems: readonly SourceProblem[] };

/** Longest line of a watch, in bytes: an object of 1 MiB, its places, and JSON's escapes. */
export const maxLineBytes = 8 * 1024 * 1024;

/** How often a line comes at least, in milliseconds. */
export const heartbeatMs = 2000;
