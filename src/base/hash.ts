import { createHash } from 'node:crypto';
import { canonicalJson } from './json.ts';

/** A content hash: 16 bytes of SHA-256 as 22 characters of base64url. */
export type ContentHash = string;

/** Hash of several byte strings as if they were one. */
export function hashBytes(...parts: readonly Uint8Array[]): ContentHash {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest().subarray(0, 16).toString('base64url');
}

/** Hash of a text's UTF-8 bytes. */
export function hashText(text: string): ContentHash {
  return createHash('sha256').update(text).digest().subarray(0, 16).toString('base64url');
}

/** Hash of plain data; independent of key order. */
export function hashJson(value: unknown): ContentHash {
  return hashText(canonicalJson(value));
}
