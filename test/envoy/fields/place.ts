/** Puts values into objects by the paths of the ledger: `spec.http[].match[].headers.*.exact`. */
import type { JsonObject, JsonValue } from '../../../src/base/json.ts';

/** Steps of a path: a name, `[]` for the first entry of a list, `*` for a key of a map. */
function stepsOf(path: string): readonly string[] {
  return path.split('.').flatMap((part) => {
    const [name = '', ...lists] = part.split('[]');
    return [name, ...lists.map(() => '[]')];
  });
}

/** The object with the value at the path; containers that are missing are made, keys of maps are called `key`. */
export function placed(object: JsonObject, path: string, value: JsonValue, key: string): JsonObject {
  return put(object, stepsOf(path), value, key) as JsonObject;
}

function put(at: JsonValue | undefined, steps: readonly string[], value: JsonValue, key: string): JsonValue {
  const [step, ...rest] = steps;
  if (step === undefined) return merged(at, value);
  if (step === '[]') {
    const list = Array.isArray(at) ? (at as readonly JsonValue[]) : [];
    return [put(list[0], rest, value, key), ...list.slice(1)];
  }
  const fields = typeof at === 'object' && at !== null && !Array.isArray(at) ? (at as JsonObject) : {};
  const name = step === '*' ? key : step;
  return { ...fields, [name]: put(fields[name], rest, value, key) };
}

/** Both, member by member; lists entry by entry; where both say something else, the second one. */
export function merged(a: JsonValue | undefined, b: JsonValue): JsonValue {
  if (Array.isArray(a) && Array.isArray(b) && b.some((entry) => typeof entry === 'object')) {
    const list = b as readonly JsonValue[];
    return [
      ...list.map((entry, i) => merged((a as readonly JsonValue[])[i], entry)),
      ...a.slice(list.length),
    ] as JsonValue;
  }
  if (!isRecord(a) || !isRecord(b)) return b;
  const members = Object.entries(b).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, merged(a[name], value)] as const],
  );
  return { ...a, ...Object.fromEntries(members) };
}

function isRecord(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
