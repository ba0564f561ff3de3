import { ProtoError } from './error.ts';

const firstCapacityBytes = 1 << 16;
/** A buffer that has grown beyond this is given back after use. */
const keptCapacityBytes = 4 << 20;
/** Above this a text goes through TextEncoder; below, a loop over its characters is faster. */
const longTextChars = 200;
const textEncoder = new TextEncoder();

/**
 * Protobuf's wire format written backwards into one growing buffer: the content of a message comes before its length,
 * so no length is ever patched or computed twice. Callers write the last field first, and value, length, tag.
 */
export class Writer {
  readonly #maxBytes: number;
  #buffer = new Uint8Array(firstCapacityBytes);
  #view = new DataView(this.#buffer.buffer);
  #at = firstCapacityBytes;

  /** Fails with `too-large` beyond `maxBytes`. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** How many bytes have been written. */
  get used(): number {
    return this.#buffer.length - this.#at;
  }

  /** Forgets what was written after `used` was `mark`. */
  rewind(mark: number): void {
    this.#at = this.#buffer.length - mark;
  }

  /** Forgets everything. */
  reset(): void {
    if (this.#buffer.length > keptCapacityBytes) this.#allocate(firstCapacityBytes);
    this.#at = this.#buffer.length;
  }

  /** A copy of what was written. */
  copy(): Uint8Array {
    return this.#buffer.slice(this.#at);
  }

  /** Unsigned, below 2^32. */
  varint(value: number): void {
    if (this.#at < 5) this.#grow(5);
    const buffer = this.#buffer;
    if (value < 0x80) {
      buffer[--this.#at] = value;
      return;
    }
    const size = value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5;
    let at = (this.#at -= size);
    let rest = value;
    while (rest >= 0x80) {
      buffer[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    buffer[at] = rest;
  }

  /** A safe integer or a bigint between -2^63 and 2^64 - 1, in two's complement. */
  varint64(value: number | bigint): void {
    if (value >= 0 && value < 0x100000000) {
      this.varint(Number(value));
      return;
    }
    if (this.#at < 10) this.#grow(10);
    let rest = BigInt.asUintN(64, BigInt(value));
    const bytes: number[] = [];
    for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    bytes.push(Number(rest));
    this.#at -= bytes.length;
    this.#buffer.set(bytes, this.#at);
  }

  fixed32(value: number): void {
    if (this.#at < 4) this.#grow(4);
    this.#at -= 4;
    this.#view.setUint32(this.#at, value >>> 0, true);
  }

  fixed64(value: number | bigint): void {
    if (this.#at < 8) this.#grow(8);
    this.#at -= 8;
    this.#view.setBigUint64(this.#at, BigInt.asUintN(64, BigInt(value)), true);
  }

  float(value: number): void {
    if (this.#at < 4) this.#grow(4);
    this.#at -= 4;
    this.#view.setFloat32(this.#at, value, true);
  }

  double(value: number): void {
    if (this.#at < 8) this.#grow(8);
    this.#at -= 8;
    this.#view.setFloat64(this.#at, value, true);
  }

  /** The bytes alone, no length. */
  raw(bytes: Uint8Array): void {
    if (this.#at < bytes.length) this.#grow(bytes.length);
    this.#at -= bytes.length;
    this.#buffer.set(bytes, this.#at);
  }

  /** A text as UTF-8 with its length before it. Fails with `wrong-value` for half of a surrogate pair. */
  text(value: string): void {
    const mark = this.used;
    if (value.length > longTextChars || !this.#ascii(value)) this.#utf8(value);
    this.varint(this.used - mark);
  }

  #ascii(value: string): boolean {
    const length = value.length;
    if (this.#at < length) this.#grow(length);
    const buffer = this.#buffer;
    const start = this.#at - length;
    for (let index = 0; index < length; index++) {
      const code = value.charCodeAt(index);
      if (code > 0x7f) return false;
      buffer[start + index] = code;
    }
    this.#at = start;
    return true;
  }

  #utf8(value: string): void {
    if (!value.isWellFormed()) throw new ProtoError('wrong-value', '', 'is not valid Unicode');
    const length = value.length;
    if (this.#at < length) this.#grow(length);
    const place = this.#buffer.subarray(this.#at - length, this.#at);
    const { read, written } = textEncoder.encodeInto(value, place);
    // As many bytes as characters, all of them read: it was ASCII, and lies where it must.
    if (read === length && written === length) this.#at -= length;
    else this.raw(textEncoder.encode(value));
  }

  #grow(byAtLeast: number): void {
    const old = this.#buffer.subarray(this.#at);
    const needed = old.length + byAtLeast;
    if (needed > this.#maxBytes) throw new ProtoError('too-large', '', `more than ${this.#maxBytes} bytes`);
    this.#allocate(Math.max(needed, 2 * this.#buffer.length));
    this.#at = this.#buffer.length - old.length;
    this.#buffer.set(old, this.#at);
  }

  #allocate(capacity: number): void {
    this.#buffer = new Uint8Array(capacity);
    this.#view = new DataView(this.#buffer.buffer);
  }
}
