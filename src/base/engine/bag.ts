/**
 * A set of objects that costs nothing while empty and one word while it holds one. Most cells have one or two readers;
 * a `Set` for each would be the larger part of a cell.
 */
export type Bag<T extends object> = undefined | T | T[] | Set<T>;

const arrayLimit = 8;

/** The bag with `item` in it. The argument must not be used afterwards. */
export function bagAdd<T extends object>(bag: Bag<T>, item: T): Bag<T> {
  if (bag === undefined || bag === item) return item;
  if (bag instanceof Set) return bag.add(item);
  if (!Array.isArray(bag)) return [bag, item];
  if (bag.includes(item)) return bag;
  if (bag.length >= arrayLimit) return new Set(bag).add(item);
  // Pushing would leave room for sixteen more.
  return bag.concat([item]);
}

/** The bag without `item`. The argument must not be used afterwards. */
export function bagRemove<T extends object>(bag: Bag<T>, item: T): Bag<T> {
  if (bag === undefined || bag === item) return undefined;
  if (bag instanceof Set) {
    bag.delete(item);
    return bag.size === 0 ? undefined : bag;
  }
  if (!Array.isArray(bag)) return bag;
  const at = bag.indexOf(item);
  if (at < 0) return bag;
  const last = bag.pop();
  if (at < bag.length && last !== undefined) bag[at] = last;
  return bag.length === 1 ? bag[0] : bag;
}

/** Calls `visit` for each item, in no order that matters. */
export function bagEach<T extends object>(bag: Bag<T>, visit: (item: T) => void): void {
  if (bag === undefined) return;
  if (bag instanceof Set || Array.isArray(bag)) for (const item of bag) visit(item);
  else visit(bag);
}

/** Number of items. */
export function bagSize<T extends object>(bag: Bag<T>): number {
  if (bag === undefined) return 0;
  if (bag instanceof Set) return bag.size;
  return Array.isArray(bag) ? bag.length : 1;
}
