import { hashText } from '../../base/hash.ts';

/** Letters of generated names, as Kubernetes has them: no vowels, so no words, and nothing that looks like something else. */
const letters = 'bcdfghjklmnpqrstvwxz2456789';

/** Longest name of a pod: it is a host's name too. */
const maxNameLength = 63;

/** A text's hash in letters that a name may have. */
export function safeHash(text: string, length: number): string {
  const hash = hashText(text);
  let out = '';
  for (let i = 0; i < length; i++)
    out += letters[(hash.charCodeAt(i) * 31 + hash.charCodeAt(i + 1)) % letters.length] ?? '';
  return out;
}

/** Letters at random; `random` gives numbers from 0 to below 1. */
export function safeRandom(random: () => number, length: number): string {
  return Array.from({ length }, () => letters[Math.floor(random() * letters.length)] ?? '').join('');
}

/** A base and an ending joined by `-`, the base cut so that the whole is a host's name. */
export function boundedName(base: string, ending: string): string {
  return `${base.slice(0, maxNameLength - ending.length - 1).replace(/[-.]+$/u, '')}-${ending}`;
}
