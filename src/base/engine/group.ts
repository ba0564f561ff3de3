import { byText } from '../order.ts';

/** The content of an index cell: what belongs to it, sorted by key. Never written once made. */
export interface Group {
  readonly keys: readonly string[];
  /** Frozen, because queries get it as it is. */
  readonly values: readonly unknown[];
}

/** What happens to a key: its new value, or `undefined` if it goes. */
export type GroupChanges = ReadonlyMap<string, { readonly value: unknown } | undefined>;

/** The group that holds nothing. */
export const emptyGroup: Group = Object.freeze({ keys: Object.freeze([]), values: Object.freeze([]) });

/** The group after the changes; costs the size of both. */
export function changeGroup(group: Group, changes: GroupChanges): Group {
  const keys: string[] = [];
  const values: unknown[] = [];
  let at = 0;
  const copyUntil = (stop: string | undefined): void => {
    for (let key = group.keys[at]; key !== undefined && (stop === undefined || key < stop); key = group.keys[++at]) {
      keys.push(key);
      values.push(group.values[at]);
    }
  };
  for (const key of [...changes.keys()].sort(byText)) {
    copyUntil(key);
    if (group.keys[at] === key) at++;
    const change = changes.get(key);
    if (change === undefined) continue;
    keys.push(key);
    values.push(change.value);
  }
  copyUntil(undefined);
  return keys.length === 0 ? emptyGroup : { keys: Object.freeze(keys), values: Object.freeze(values) };
}
