import { bagEach } from './bag.ts';
import type { QueryKey } from './definitions.ts';
import { keyText } from './key.ts';
import { clean, dirty, isOnCycle, linkReads, maybe, noReads } from './nodes.ts';
import type { AnyQuery, Cell, DemandRecord, Leaf, Node } from './nodes.ts';
import type { AnyIndex, AnyInput, ChangedPlace } from './store.ts';

/** The recorded graph of one engine: finds, marks and frees cells. */
export class Graph {
  readonly #cells = new Map<AnyQuery, Map<string, Cell>>();
  readonly #leaves = new Map<AnyInput | AnyIndex, Map<string, Leaf>>();
  /** Leaves of `cells(index)`; apart, because an index has cells of any name. */
  readonly #nameLeaves = new Map<AnyIndex, Leaf>();
  /** Nodes that lost their last reader since the last collect. */
  readonly #orphans = new Set<Node>();
  /** Cells on cycles, which reference counts alone would keep; some may have left theirs. */
  readonly #cyclic = new Set<Cell>();
  /** An edge or a demand went since the last collect. */
  #loosened = false;
  /** Cells that exist. */
  alive = 0;
  /** Reads recorded. */
  edges = 0;
  /** Cells marked by changes, ever. */
  marked = 0;

  /** Places in the store that some cell reads. */
  get leaves(): number {
    let count = this.#nameLeaves.size;
    for (const table of this.#leaves.values()) count += table.size;
    return count;
  }

  find(query: AnyQuery, text: string): Cell | undefined {
    return this.#cells.get(query)?.get(text);
  }

  /** The cell of a query at a key, made if there is none; a new one is an orphan until somebody reads or demands it. */
  cell(query: AnyQuery, key: QueryKey): Cell {
    return this.#cellAt(query, key, keyText(key));
  }

  #cellAt(query: AnyQuery, key: unknown, text: string): Cell {
    let table = this.#cells.get(query);
    if (table === undefined) {
      table = new Map();
      this.#cells.set(query, table);
    }
    let cell = table.get(text);
    if (cell === undefined) {
      cell = {
        kind: 'query',
        query,
        key,
        text,
        outcome: undefined,
        diagnostics: undefined,
        reads: noReads,
        readers: undefined,
        state: dirty,
        position: -1,
        demands: undefined,
      };
      table.set(text, cell);
      this.alive++;
    }
    return cell;
  }

  leaf(kind: Leaf['kind'], source: AnyInput | AnyIndex, key: string): Leaf {
    if (source.kind === 'index' && kind === 'cells') {
      let leaf = this.#nameLeaves.get(source);
      if (leaf === undefined) {
        leaf = { kind, source, key, readers: undefined };
        this.#nameLeaves.set(source, leaf);
      }
      return leaf;
    }
    let table = this.#leaves.get(source);
    if (table === undefined) {
      table = new Map();
      this.#leaves.set(source, table);
    }
    let leaf = table.get(key);
    if (leaf === undefined) {
      leaf =
        source.kind === 'input'
          ? { kind: 'input', source, key, readers: undefined }
          : { kind: 'cell', source, key, readers: undefined };
      table.set(key, leaf);
    }
    return leaf;
  }

  /** The leaf of a place if somebody reads it. */
  findLeaf(kind: Leaf['kind'], source: AnyInput | AnyIndex, key: string): Leaf | undefined {
    if (kind === 'cells') return source.kind === 'index' ? this.#nameLeaves.get(source) : undefined;
    return this.#leaves.get(source)?.get(key);
  }

  /** This graph's node for what a node of another graph stands for. */
  counterpart(node: Node): Node {
    if (node.kind !== 'query') return this.leaf(node.kind, node.source, node.key);
    return this.#cellAt(node.query, node.key, node.text);
  }

  /** Records what a cell's run read. */
  link(cell: Cell, reads: readonly Node[]): void {
    this.edges += reads.length - cell.reads.length;
    if (cell.reads.length > 0) this.#loosened = true;
    linkReads(cell, reads, this.orphan);
  }

  /** Marks everything that reads a changed place, up to the demanded cells, which `reached` hears of. */
  mark(places: readonly ChangedPlace[], reached: (cell: Cell) => void): void {
    const stack: Cell[] = [];
    const touch = (cell: Cell, certain: boolean): void => {
      if (cell.state === clean) {
        this.marked++;
        stack.push(cell);
        // A cell may leave a cycle although none of its own reads has changed: then the way back to it has.
        cell.state = certain || isOnCycle(cell) ? dirty : maybe;
      } else if (certain) cell.state = dirty;
    };
    for (const place of places)
      for (const leaf of this.#leavesOf(place)) bagEach(leaf.readers, (cell) => touch(cell, true));
    for (let cell = stack.pop(); cell !== undefined; cell = stack.pop()) {
      if (cell.demands !== undefined) reached(cell);
      bagEach(cell.readers, (reader) => touch(reader, false));
    }
  }

  /** Tells that a node may have lost its last reader or demand. */
  readonly orphan = (node: Node): void => {
    this.#loosened = true;
    if (node.readers === undefined) this.#orphans.add(node);
  };

  /** Remembers a cell that stands on a cycle. */
  addCyclic(cell: Cell): void {
    this.#cyclic.add(cell);
  }

  /** Frees every cell that no demand reaches. Nothing may be on the evaluation stack. */
  collect(): void {
    this.#freeOrphans();
    if (!this.#loosened) return;
    this.#loosened = false;
    const demanded = new Set<Cell>();
    for (const cell of this.#cyclic) {
      if (!isOnCycle(cell)) this.#cyclic.delete(cell);
      else if (!demanded.has(cell)) this.#freeUnlessDemanded(cell, demanded);
    }
    this.#freeOrphans();
    this.#loosened = false;
  }

  /** All demands of cells that read these nodes, directly or not. */
  demandsAbove(nodes: Iterable<Node>): Set<DemandRecord> {
    const demands = new Set<DemandRecord>();
    for (const node of this.#above(nodes)) bagEach(node.demands, (demand) => demands.add(demand));
    return demands;
  }

  *#above(nodes: Iterable<Node>): Generator<Cell> {
    const seen = new Set<Node>(nodes);
    for (const node of seen) {
      if (node.kind === 'query') yield node;
      bagEach(node.readers, (reader) => seen.add(reader));
    }
  }

  /** Frees the cell and all that reads it if no demand reaches it; else adds to `demanded` the way to that demand. */
  #freeUnlessDemanded(start: Cell, demanded: Set<Cell>): void {
    const readOf = new Map<Cell, Cell | undefined>([[start, undefined]]);
    for (const cell of readOf.keys()) {
      if (cell.demands !== undefined || demanded.has(cell)) {
        for (let at: Cell | undefined = cell; at !== undefined; at = readOf.get(at)) demanded.add(at);
        return;
      }
      bagEach(cell.readers, (reader) => {
        if (!readOf.has(reader)) readOf.set(reader, cell);
      });
    }
    for (const cell of readOf.keys()) this.#free(cell);
  }

  #freeOrphans(): void {
    for (const node of this.#orphans) {
      this.#orphans.delete(node);
      if (node.readers !== undefined) continue;
      if (node.kind !== 'query') this.#freeLeaf(node);
      else if (node.demands === undefined) this.#free(node);
    }
  }

  #free(cell: Cell): void {
    const table = this.#cells.get(cell.query);
    if (table?.get(cell.text) !== cell) return;
    table.delete(cell.text);
    if (table.size === 0) this.#cells.delete(cell.query);
    this.alive--;
    this.link(cell, noReads);
    cell.outcome = undefined;
    cell.diagnostics = undefined;
    cell.state = dirty;
  }

  #freeLeaf(leaf: Leaf): void {
    if (leaf.kind === 'cells') {
      this.#nameLeaves.delete(leaf.source);
      return;
    }
    const table = this.#leaves.get(leaf.source);
    table?.delete(leaf.key);
    if (table?.size === 0) this.#leaves.delete(leaf.source);
  }

  #leavesOf(place: ChangedPlace): Iterable<Leaf> {
    if (place.kind !== 'all') {
      const leaf = this.findLeaf(place.kind, place.source, place.key);
      return leaf === undefined ? [] : [leaf];
    }
    const names = this.#nameLeaves.get(place.source);
    return [...(this.#leaves.get(place.source)?.values() ?? []), ...(names === undefined ? [] : [names])];
  }
}
