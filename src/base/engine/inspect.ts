/** Questions to the recorded graph: who reads what. */
import { canonicalJson } from '../json.ts';
import type { Graph } from './graph.ts';
import { nameOf, type Cell, type Node } from './nodes.ts';
import type { CellName } from './outcome.ts';
import type { AnyInput, Store } from './store.ts';

/** One recorded read. */
export type ReadEdge =
  | { readonly kind: 'input'; readonly input: string; readonly key: string }
  /** An index cell and the keys of the input that were in it. */
  | {
      readonly kind: 'cell';
      readonly index: string;
      readonly cell: string;
      readonly input: string;
      readonly keys: readonly string[];
    }
  | { readonly kind: 'cells'; readonly index: string; readonly input: string }
  | { readonly kind: 'query'; readonly query: string; readonly key: unknown };

/** The reads of a cell in their order, with `transitive` those of everything below it as well, each once. */
export function readsOf(cell: Cell, store: Store, transitive: boolean): readonly ReadEdge[] {
  const nodes = transitive ? below(cell).slice(1) : cell.reads;
  return nodes.map((node) => edgeOf(node, store));
}

/** Diagnostics of a cell and of everything below it, in reading order, equal ones once. */
export function diagnosticsBelow(cell: Cell): readonly unknown[] {
  const found = new Map<string, unknown>();
  for (const node of below(cell)) {
    if (node.kind !== 'query') continue;
    for (const diagnostic of node.diagnostics ?? []) {
      const text = canonicalJson(diagnostic);
      if (!found.has(text)) found.set(text, diagnostic);
    }
  }
  return [...found.values()];
}

/** The demanded cells that read an input's key, directly, through an index cell or through other cells. */
export function demandedReaders(graph: Graph, store: Store, input: AnyInput, key: string): readonly CellName[] {
  const records = [...graph.demandsAbove(leavesOf(graph, store, input, key))].sort((a, b) => a.order - b.order);
  return [...new Set(records.map((record) => record.cell))].map(nameOf);
}

/** Keys of an input that no cell reads, neither itself nor an index cell that holds it. */
export function unreadKeys(graph: Graph, store: Store, input: AnyInput): readonly string[] {
  return store
    .keys(input)
    .filter((key) => leavesOf(graph, store, input, key).every((leaf) => leaf.readers === undefined));
}

function leavesOf(graph: Graph, store: Store, input: AnyInput, key: string): readonly Node[] {
  const places = [
    graph.findLeaf('input', input, key),
    ...store.cellsOf(input, key).map(({ index, cell }) => graph.findLeaf('cell', index, cell)),
  ];
  return places.filter((leaf) => leaf !== undefined);
}

/** The cell and everything it reads, depth first, each once. */
function below(cell: Cell): readonly Node[] {
  const seen = new Set<Node>();
  const stack: Node[] = [cell];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (seen.has(node)) continue;
    seen.add(node);
    if (node.kind === 'query') for (const read of node.reads.toReversed()) stack.push(read);
  }
  return [...seen];
}

function edgeOf(node: Node, store: Store): ReadEdge {
  if (node.kind === 'query') return { kind: 'query', ...nameOf(node) };
  if (node.kind === 'input') return { kind: 'input', input: node.source.name, key: node.key };
  const { name: index, input } = node.source;
  if (node.kind === 'cells') return { kind: 'cells', index, input: input.name };
  const keys = store.isBroken(node.source) ? [] : store.group(node.source, node.key).keys;
  return { kind: 'cell', index, cell: node.key, input: input.name, keys };
}
