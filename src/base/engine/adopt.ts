/** How a fork takes over cells of the engine it came from. */
import type { Graph } from './graph.ts';
import type { Group } from './group.ts';
import { clean, type Cell, type Node } from './nodes.ts';
import type { Store } from './store.ts';

/** An engine seen from its forks. It goes on changing; a fork compares before it takes anything. */
export interface Ancestor {
  readonly store: Store;
  readonly graph: Graph;
  readonly revision: number;
  readonly ancestor: Ancestor | undefined;
}

/** The nearest ancestor's cell of the same query and key that is up to date there. */
export function findClean(
  nearest: Ancestor | undefined,
  cell: Cell,
): { readonly cell: Cell; readonly ancestor: Ancestor } | undefined {
  for (let ancestor = nearest; ancestor !== undefined; ancestor = ancestor.ancestor) {
    const theirs = ancestor.graph.find(cell.query, cell.text);
    if (theirs !== undefined && theirs.state === clean && theirs.outcome !== undefined)
      return { cell: theirs, ancestor };
  }
  return undefined;
}

/** True if both engines give the same for a read: identical values, so that nothing is compared twice. */
export function sameRead(store: Store, theirStore: Store, mine: Node, theirs: Node): boolean {
  if (mine.kind === 'query') return theirs.kind === 'query' && mine.state === clean && mine.outcome === theirs.outcome;
  if (mine.kind === 'input')
    return Object.is(store.value(mine.source, mine.key), theirStore.value(mine.source, mine.key));
  if (store.isBroken(mine.source) || theirStore.isBroken(mine.source)) return false;
  if (mine.kind === 'cells') return sameList(store.names(mine.source), theirStore.names(mine.source));
  return sameGroup(store.group(mine.source, mine.key), theirStore.group(mine.source, mine.key));
}

function sameGroup(a: Group, b: Group): boolean {
  return a === b || (sameList(a.keys, b.keys) && sameList(a.values, b.values));
}

function sameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a === b || (a.length === b.length && a.every((item, i) => Object.is(item, b[i])));
}
