import { deepFreeze } from '../base/json.ts';
import type { KubeObject, ObjectRef, SourcedObject } from '../schema/object.ts';
import { refOf } from '../schema/object.ts';
import { refKey, type Source, type SourceBatch, type SourceProblem } from './source.ts';

/** A source that is told what it holds: for tests, previews and parts of a larger program. */
export interface MemorySource extends Source {
  put(...objects: readonly (KubeObject | SourcedObject)[]): void;
  remove(...refs: readonly ObjectRef[]): void;
  setProblems(problems: readonly SourceProblem[]): void;
}

/** Holds what it is given; every call is a batch of its own, handed on at once. */
export function createMemorySource(initial: readonly (KubeObject | SourcedObject)[] = []): MemorySource {
  const objects = new Map<string, SourcedObject>();
  let problems: readonly SourceProblem[] = [];
  let listener: ((batch: SourceBatch) => void) | undefined;
  const { promise: synced, resolve } = Promise.withResolvers<void>();

  const keep = (given: readonly (KubeObject | SourcedObject)[]): SourcedObject[] => {
    const changed = given.map(placed);
    for (const sourced of changed) objects.set(refKey(refOf(sourced.object)), sourced);
    return changed;
  };
  keep(initial);
  return {
    synced,
    start(given) {
      listener = given;
      given({ changed: [...objects.values()], removed: [], problems });
      resolve();
    },
    stop() {
      listener = undefined;
      return Promise.resolve();
    },
    put(...given) {
      listener?.({ changed: keep(given), removed: [], problems });
    },
    remove(...refs) {
      const removed = refs.filter((ref) => objects.delete(refKey(ref)));
      listener?.({ changed: [], removed, problems });
    },
    setProblems(given) {
      problems = given;
      listener?.({ changed: [], removed: [], problems });
    },
  };
}

function placed(given: KubeObject | SourcedObject): SourcedObject {
  return deepFreeze('origin' in given ? given : { object: given, origin: { file: 'memory', line: 1 } });
}
