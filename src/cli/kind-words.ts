import type { MizzenError } from '../base/error.ts';
import { kindNamed, kinds, type Kind } from '../schema/index.ts';
import { unknownWord } from './usage-error.ts';

/** Every word that names a kind: name, plural, short names, in lower case. */
export function kindWords(): readonly string[] {
  return kinds.flatMap(({ kind, plural, shortNames }) => [kind.toLowerCase(), plural, ...shortNames]);
}

/** The kind that a word names, as kubectl takes it (`vs`, `virtualservices.networking.istio.io`). Throws `usage` for none. */
export function kindOfWord(word: string): Kind {
  const dot = word.indexOf('.');
  const name = dot < 0 ? word : word.slice(0, dot);
  const group = dot < 0 ? undefined : word.slice(dot + 1);
  const found =
    group === undefined ? kindNamed(name) : kinds.find((kind) => kind.group === group && hasName(kind, name));
  if (found === undefined) throw unknownKind(word, kindWords());
  return found;
}

function hasName({ kind, plural, shortNames }: Kind, name: string): boolean {
  return [kind.toLowerCase(), plural, ...shortNames].includes(name.toLowerCase());
}

/** The error for a word that names no kind. */
export function unknownKind(word: string, known: readonly string[]): MizzenError {
  return unknownWord('kind', word, known);
}
