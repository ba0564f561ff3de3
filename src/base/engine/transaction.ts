import type { Input } from './definitions.ts';
import type { AnyInput, Changes } from './store.ts';

/** Changes of one batch. What is set last for a key counts. */
export interface Transaction {
  /** Sets a value; `undefined` removes. */
  set<V>(input: Input<V>, key: string, value: V): void;
  /** Removes a value; of a key that is not set it changes nothing. */
  remove<V>(input: Input<V>, key: string): void;
}

/** Runs the callback and gives what it asked for; nothing if it throws. */
export function collectChanges(change: (transaction: Transaction) => void): Changes {
  const changes = new Map<AnyInput, Map<string, unknown>>();
  let open = true;
  const put = (input: AnyInput, key: string, value: unknown): void => {
    if (!open) throw new Error('a transaction is written only while its callback runs');
    const family = changes.get(input);
    if (family === undefined) changes.set(input, new Map([[key, value]]));
    else family.set(key, value);
  };
  change({ set: put, remove: (input, key) => put(input, key, undefined) });
  open = false;
  return changes;
}
