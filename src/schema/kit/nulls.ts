/** Fields that are written without a value. Kubernetes counts them as absent (`labels:` with nothing behind it). */
import type { Node } from './node.ts';
import { isRecord } from '../../base/json.ts';

/** The value without its null fields; the same value where there are none. `found` hears the path of each that is dropped. */
export function withoutNulls(
  node: Node,
  value: unknown,
  path: readonly (string | number)[],
  found: (path: readonly (string | number)[]) => void,
): unknown {
  if (path.length > 100) return value;
  switch (node.type) {
    case 'list':
      return Array.isArray(value)
        ? changedList(value, (entry, i) => withoutNulls(node.item, entry, [...path, i], found))
        : value;
    case 'map':
      return isRecord(value)
        ? changedObject(value, (entry, name) =>
            entry === null && node.nullIsEmpty === true ? '' : withoutNulls(node.value, entry, [...path, name], found),
          )
        : value;
    case 'object': {
      if (!isRecord(value)) return value;
      return changedObject(value, (entry, name) => {
        const field = Object.hasOwn(node.fields, name) ? node.fields[name] : undefined;
        if (field === undefined) return entry;
        if (entry !== null) return withoutNulls(field.schema, entry, [...path, name], found);
        found([...path, name]);
        return undefined;
      });
    }
    case 'string':
    case 'number':
    case 'duration':
    case 'boolean':
    case 'intOrString':
    case 'quantity':
    case 'any':
      return value;
  }
}

function changedList(list: readonly unknown[], change: (entry: unknown, i: number) => unknown): readonly unknown[] {
  const changed = list.map(change);
  return changed.some((entry, i) => entry !== list[i]) ? changed : list;
}

function changedObject(
  value: Readonly<Record<string, unknown>>,
  change: (entry: unknown, name: string) => unknown,
): Readonly<Record<string, unknown>> {
  let copy: Record<string, unknown> | undefined;
  for (const [name, entry] of Object.entries(value)) {
    const after = change(entry, name);
    if (after === entry) continue;
    copy ??= { ...value };
    if (after === undefined) Reflect.deleteProperty(copy, name);
    else copy[name] = after;
  }
  return copy ?? value;
}
