import { canonicalJson } from '../json.ts';
import type { QueryKey } from './definitions.ts';

/** Separates the texts of objects from keys that are strings. */
const objectPrefix = '\u0000';

/** The text that identifies a key within its query: equal data, equal text. */
export function keyText(key: QueryKey): string {
  if (typeof key === 'string') return key;
  return flatText(key) ?? objectPrefix + canonicalJson(key);
}

/** The same text for an object whose members are all strings, which most keys are: several times faster. */
function flatText(key: object): string | undefined {
  if (Array.isArray(key)) return undefined;
  const members = Object.entries(key);
  let text = `${objectPrefix}{`;
  let last = '';
  for (const [i, [name, value]] of members.entries()) {
    if (typeof value !== 'string' || name < last || isIndexLike(name)) return undefined;
    last = name;
    text += `${i === 0 ? '' : ','}${JSON.stringify(name)}:${JSON.stringify(value)}`;
  }
  return `${text}}`;
}

/** Names that look like numbers come first in an object whatever the order of writing, also in canonical text. */
function isIndexLike(name: string): boolean {
  const first = name.charCodeAt(0);
  return first >= 48 && first <= 57;
}
