import { canonicalJson } from '../json.ts';
import type { QueryKey } from './definitions.ts';

/** Keeps the texts of objects apart from keys that are strings. */
const objectPrefix = '\u0000';

/** The text that identifies a key within its query: equal data, equal text. */
export function keyText(key: QueryKey): string {
  return typeof key === 'string' ? key : objectPrefix + canonicalJson(key);
}
