/** IP addresses as bits. */

/** True if the range `prefix/lengthBits` covers the address. */
export function inRange(address: string, prefix: string, lengthBits: number): boolean {
  const [a, b] = [bytesOf(address), bytesOf(prefix)];
  if (a === undefined || b?.length !== a.length) return false;
  return bitsOf(a).slice(0, lengthBits) === bitsOf(b).slice(0, lengthBits);
}

/** True if both texts mean one address. */
export function sameAddress(a: string, b: string): boolean {
  const [x, y] = [bytesOf(a), bytesOf(b)];
  return x !== undefined && y !== undefined && bitsOf(x) === bitsOf(y);
}

/** An address or range as text. */
export interface AddressRange {
  /** First address of the range; the text as it was where it is no address. */
  readonly prefix: string;
  readonly lengthBits: number;
}

/** Reads `address` or `address/length`; bits behind the length are cleared, so that equal ranges are equal texts. */
export function rangeOf(text: string): AddressRange {
  const [address = '', length] = text.split('/', 2);
  const bytes = bytesOf(address);
  const whole = (bytes?.length ?? 4) * 8;
  const lengthBits = length === undefined ? whole : Number(length);
  if (bytes === undefined || lengthBits >= whole) return { prefix: address, lengthBits };
  const kept = bytes.map((byte, i) => byte & (0xff << Math.max(0, Math.min(8, (i + 1) * 8 - lengthBits))) & 0xff);
  return { prefix: textOf(kept), lengthBits };
}

/** True for a range of more than one address. */
export function isWide(text: string): boolean {
  const { prefix, lengthBits } = rangeOf(text);
  return lengthBits < (prefix.includes(':') ? 128 : 32);
}

function bitsOf(bytes: readonly number[]): string {
  return bytes.map((byte) => byte.toString(2).padStart(8, '0')).join('');
}

function textOf(bytes: readonly number[]): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[i * 2] ?? 0) << 8) | (bytes[i * 2 + 1] ?? 0));
  const end = groups.findLastIndex((group) => group !== 0) + 1;
  const text = groups
    .slice(0, Math.max(end, 1))
    .map((group) => group.toString(16))
    .join(':');
  return end >= 7 ? groups.map((group) => group.toString(16)).join(':') : `${end === 0 ? '' : text}::`;
}

function bytesOf(text: string): readonly number[] | undefined {
  if (!text.includes(':')) {
    const parts = text.split('.').map(Number);
    return parts.length === 4 && parts.every((part) => part >= 0 && part <= 255) ? parts : undefined;
  }
  const [head = '', tail] = text.split('::', 2);
  const groups = (part: string): readonly string[] => (part === '' ? [] : part.split(':'));
  const [front, back] = [groups(head), groups(tail ?? '')];
  const gap = tail === undefined ? 0 : 8 - front.length - back.length;
  if (gap < 0) return undefined;
  const all = [...front, ...Array.from({ length: gap }, () => '0'), ...back].map((group) => Number.parseInt(group, 16));
  return all.length === 8 && all.every((group) => group >= 0 && group <= 0xffff)
    ? all.flatMap((group) => [group >> 8, group & 0xff])
    : undefined;
}
