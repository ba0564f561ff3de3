import type { ObjectRef } from '../schema/object.ts';

/** Name of the file that `apply` writes for an object; names of objects hold nothing that a file name may not. */
export function appliedName(ref: ObjectRef): string {
  return `${[ref.kind.toLowerCase(), ref.namespace, ref.name].filter((part) => part !== '').join('-')}.yaml`;
}
