import { bagAdd, bagEach, bagRemove } from './bag.ts';
import { clean, sameOutcome, type Cell, type DemandRecord } from './nodes.ts';

/** Who wants which cells, which of those are to be looked at, and whom to tell. */
export class Demands {
  #order = 0;
  readonly #pending = new Set<Cell>();
  readonly #changed = new Set<Cell>();
  /** Calls of listeners, ever. */
  notified = 0;

  /** True if some demanded cell is not up to date or some listener is to be called. */
  get waiting(): boolean {
    return this.#pending.size > 0 || this.#changed.size > 0;
  }

  add(cell: Cell, onChange: DemandRecord['onChange']): DemandRecord {
    const record: DemandRecord = { cell, order: this.#order++, onChange, told: undefined, released: false };
    cell.demands = bagAdd(cell.demands, record);
    if (cell.state !== clean) this.#pending.add(cell);
    if (onChange !== undefined) this.#changed.add(cell);
    return record;
  }

  release(record: DemandRecord): void {
    record.released = true;
    record.cell.demands = bagRemove(record.cell.demands, record);
    if (record.cell.demands !== undefined) return;
    this.#pending.delete(record.cell);
    this.#changed.delete(record.cell);
  }

  /** A demanded cell was marked. */
  readonly reached = (cell: Cell): void => {
    this.#pending.add(cell);
  };

  /** A demanded cell has another outcome. */
  readonly changed = (cell: Cell): void => {
    this.#changed.add(cell);
  };

  /** The cells to look at, the first demanded first; they count as looked at from now on. */
  take(): readonly Cell[] {
    const cells = [...this.#pending].map((cell) => ({ cell, order: firstOrder(cell) }));
    this.#pending.clear();
    return cells.sort((a, b) => a.order - b.order).map(({ cell }) => cell);
  }

  /** Puts cells back that `take` gave and nobody has looked at. */
  putBack(cells: readonly Cell[]): void {
    for (const cell of cells) if (cell.demands !== undefined && cell.state !== clean) this.#pending.add(cell);
  }

  /**
   * Calls the listeners whose cell has another outcome than they were told, in the order of their demands. One that is
   * released meanwhile is not called. What listeners throw is thrown once all have been called.
   */
  notify(revision: number): void {
    const records: DemandRecord[] = [];
    for (const cell of this.#changed) bagEach(cell.demands, (record) => records.push(record));
    this.#changed.clear();
    const thrown: unknown[] = [];
    for (const record of records.sort((a, b) => a.order - b.order)) {
      try {
        this.#tell(record, revision);
      } catch (error) {
        thrown.push(error);
      }
    }
    if (thrown.length > 0) throw thrown.length === 1 ? thrown[0] : new AggregateError(thrown, 'listeners failed');
  }

  #tell(record: DemandRecord, revision: number): void {
    const { cell, told, onChange } = record;
    const { outcome } = cell;
    if (record.released || onChange === undefined || outcome === undefined) return;
    record.told = outcome;
    // Several revisions may lie between, and the last may have brought back what the first took away.
    if (told !== undefined && sameOutcome(cell, told, outcome)) return;
    this.notified++;
    onChange(outcome, revision);
  }
}

function firstOrder(cell: Cell): number {
  let first = Number.POSITIVE_INFINITY;
  bagEach(cell.demands, (record) => {
    first = Math.min(first, record.order);
  });
  return first;
}
