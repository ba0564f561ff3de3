import { deepFreeze } from '../json.ts';
import { sameRead, type Ancestor, findClean } from './adopt.ts';
import { bagEach } from './bag.ts';
import { cycleFailures } from './cycle.ts';
import type { Graph } from './graph.ts';
import { clean, dirty, isOnCycle, maybe, nameOf, noReads, provisional, sameOutcome } from './nodes.ts';
import type { Cell } from './nodes.ts';
import { failureOf, type Failure, type Outcome } from './outcome.ts';
import { Run, type RunHost } from './run.ts';
import type { Store } from './store.ts';

/** Queries that may stand on JavaScript's own stack above each other before the lower ones are put off. */
const depthLimit = 128;

/** Thrown through queries to clear JavaScript's stack; they run again once what they wanted is there. */
class Unwind extends Error {
  override readonly name = 'Unwind';
}

/** What the evaluator tells about cells it brought up to date. */
export interface EvaluatorOptions {
  readonly store: Store;
  readonly graph: Graph;
  /** The engine this one was forked from. */
  readonly ancestor: Ancestor | undefined;
  /** Freeze every result all the way down. */
  readonly freeze: boolean;
  /** A demanded cell has another outcome than before. */
  onChanged(cell: Cell): void;
}

/**
 * Brings cells up to date, depth first, on a stack of its own: recorded reads are checked without recursion, and queries
 * recurse on JavaScript's stack to a limit. Cycles are Tarjan's strongly connected components, so that which cells fail
 * does not depend on where the evaluation began (Tarjan, Depth-first search and linear graph algorithms, 1972).
 */
export class Evaluator implements RunHost {
  readonly store: Store;
  readonly graph: Graph;
  readonly #options: EvaluatorOptions;
  readonly #unwind = new Unwind('a query caught what is not its own to catch');
  readonly #stack: Run[] = [];
  readonly #provisional: Cell[] = [];
  /** Counts cells in the order in which their evaluation began. */
  #serial = 0;
  #depth = 0;
  #wanted: Cell | undefined;
  #giveWay: ((queriesRun: number) => boolean) | undefined;
  #runsBefore = 0;
  /** Completed runs, ever. */
  queriesRun = 0;
  /** Runs whose result was equal to the one before, ever. */
  cutOffs = 0;
  /** Marked cells that needed no run because none of their reads had changed, ever. */
  verified = 0;
  /** Cells taken over from the engine this one was forked from, ever. */
  adopted = 0;
  /** Counts up whenever some cell's diagnostics may have changed. */
  diagnosticsVersion = 0;

  constructor(options: EvaluatorOptions) {
    this.store = options.store;
    this.graph = options.graph;
    this.#options = options;
  }

  /** True while a query runs. */
  get running(): boolean {
    return this.#depth > 0;
  }

  /** Puts a cell up for `step`. */
  start(cell: Cell): void {
    this.abandon();
    if (cell.state !== clean) this.#push(cell);
  }

  /** Like `start`, but goes on with what was begun for the same cell. */
  resume(cell: Cell): void {
    if (this.#stack[0]?.target !== cell) this.start(cell);
  }

  /**
   * Runs until one more query has run or much has been looked at; false when the cell is up to date. Queries that
   * recurse are put off when `giveWay` says so, told how many have run in this step.
   */
  step(giveWay?: (queriesRun: number) => boolean): boolean {
    const runs = this.queriesRun;
    this.#giveWay = giveWay;
    this.#runsBefore = runs;
    try {
      for (let i = 0; i < 256 && this.#stack.length > 0 && this.queriesRun === runs; i++) this.#stepTop();
    } catch (error) {
      this.abandon();
      throw error;
    }
    return this.#stack.length > 0;
  }

  /** Brings a cell up to date at once. */
  evaluate(cell: Cell): Outcome<unknown> {
    if (cell.state !== clean) for (this.start(cell); this.step(););
    if (cell.outcome === undefined) throw new Error('a cell that is up to date has an outcome');
    return cell.outcome;
  }

  /** Forgets an evaluation that was begun; what it has finished stays. */
  abandon(): void {
    for (const run of this.#stack) {
      run.target.position = -1;
      this.graph.orphan(run.target);
      for (const node of run.reads) this.graph.orphan(node);
    }
    for (const cell of this.#provisional) {
      this.graph.link(cell, noReads);
      cell.state = dirty;
      cell.position = -1;
    }
    this.#stack.length = 0;
    this.#provisional.length = 0;
    this.#wanted = undefined;
    this.#serial = 0;
  }

  check(run: Run): void {
    if (this.#wanted !== undefined) throw this.#unwind;
    if (this.#depth === 0 || this.#stack.at(-1) !== run) throw new Error('a query may read only while it runs');
  }

  outcomeFor(run: Run, cell: Cell): Outcome<unknown> {
    if (cell.state !== clean && cell.position < 0) this.#ensure(cell);
    if (cell.position < 0 && cell.outcome !== undefined) return cell.outcome;
    run.low = Math.min(run.low, cell.position);
    // The run's result is replaced in any case; only what it reads from here on counts.
    return onCycle(cell);
  }

  #ensure(cell: Cell): void {
    if (this.#depth >= depthLimit || this.#giveWay?.(this.queriesRun - this.#runsBefore) === true) {
      this.#wanted = cell;
      throw this.#unwind;
    }
    const base = this.#stack.length;
    this.#push(cell);
    while (this.#stack.length > base) {
      this.#stepTop();
      if (this.#wanted !== undefined) throw this.#unwind;
    }
  }

  #push(cell: Cell): void {
    cell.position = this.#serial++;
    this.#stack.push(new Run(this, cell, this.#provisional.length));
  }

  #stepTop(): void {
    const run = this.#stack.at(-1);
    if (run === undefined) return;
    const cell = run.target;
    if (cell.outcome === undefined && this.#options.ancestor !== undefined && run.adopting !== Infinity) {
      if (this.#adopt(run, this.#options.ancestor)) return;
    }
    if (cell.state === maybe) this.#verify(run);
    else this.#compute(run);
  }

  /** Looks at the recorded reads in their order; a read that changed has made the cell dirty. */
  #verify(run: Run): void {
    const cell = run.target;
    for (; run.next < cell.reads.length; run.next++) {
      const read = cell.reads[run.next];
      if (cell.state !== maybe) return;
      if (read === undefined || read.kind !== 'query' || read.state === clean) continue;
      // Whether the cell still reads what is being evaluated, only its run can tell.
      if (read.position >= 0) cell.state = dirty;
      else this.#push(read);
      return;
    }
    if (cell.state !== maybe) return;
    this.verified++;
    this.#pop(run);
    cell.state = clean;
    cell.position = -1;
  }

  #compute(run: Run): void {
    const cell = run.target;
    run.restart();
    let outcome: Outcome<unknown>;
    this.#depth++;
    try {
      const value = cell.query.compute(run, cell.key);
      outcome = { kind: 'value', value: this.#options.freeze ? deepFreeze(value) : value };
    } catch (thrown) {
      outcome = failureOf(thrown, nameOf(cell));
    } finally {
      this.#depth--;
    }
    if (this.#wanted === undefined) this.#finish(run, outcome);
    else if (this.#depth === 0) {
      const wanted = this.#wanted;
      this.#wanted = undefined;
      this.#push(wanted);
    }
  }

  #finish(run: Run, outcome: Outcome<unknown>): void {
    const cell = run.target;
    const { position } = cell;
    this.queriesRun++;
    this.graph.link(cell, run.reads);
    if (cell.diagnostics !== undefined || run.diagnostics !== undefined) {
      cell.diagnostics = run.diagnostics;
      this.diagnosticsVersion++;
    }
    this.#pop(run);
    if (run.low === Infinity) this.#conclude(cell, outcome);
    else if (run.low < position) {
      cell.state = provisional;
      this.#provisional.push(cell);
    } else this.#concludeCycle([cell, ...this.#provisional.splice(run.provisionalBefore)]);
  }

  #pop(run: Run): void {
    this.#stack.pop();
    const reader = this.#stack.at(-1);
    if (reader !== undefined && run.low < run.target.position) reader.low = Math.min(reader.low, run.low);
  }

  #concludeCycle(cells: readonly Cell[]): void {
    for (const [i, failure] of cycleFailures(cells).entries()) {
      const cell = cells[i];
      if (cell === undefined) continue;
      this.#conclude(cell, failure);
      this.graph.addCyclic(cell);
    }
  }

  /** Gives a cell its outcome; if it is another than before, its readers have to run. */
  #conclude(cell: Cell, result: Outcome<unknown>): void {
    let outcome = result;
    try {
      outcome = this.#knownEqual(cell, result) ?? result;
    } catch (thrown) {
      outcome = failureOf(thrown, nameOf(cell));
    }
    if (outcome === cell.outcome) this.cutOffs++;
    else {
      cell.outcome = outcome;
      bagEach(cell.readers, (reader) => {
        if (reader.state === maybe) reader.state = dirty;
      });
      if (cell.demands !== undefined) this.#options.onChanged(cell);
    }
    cell.state = clean;
    cell.position = -1;
  }

  /**
   * An equal outcome that is there already: the cell's own, or for a new cell the ancestor's, so that cells above can
   * be taken over.
   */
  #knownEqual(cell: Cell, outcome: Outcome<unknown>): Outcome<unknown> | undefined {
    const known = cell.outcome ?? findClean(this.#options.ancestor, cell)?.cell.outcome;
    return known !== undefined && sameOutcome(cell, known, outcome) ? known : undefined;
  }

  /** True if the run was served or must wait; false if the cell has to be computed. */
  #adopt(run: Run, nearest: Ancestor): boolean {
    const cell = run.target;
    const found = findClean(nearest, cell);
    // Equal reads do not make a cycle: the way back to the cell may be gone here.
    if (found === undefined || found.cell.outcome === undefined || isOnCycle(found.cell)) {
      run.adopting = Infinity;
      return false;
    }
    // What was compared with an older revision of the other engine counts no more.
    if (run.adopting !== found.ancestor.revision || run.source !== found.cell) run.restart();
    run.adopting = found.ancestor.revision;
    run.source = found.cell;
    for (; run.next < found.cell.reads.length; run.next++) {
      const theirs = found.cell.reads[run.next];
      if (theirs === undefined) continue;
      const mine = this.graph.counterpart(theirs);
      run.note(mine);
      if (mine.kind === 'query' && mine.state !== clean && mine.position < 0) {
        this.#push(mine);
        return true;
      }
      if (!sameRead(this.store, found.ancestor.store, mine, theirs)) {
        run.adopting = Infinity;
        return false;
      }
    }
    this.graph.link(cell, run.reads);
    this.adopted++;
    cell.diagnostics = found.cell.diagnostics;
    if (cell.diagnostics !== undefined) this.diagnosticsVersion++;
    this.#pop(run);
    this.#conclude(cell, found.cell.outcome);
    return true;
  }
}

function onCycle(cell: Cell): Failure {
  return {
    kind: 'failure',
    message: 'cycle',
    cell: nameOf(cell),
    below: undefined,
    cause: undefined,
    cycle: undefined,
  };
}
