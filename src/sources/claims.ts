import { byText } from '../base/order.ts';
import { deepEqual } from '../base/json.ts';
import type { ObjectRef, SourcedObject } from '../schema/object.ts';
import { refOf, refText } from '../schema/object.ts';
import { refKey, type SourceBatch, type SourceProblem } from './source.ts';
import type { FileContent } from './yaml.ts';

/** Objects as several files claim them, and the one form that counts. */
export interface Claims {
  /** What a file holds now; undefined if the file is gone. Content with an error keeps what it no longer shows in its last form. */
  setFile(file: string, content: FileContent | undefined): void;
  /** Problems that belong to no single file's content (a folder that cannot be read), by any key. */
  setProblems(key: string, problems: readonly SourceProblem[]): void;
  /**
   * The step since the last call, undefined if nothing changed. A removal waits until the object was missing for
   * `graceMs`, because a file is often rewritten in two steps; `dueMs` is when to ask again.
   */
  take(nowMs: number): { readonly batch: SourceBatch | undefined; readonly dueMs: number | undefined };
}

interface FileClaims {
  readonly objects: ReadonlyMap<string, SourcedObject>;
  /** Objects of the last good form that the present, broken content does not show. */
  readonly held: ReadonlyMap<string, SourcedObject>;
  readonly problems: readonly SourceProblem[];
}

/**
 * The first file by path order that defines an object wins, so that the outcome depends on what is there and not on what
 * came first. An object that some file still defines is never held back by a broken one.
 */
export function createClaims(graceMs: number): Claims {
  const table: Table = { files: new Map(), claimants: new Map() };
  const touched = new Set<string>();
  const contested = new Set<string>();
  const loose = new Map<string, readonly SourceProblem[]>();
  const emission = createEmission(graceMs, (key) => winnerOf(table, key));
  let lastProblems: readonly SourceProblem[] = [];

  return {
    setFile(file, content) {
      const before = table.files.get(file);
      const after = content === undefined ? undefined : claimsOf(content, before);
      if (after === undefined) table.files.delete(file);
      else table.files.set(file, after);
      for (const key of keysOf(before)) {
        const among = table.claimants.get(key);
        among?.delete(file);
        if (among?.size === 0) table.claimants.delete(key);
        touched.add(key);
      }
      for (const key of keysOf(after)) {
        table.claimants.set(key, (table.claimants.get(key) ?? new Set()).add(file));
        touched.add(key);
      }
    },
    setProblems(key, problems) {
      if (problems.length === 0) loose.delete(key);
      else loose.set(key, problems);
    },
    take(nowMs) {
      for (const key of touched) {
        if (contentionOf(table, key).length > 0) contested.add(key);
        else contested.delete(key);
      }
      const { changed, removed, dueMs } = emission(touched, nowMs);
      touched.clear();
      const problems = sorted([
        ...[...loose.values()].flat(),
        ...[...table.files.values()].flatMap((claims) => claims.problems),
        ...[...contested].flatMap((key) => contentionOf(table, key)),
      ]);
      if (changed.length === 0 && removed.length === 0 && deepEqual(problems, lastProblems))
        return { batch: undefined, dueMs };
      lastProblems = problems;
      return { batch: { changed, removed, problems }, dueMs };
    },
  };
}

interface Table {
  readonly files: Map<string, FileClaims>;
  readonly claimants: Map<string, Set<string>>;
}

type Emission = (
  keys: Iterable<string>,
  nowMs: number,
) => { readonly changed: SourcedObject[]; readonly removed: ObjectRef[]; readonly dueMs: number | undefined };

/** Compares what counts now with what was handed on, and lets removals ripen. */
function createEmission(graceMs: number, winner: (key: string) => SourcedObject | undefined): Emission {
  const emitted = new Map<string, SourcedObject>();
  const missing = new Map<string, number>();
  return (keys, nowMs) => {
    const changed: SourcedObject[] = [];
    const removed: ObjectRef[] = [];
    for (const key of new Set([...keys, ...missing.keys()])) {
      const after = winner(key);
      const before = emitted.get(key);
      if (after === undefined && before !== undefined) {
        const since = missing.get(key) ?? nowMs;
        missing.set(key, since);
        if (nowMs - since < graceMs) continue;
        emitted.delete(key);
        removed.push(refOf(before.object));
      } else if (after !== undefined && !deepEqual(after, before)) {
        emitted.set(key, after);
        changed.push(after);
      }
      missing.delete(key);
    }
    return { changed, removed, dueMs: missing.size === 0 ? undefined : Math.min(...missing.values()) + graceMs };
  };
}

function winnerOf(table: Table, key: string): SourcedObject | undefined {
  const among = claimsOn(table, key);
  return among.find((claims) => claims.objects.has(key))?.objects.get(key) ?? among[0]?.held.get(key);
}

function claimsOn(table: Table, key: string): FileClaims[] {
  return [...(table.claimants.get(key) ?? [])].toSorted().flatMap((file) => table.files.get(file) ?? []);
}

/** What is to be said about an object that several files define, or none but a broken one. */
function contentionOf(table: Table, key: string): SourceProblem[] {
  const among = claimsOn(table, key);
  const [first, ...others] = among.flatMap((claims) => claims.objects.get(key) ?? []);
  if (first !== undefined) return others.map((other) => twice(other, first));
  const held = among[0]?.held.get(key);
  return held === undefined ? [] : [keptForm(held)];
}

function keysOf(claims: FileClaims | undefined): string[] {
  return claims === undefined ? [] : [...claims.objects.keys(), ...claims.held.keys()];
}

function claimsOf(content: FileContent, before: FileClaims | undefined): FileClaims {
  const objects = new Map<string, SourcedObject>();
  const problems = [...content.problems];
  for (const sourced of content.objects) {
    const key = refKey(refOf(sourced.object));
    const first = objects.get(key);
    if (first === undefined) objects.set(key, sourced);
    else problems.push(twice(sourced, first));
  }
  const held = new Map<string, SourcedObject>();
  if (content.problems.some((problem) => problem.level === 'error')) {
    for (const [key, sourced] of [...(before?.held ?? []), ...(before?.objects ?? [])]) {
      if (!objects.has(key)) held.set(key, sourced);
    }
  }
  return { objects, held, problems };
}

function sorted(problems: readonly SourceProblem[]): readonly SourceProblem[] {
  return problems.toSorted((a, b) => byText(a.file, b.file) || a.line - b.line || byText(a.message, b.message));
}

function twice({ object, origin }: SourcedObject, first: SourcedObject): SourceProblem {
  const ref = refOf(object);
  const message = `${refText(ref)} is defined at ${first.origin.file}:${first.origin.line} already; this definition is left out`;
  return {
    level: 'error',
    file: origin.file,
    line: origin.line,
    column: 1,
    object: ref,
    message,
    fix: 'remove one of the two',
  };
}

function keptForm({ object, origin }: SourcedObject): SourceProblem {
  const ref = refOf(object);
  const message = `${refText(ref)} is kept in its last good form, because the file has an error`;
  return { level: 'warning', file: origin.file, line: 1, column: 1, object: ref, message };
}
