import { ProtoError } from './error.ts';
import { wires } from './table.ts';

const textDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** Below this a loop over the bytes is faster than TextDecoder. */
const shortTextBytes = 24;

/** Reads protobuf's wire format. Every read checks the bounds and fails with `wrong-bytes`. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = start;
    this.#end = end;
  }

  /** True while there is something left. */
  get more(): boolean {
    return this.#at < this.#end;
  }

  /** Field number and wire type. */
  tag(): number {
    const tag = this.varint32();
    if (tag >>> 3 === 0) throw new ProtoError('wrong-bytes', '', 'a field with number 0');
    return tag;
  }

  /** The low 32 bits of a varint, unsigned. */
  varint32(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#byte();
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw new ProtoError('wrong-bytes', '', 'a varint of more than ten bytes');
  }

  /** All 64 bits of a varint, unsigned. */
  varint64(): bigint {
    let low = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.#byte();
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt(low);
    }
    let value = BigInt(low);
    for (let shift = 28n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new ProtoError('wrong-bytes', '', 'a varint of more than ten bytes');
  }

  fixed32(): number {
    return this.#view.getUint32(this.#skip(4), true);
  }

  fixed64(): bigint {
    return this.#view.getBigUint64(this.#skip(8), true);
  }

  float(): number {
    return this.#view.getFloat32(this.#skip(4), true);
  }

  double(): number {
    return this.#view.getFloat64(this.#skip(8), true);
  }

  /** Bytes with a length before them, as a view into the message. */
  bytes(): Uint8Array {
    const length = this.varint32();
    const start = this.#skip(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** A reader of the bytes with a length before them. */
  nested(): Reader {
    const length = this.varint32();
    const start = this.#skip(length);
    return new Reader(this.#bytes, start, start + length);
  }

  /** A text of valid UTF-8. */
  text(): string {
    const bytes = this.bytes();
    if (bytes.length <= shortTextBytes) {
      const short = ascii(bytes);
      if (short !== undefined) return short;
    }
    try {
      return textDecoder.decode(bytes);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      throw new ProtoError('wrong-bytes', '', 'a text that is not UTF-8');
    }
  }

  /** Passes over the value of a field that is not known. Groups, which Envoy does not use, are refused. */
  skipValue(wire: number): void {
    switch (wire) {
      case wires.varint:
        this.varint32();
        return;
      case wires.fixed64:
        this.#skip(8);
        return;
      case wires.bytes:
        this.#skip(this.varint32());
        return;
      case wires.fixed32:
        this.#skip(4);
        return;
      default:
        throw new ProtoError('wrong-bytes', '', `wire type ${wire}`);
    }
  }

  #byte(): number {
    const byte = this.#at < this.#end ? this.#bytes[this.#at++] : undefined;
    if (byte === undefined) throw new ProtoError('wrong-bytes', '', 'ends too early');
    return byte;
  }

  /** Moves on by `length` and gives where that began. */
  #skip(length: number): number {
    const start = this.#at;
    if (length > this.#end - start) throw new ProtoError('wrong-bytes', '', 'ends too early');
    this.#at = start + length;
    return start;
  }
}

function ascii(bytes: Uint8Array): string | undefined {
  let text = '';
  for (const byte of bytes) {
    if (byte > 0x7f) return undefined;
    text += String.fromCharCode(byte);
  }
  return text;
}
