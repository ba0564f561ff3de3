import { ProtoError, shown } from './error.ts';
import { kinds } from './table.ts';

const decimal = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?$/;
const wholeDecimal = /^-?\d{1,20}$/;
const maxFloat = 3.4028234663852886e38;

function wrong(value: unknown, wanted: string): ProtoError {
  return new ProtoError('wrong-value', '', `must be ${wanted}, not ${shown(value)}`);
}

/** A number from JSON: itself, or a decimal text. */
function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && decimal.test(value) ? Number(value) : undefined;
}

/** An integer of 32 bits, signed unless the kind says otherwise; JSON number or decimal text. Fails with `wrong-value`. */
export function toInt32(value: unknown, kind: number): number {
  const number = numberOf(value);
  const unsigned = kind === kinds.uint32 || kind === kinds.fixed32;
  const low = unsigned ? 0 : -0x80000000;
  const high = unsigned ? 0xffffffff : 0x7fffffff;
  if (number === undefined || !Number.isInteger(number) || number < low || number > high) {
    throw wrong(value, `a whole number from ${low} to ${high}`);
  }
  return number;
}

/**
 * An integer of 64 bits, signed unless the kind says otherwise, as a number where that is exact. JSON numbers beyond
 * 2^53 have lost digits already and are refused; texts carry all 64 bits. Fails with `wrong-value`.
 */
export function toInt64(value: unknown, kind: number): number | bigint {
  const unsigned = kind === kinds.uint64 || kind === kinds.fixed64;
  const number = numberOf(value);
  if (number !== undefined && Number.isSafeInteger(number)) {
    if (unsigned && number < 0) throw wrong(value, 'a whole number that is not negative');
    return number;
  }
  if (typeof value === 'string' && wholeDecimal.test(value)) {
    const big = BigInt(value);
    if (big === (unsigned ? BigInt.asUintN(64, big) : BigInt.asIntN(64, big))) return big;
  }
  throw wrong(value, unsigned ? 'a whole number below 2^64' : 'a whole number of 64 bits');
}

/** A floating-point number: JSON number, decimal text, "NaN", "Infinity", "-Infinity". Fails with `wrong-value`. */
export function toFloat(value: unknown, kind: number): number {
  if (value === 'NaN') return Number.NaN;
  if (value === 'Infinity') return Number.POSITIVE_INFINITY;
  if (value === '-Infinity') return Number.NEGATIVE_INFINITY;
  const number = numberOf(value);
  if (number === undefined || !Number.isFinite(number)) throw wrong(value, 'a number');
  if (kind === kinds.float && Math.abs(number) > maxFloat) throw wrong(value, 'a number of 32 bits');
  // JSON text cannot keep a negative zero, and equal JSON must give equal bytes.
  return number === 0 ? 0 : number;
}

/** A boolean. Fails with `wrong-value`. */
export function toBool(value: unknown): boolean {
  if (typeof value !== 'boolean') throw wrong(value, 'true or false');
  return value;
}

/** A text. Fails with `wrong-value`. */
export function toText(value: unknown): string {
  if (typeof value !== 'string') throw wrong(value, 'a text');
  return value;
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const sextets: Readonly<Record<string, number>> = Object.fromEntries([
  ...Array.from(alphabet, (letter, value) => [letter, value] as const),
  ['-', 62],
  ['_', 63],
]);

/** Bytes from base64, standard or URL alphabet, padded or not (RFC 4648). Fails with `wrong-value`. */
export function toBytes(value: unknown): Uint8Array {
  const text = toText(value);
  const content = text.replace(/={1,2}$/, '');
  if (content.length % 4 === 1) throw wrong(value, 'base64');
  const bytes = new Uint8Array(Math.floor((content.length * 3) / 4));
  let at = 0;
  let bits = 0;
  let count = 0;
  for (let index = 0; index < content.length; index++) {
    const sextet = sextets[content.charAt(index)];
    if (sextet === undefined) throw wrong(value, 'base64');
    bits = ((bits << 6) | sextet) & 0xffff;
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes[at++] = bits >> count;
    }
  }
  return bytes;
}

/** Base64 with the standard alphabet and padding (RFC 4648 §4). */
export function fromBytes(bytes: Uint8Array): string {
  let text = '';
  for (let index = 0; index < bytes.length; index += 3) {
    const [first = 0, second = 0, third = 0] = bytes.subarray(index, index + 3);
    const bits = (first << 16) | (second << 8) | third;
    const left = bytes.length - index;
    text += alphabet.charAt(bits >> 18) + alphabet.charAt((bits >> 12) & 63);
    text += left > 1 ? alphabet.charAt((bits >> 6) & 63) : '=';
    text += left > 2 ? alphabet.charAt(bits & 63) : '=';
  }
  return text;
}
