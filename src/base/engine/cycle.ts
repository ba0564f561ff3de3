import { byText } from '../order.ts';
import { nameOf, type Cell } from './nodes.ts';
import { cellText, sameCycle, type CellName, type Failure } from './outcome.ts';

/** Cells that a message names before it only counts the rest. */
const namedLimit = 20;

/**
 * A cycle through cells that all reach each other: the shortest one through the cell whose name sorts first, which is
 * therefore the same from wherever the evaluation began.
 */
export function findCycle(cells: readonly Cell[]): readonly Cell[] {
  const names = new Map(cells.map((cell) => [cell, cellText(nameOf(cell))]));
  const [first] = [...names].sort(([, a], [, b]) => byText(a, b)).map(([cell]) => cell);
  if (first === undefined) return [];
  const cameFrom = new Map<Cell, Cell>();
  const queue: Cell[] = [first];
  for (const cell of queue) {
    for (const read of cell.reads) {
      if (read === first) return pathTo(cell, first, cameFrom);
      if (read.kind !== 'query' || !names.has(read) || cameFrom.has(read)) continue;
      cameFrom.set(read, cell);
      queue.push(read);
    }
  }
  return [first];
}

function pathTo(last: Cell, first: Cell, cameFrom: ReadonlyMap<Cell, Cell>): readonly Cell[] {
  const path: Cell[] = [];
  for (let cell: Cell | undefined = last; cell !== undefined && cell !== first; cell = cameFrom.get(cell))
    path.push(cell);
  return [first, ...path.reverse()];
}

/** The cycle as one of the cells had it before, so that the comparison of their failures is one of identity. */
function knownCycle(cells: readonly Cell[], cycle: readonly CellName[]): readonly CellName[] {
  const known = new Set(cells.map(({ outcome }) => (outcome?.kind === 'failure' ? outcome.cycle : undefined)));
  return [...known].find((one) => sameCycle(one, cycle)) ?? cycle;
}

/** The failures of cells that reach each other, one for each; they say the same. */
export function cycleFailures(cells: readonly Cell[]): readonly Failure[] {
  const cycle = knownCycle(cells, findCycle(cells).map(nameOf));
  const named = cycle.slice(0, namedLimit).map(cellText);
  const rest = cycle.length - named.length;
  const text = [...named, ...(rest > 0 ? [`${rest} more`] : []), named[0] ?? ''].join(' → ');
  const message = `cycle: ${text}`;
  return cells.map((cell) => {
    return { kind: 'failure', message, cell: nameOf(cell), below: undefined, cause: undefined, cycle };
  });
}
