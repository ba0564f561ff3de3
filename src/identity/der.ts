/** The few forms of DER (ITU-T X.690) that X.509 needs: written by functions, read by a bounded cursor. */

import { MizzenError } from '../base/error.ts';

/** ASN.1 tag bytes as certificates use them. */
export const tags = Object.freeze({
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
});

/** One element: its tag, what is in it, and the whole of it with tag and length. */
export interface DerElement {
  readonly tag: number;
  readonly content: Uint8Array;
  readonly whole: Uint8Array;
}

/** An element of any tag around the given parts. */
export function element(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const sizeBytes = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([Buffer.from([tag, ...lengthBytes(sizeBytes)]), ...parts]);
}

function lengthBytes(sizeBytes: number): number[] {
  if (sizeBytes < 0x80) return [sizeBytes];
  const bytes: number[] = [];
  for (let rest = sizeBytes; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return [0x80 | bytes.length, ...bytes];
}

/** SEQUENCE. */
export function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  return element(tags.sequence, ...parts);
}

/** A constructed element with a context tag: `[tagNumber]`. */
export function explicit(tagNumber: number, ...parts: readonly Uint8Array[]): Uint8Array {
  return element(0xa0 | tagNumber, ...parts);
}

/** A primitive element with a context tag: `[tagNumber] IMPLICIT`. */
export function implicit(tagNumber: number, content: Uint8Array): Uint8Array {
  return element(0x80 | tagNumber, content);
}

/** A non-negative INTEGER from its big-endian bytes, in the shortest form. */
export function unsignedInteger(bytes: Uint8Array): Uint8Array {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const magnitude = bytes.subarray(start);
  return (magnitude[0] ?? 0) >= 0x80
    ? element(tags.integer, Buffer.from([0]), magnitude)
    : element(tags.integer, magnitude);
}

/** BOOLEAN TRUE; DER leaves out what has its default, so FALSE is never written. */
export function booleanTrue(): Uint8Array {
  return element(tags.boolean, Buffer.from([0xff]));
}

/** OCTET STRING. */
export function octetString(...parts: readonly Uint8Array[]): Uint8Array {
  return element(tags.octetString, ...parts);
}

/** BIT STRING; `unusedBits` is the number of low bits of the last byte that do not count. */
export function bitString(bytes: Uint8Array, unusedBits = 0): Uint8Array {
  return element(tags.bitString, Buffer.from([unusedBits]), bytes);
}

/** UTF8String. */
export function utf8String(text: string): Uint8Array {
  return element(tags.utf8String, Buffer.from(text, 'utf8'));
}

/** OBJECT IDENTIFIER from its dotted form. */
export function oid(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return element(tags.oid, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(value: number): number[] {
  const bytes = [value & 0x7f];
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) bytes.unshift(0x80 | (rest & 0x7f));
  return bytes;
}

/** Time of a certificate: UTCTime up to 2049, then GeneralizedTime (RFC 5280, 4.1.2.5). Whole seconds. */
export function time(timeMs: number): Uint8Array {
  const digits = new Date(timeMs)
    .toISOString()
    .replace(/\.\d+Z$/u, 'Z')
    .replace(/[-:T]/gu, '');
  return Number(digits.slice(0, 4)) < 2050
    ? element(tags.utcTime, Buffer.from(digits.slice(2), 'ascii'))
    : element(tags.generalizedTime, Buffer.from(digits, 'ascii'));
}

/**
 * The elements that lie side by side in `bytes`. Fails with `der-invalid` on a length that is indefinite, not minimal
 * in its class, or reaches beyond the end; tags of more than one byte do not occur in what is read here.
 */
export function readElements(bytes: Uint8Array): readonly DerElement[] {
  const found: DerElement[] = [];
  for (let at = 0; at < bytes.length;) {
    const next = readElement(bytes.subarray(at));
    found.push(next);
    at += next.whole.length;
  }
  return found;
}

/** The first element in `bytes`; fails with `der-invalid` if there is none. */
export function readElement(bytes: Uint8Array): DerElement {
  const [tag, first] = bytes;
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) throw invalid();
  const lengthSize = first < 0x80 ? 0 : first & 0x7f;
  if (first === 0x80 || lengthSize > 4) throw invalid();
  let sizeBytes = first < 0x80 ? first : 0;
  for (const byte of bytes.subarray(2, 2 + lengthSize)) sizeBytes = sizeBytes * 256 + byte;
  const start = 2 + lengthSize;
  if (start + sizeBytes > bytes.length) throw invalid();
  return { tag, content: bytes.subarray(start, start + sizeBytes), whole: bytes.subarray(0, start + sizeBytes) };
}

function invalid(): MizzenError {
  return new MizzenError('der-invalid', 'these bytes are not DER');
}
