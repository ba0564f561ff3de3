/** A small program for the engine's own tests: numbers, linked to each other. */
import { defineInput, defineQuery, failureCells, QueryFailure } from './index.ts';
import type { Engine, EngineStats, Outcome, Query, Read } from './index.ts';

export const numbers = defineInput<number>('numbers');
export const links = defineInput<readonly string[]>('links');

/** The sum of a number and of everything it is linked to; a negative number throws. */
export const reach: Query<string, number> = defineQuery('reach', (read: Read, key: string): number => {
  const own = read.input(numbers, key) ?? 0;
  if (own < 0) throw new RangeError(`${key} is negative`);
  return (read.input(links, key) ?? []).reduce((sum, other) => sum + read.get(reach, other), own);
});

export function setNumbers(engine: Engine, values: Readonly<Record<string, number | undefined>>): number {
  return engine.transact((change) => {
    for (const [key, number] of Object.entries(values)) {
      if (number === undefined) change.remove(numbers, key);
      else change.set(numbers, key, number);
    }
  });
}

export function setLinks(engine: Engine, values: Readonly<Record<string, readonly string[]>>): number {
  return engine.transact((change) => {
    for (const [key, others] of Object.entries(values)) change.set(links, key, others);
  });
}

/** A chain of so many cells `0 → 1 → …`, with a number at its end. */
export function setChain(engine: Engine, length: number): void {
  engine.transact((change) => {
    for (let i = 0; i < length - 1; i++) change.set(links, `${i}`, [`${i + 1}`]);
    change.set(numbers, `${length - 1}`, 1);
  });
}

/** What the counters of work grew by while `act` ran; those that did not grow are left out. */
export function work(engine: Engine, act: () => void): Partial<Record<keyof EngineStats, number>> {
  const before = engine.stats();
  act();
  const after = engine.stats();
  const names = ['marked', 'queriesRun', 'cutOffs', 'verified', 'adopted', 'notified'] as const;
  const grown = names.filter((name) => after[name] !== before[name]);
  return Object.fromEntries(grown.map((name) => [name, after[name] - before[name]]));
}

export function valueOf<V>(outcome: Outcome<V>): V {
  if (outcome.kind === 'failure') throw new QueryFailure(outcome);
  return outcome.value;
}

/** A failure's message and the keys it went through. */
export function failureText(outcome: Outcome<unknown>): string {
  if (outcome.kind === 'value') return `value ${String(outcome.value)}`;
  const keys = failureCells(outcome).map((cell) => String(cell.key));
  return `${keys.join(' < ')}: ${outcome.message}`;
}
