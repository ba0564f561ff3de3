/** Members of Envoy's JSON, by their kind. */
import type { JsonObject, JsonValue } from '../base/json.ts';

/** A member that is an object; an empty one where there is none. */
export function objectAt(from: JsonObject | undefined, name: string): JsonObject {
  return asObject(from?.[name]) ?? {};
}

/** A member that is a list of objects; empty where there is none. */
export function listAt(from: JsonObject | undefined, name: string): readonly JsonObject[] {
  const value = from?.[name];
  return Array.isArray(value)
    ? value.map((entry: JsonValue) => asObject(entry)).filter((entry) => entry !== undefined)
    : [];
}

/** A member that is a list of texts; empty where there is none. */
export function textsAt(from: JsonObject | undefined, name: string): readonly string[] {
  const value = from?.[name];
  return Array.isArray(value) ? value.filter((entry): entry is string => typeof entry === 'string') : [];
}

/** A member that is text; empty where there is none. */
export function textAt(from: JsonObject | undefined, name: string): string {
  const value = from?.[name];
  return typeof value === 'string' ? value : '';
}

/** A member that is a number; `undefined` where there is none. */
export function numberAt(from: JsonObject | undefined, name: string): number | undefined {
  const value = from?.[name];
  return typeof value === 'number' ? value : undefined;
}

function asObject(value: JsonValue | undefined): JsonObject | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
}
