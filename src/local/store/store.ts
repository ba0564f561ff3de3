import { deepEqual, deepFreeze } from '../../base/json.ts';
import { MizzenError } from '../../base/error.ts';
import { refOf, type KubeObject, type ObjectRef, type Origin, type SourcedObject } from '../../schema/object.ts';
import type { SourceProblem } from '../../sources/source.ts';
import type { WatchLine } from '../../sources/watch-line.ts';
import { find, ownedBy, place, take, type Shelf } from './shelf.ts';
import { checkSize, nextForm, timeText, type StoreOptions } from './stored-form.ts';

/** The objects of one mesh in memory: on one machine what the API server is in a cluster. */
export interface Store {
  /**
   * Creates or replaces an object and returns it as kept. uid, creationTimestamp, resourceVersion, generation and
   * deletionTimestamp are the store's; a status is kept if none is given. Equal content changes nothing.
   * Throws `object-too-large`, `too-many-objects`.
   */
  put(object: KubeObject, origin?: Origin): KubeObject;
  /** Replaces a status; false if the object is not there (any more) or is another one than `uid` says. */
  putStatus(ref: ObjectRef, status: unknown, uid?: string): boolean;
  /**
   * Removes an object and all that it owns. A Pod is only marked with a deletionTimestamp, for it has to end first;
   * `finalize` removes it. False if it is not there.
   */
  delete(ref: ObjectRef): boolean;
  /** Removes an object at once, whatever its kind, and all that it owns. */
  finalize(ref: ObjectRef): boolean;
  get(ref: ObjectRef): SourcedObject | undefined;
  /** Objects of a kind in the order in which they came; of all namespaces without one. */
  list(kind: string, namespace?: string): readonly KubeObject[];
  /** Kinds of which there is any object, sorted. */
  kinds(): readonly string[];
  /** Calls with all objects, `SYNCED`, and then each change as it happens. Returns what ends it. */
  watch(listener: (line: WatchLine) => void): () => void;
  /** Replaces the problems that `from` (files, a controller) has to tell. */
  setProblems(from: string, problems: readonly SourceProblem[]): void;
  problems(): readonly SourceProblem[];
  /** The resourceVersion of the latest change. */
  revision(): number;
}

const maxObjects = 100_000;
const noOrigin: Origin = Object.freeze({ file: 'local', line: 1 });

/** An empty store. */
export function createStore(options: StoreOptions): Store {
  const shelf: Shelf = { byKind: new Map(), owned: new Map(), count: 0 };
  const audience = createAudience(shelf);
  return { ...createWriting(shelf, audience, options), ...createReading(shelf), ...audience.store };
}

type Writing = Pick<Store, 'put' | 'putStatus' | 'delete' | 'finalize' | 'revision'>;

function createWriting(shelf: Shelf, { emit }: Audience, options: StoreOptions): Writing {
  let revision = 0;
  const save = (type: 'ADDED' | 'MODIFIED', object: KubeObject, origin: Origin): KubeObject => {
    const metadata = { ...object.metadata, resourceVersion: String(++revision) };
    const stored = deepFreeze({ object: { ...object, metadata }, origin });
    place(shelf, stored);
    emit({ type, ...stored });
    return stored.object;
  };
  const finalize = (ref: ObjectRef): boolean => {
    const stored = take(shelf, ref);
    if (stored === undefined) return false;
    revision++;
    emit({ type: 'DELETED', ...stored });
    for (const owned of ownedBy(shelf, stored.object.metadata.uid ?? '')) remove(owned);
    return true;
  };
  const remove = (ref: ObjectRef): boolean => {
    const stored = find(shelf, ref);
    if (stored === undefined || ref.kind !== 'Pod') return finalize(ref);
    const { object, origin } = stored;
    if (object.metadata.deletionTimestamp === undefined) {
      const metadata = { ...object.metadata, deletionTimestamp: timeText(options.now()) };
      save('MODIFIED', { ...object, metadata }, origin);
    }
    return true;
  };
  return {
    delete: remove,
    finalize,
    revision: () => revision,
    put(given, origin = noOrigin) {
      const before = find(shelf, refOf(given));
      if (before === undefined && shelf.count >= maxObjects) {
        throw new MizzenError('too-many-objects', `there are ${maxObjects} objects already`);
      }
      const after = nextForm(given, before?.object, options);
      checkSize(after);
      if (before === undefined) return save('ADDED', after, origin);
      if (!deepEqual(after, before.object)) return save('MODIFIED', after, origin);
      if (!deepEqual(origin, before.origin)) {
        // Only the place is another one: whoever tells places hears of it, the version stays.
        const moved = deepFreeze({ object: before.object, origin });
        place(shelf, moved);
        emit({ type: 'MODIFIED', ...moved });
      }
      return before.object;
    },
    putStatus(ref, status, uid) {
      const stored = find(shelf, ref);
      if (stored === undefined || (uid !== undefined && uid !== stored.object.metadata.uid)) return false;
      const after = { ...stored.object, status };
      checkSize(after);
      if (!deepEqual(after, stored.object)) save('MODIFIED', after, stored.origin);
      return true;
    },
  };
}

function createReading(shelf: Shelf): Pick<Store, 'get' | 'list' | 'kinds'> {
  return {
    kinds: () =>
      [...shelf.byKind]
        .filter(([, objects]) => objects.size > 0)
        .map(([kind]) => kind)
        .toSorted(),
    get: (ref) => find(shelf, ref),
    list: (kind, namespace) =>
      [...(shelf.byKind.get(kind)?.values() ?? [])]
        .map(({ object }) => object)
        .filter((object) => namespace === undefined || object.metadata.namespace === namespace),
  };
}

interface Audience {
  readonly emit: (line: WatchLine) => void;
  readonly store: Pick<Store, 'watch' | 'setProblems' | 'problems'>;
}

function createAudience(shelf: Shelf): Audience {
  const listeners = new Set<(line: WatchLine) => void>();
  const problems = new Map<string, readonly SourceProblem[]>();
  const all = (): readonly SourceProblem[] => [...problems.values()].flat();
  const emit = (line: WatchLine): void => {
    for (const listener of listeners) listener(line);
  };
  return {
    emit,
    store: {
      problems: all,
      watch(listener) {
        for (const objects of shelf.byKind.values()) {
          for (const stored of objects.values()) listener({ type: 'ADDED', ...stored });
        }
        listener({ type: 'PROBLEMS', problems: all() });
        listener({ type: 'SYNCED' });
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
      setProblems(from, given) {
        if (deepEqual(problems.get(from) ?? [], given)) return;
        problems.set(from, deepFreeze(given));
        emit({ type: 'PROBLEMS', problems: all() });
      },
    },
  };
}
