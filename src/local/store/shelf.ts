import { refOf, type ObjectRef, type SourcedObject } from '../../schema/object.ts';
import { refKey } from '../../sources/source.ts';

/** Objects by kind and key, and who owns what. */
export interface Shelf {
  readonly byKind: Map<string, Map<string, SourcedObject>>;
  /** Keys of what an object owns, by the owner's uid. */
  readonly owned: Map<string, Set<string>>;
  count: number;
}

/** The object of a reference. */
export function find(shelf: Shelf, ref: ObjectRef): SourcedObject | undefined {
  return shelf.byKind.get(ref.kind)?.get(refKey(ref));
}

/** Puts an object in place of one with the same reference. */
export function place(shelf: Shelf, stored: SourcedObject): void {
  const ref = refOf(stored.object);
  const objects = shelf.byKind.get(ref.kind) ?? new Map<string, SourcedObject>();
  shelf.byKind.set(ref.kind, objects);
  if (!objects.has(refKey(ref))) shelf.count++;
  objects.set(refKey(ref), stored);
  for (const { uid } of stored.object.metadata.ownerReferences ?? []) {
    if (uid === undefined) continue;
    shelf.owned.set(uid, (shelf.owned.get(uid) ?? new Set()).add(refKey(ref)));
  }
}

/** Takes an object away and returns it. */
export function take(shelf: Shelf, ref: ObjectRef): SourcedObject | undefined {
  const stored = find(shelf, ref);
  if (stored === undefined) return undefined;
  shelf.byKind.get(ref.kind)?.delete(refKey(ref));
  shelf.count--;
  for (const { uid } of stored.object.metadata.ownerReferences ?? []) {
    const keys = shelf.owned.get(uid ?? '');
    keys?.delete(refKey(ref));
    if (keys?.size === 0) shelf.owned.delete(uid ?? '');
  }
  return stored;
}

/** What an owner owns. */
export function ownedBy(shelf: Shelf, uid: string): ObjectRef[] {
  return [...(shelf.owned.get(uid) ?? [])].map((key) => {
    const [kind = '', namespace = '', name = ''] = key.split('/');
    return { kind, namespace, name };
  });
}
