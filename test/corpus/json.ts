import { readFileSync } from 'node:fs';

/** A JSON file as an object; throws where it is none. */
export function readJson(path: string): Readonly<Record<string, unknown>> {
  return recordOf(JSON.parse(readFileSync(path, 'utf8')), path);
}

/** The value as an object with named members; throws where it is none. */
export function recordOf(value: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError(`${where}: no object`);
  return { ...value };
}

/** A member that is text; empty where it is absent. */
export function textOf(record: Readonly<Record<string, unknown>>, name: string): string {
  const value = record[name];
  return typeof value === 'string' ? value : '';
}
