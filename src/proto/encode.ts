import { ProtoError, shown, within } from './error.ts';
import { isObject } from './json.ts';
import { toBool, toBytes, toFloat, toInt32, toInt64, toText } from './scalar.ts';
import { kinds, shapes, wireOf, wires, type FieldType, type MessageType, type Types } from './table.ts';
import { writeFieldMask, writeList, writeSecondsNanos, writeStruct, writeValue } from './well-known.ts';
import { parseDuration, parseTimestamp } from './time.ts';
import type { Writer } from './writer.ts';

/** Messages within messages beyond this are refused, as Envoy itself does at 100. */
export const maxDepth = 100;

/** Tag of the value of a map entry is field 2; of its key, field 1. */
const entryKey = 1 << 3;
const entryValue = 2 << 3;
const anyUrlTag = (1 << 3) | wires.bytes;
const anyValueTag = (2 << 3) | wires.bytes;

/**
 * Canonical proto JSON to bytes over the table. Fields are written in the order of their numbers and maps in the order
 * of their keys, so equal content gives equal bytes whatever the order of the JSON's keys.
 */
export class Encoder {
  readonly #types: Types;
  readonly #writer: Writer;
  // Fields found in the messages being written; one stack for all levels, so that no message needs a list of its own.
  readonly #fields: FieldType[] = [];
  readonly #values: unknown[] = [];
  #top = 0;

  constructor(types: Types, writer: Writer) {
    this.#types = types;
    this.#writer = writer;
  }

  /** A whole message. Fails with a ProtoError that names the path. */
  encode(type: MessageType, json: unknown): Uint8Array {
    this.#start();
    this.#message(type, json, 0);
    return this.#writer.copy();
  }

  /**
   * One field with tag and length as it stands in its message; of a repeated field one element. An implicit default is
   * written all the same. Fails with a ProtoError that names the path.
   */
  encodeField(type: MessageType, name: string, json: unknown): Uint8Array {
    const field = type.byName.get(name);
    if (field === undefined) throw new ProtoError('unknown-field', name, `unknown field of ${type.name}`);
    if (field.shape === shapes.map || field.shape === shapes.packed) {
      throw new ProtoError('wrong-value', name, 'has no single element to write');
    }
    this.#start();
    try {
      this.#element(field, json, 0);
    } catch (error) {
      throw within(error, field.name);
    }
    return this.#writer.copy();
  }

  #start(): void {
    this.#writer.reset();
    this.#top = 0;
  }

  #message(type: MessageType, json: unknown, depth: number): void {
    if (depth > maxDepth) throw new ProtoError('too-deep', '', `more than ${maxDepth} messages within each other`);
    const writer = this.#writer;
    switch (type.form) {
      case 'fields':
        if (!isObject(json))
          throw new ProtoError('wrong-value', '', `must be an object (${type.name}), not ${shown(json)}`);
        this.#content(type, json, { depth, inAny: false });
        return;
      case 'any':
        this.#any(json, depth);
        return;
      case 'wrapper':
        this.#wrapper(type, json);
        return;
      case 'duration':
        writeSecondsNanos(writer, parseDuration(json));
        return;
      case 'timestamp':
        writeSecondsNanos(writer, parseTimestamp(json));
        return;
      case 'field-mask':
        writeFieldMask(writer, json);
        return;
      case 'struct':
        writeStruct(writer, json, maxDepth - depth);
        return;
      case 'value':
        writeValue(writer, json, maxDepth - depth);
        return;
      case 'list':
        writeList(writer, json, maxDepth - depth);
    }
  }

  #content(type: MessageType, json: Readonly<Record<string, unknown>>, at: { depth: number; inAny: boolean }): void {
    const base = this.#top;
    this.#collect(type, json, at.inAny);
    let index = this.#top;
    try {
      while (index > base) {
        index--;
        const field = this.#fields[index];
        if (field !== undefined) this.#field(field, this.#values[index], at.depth);
        this.#values[index] = undefined;
      }
    } catch (error) {
      throw within(error, this.#fields[index]?.name ?? '');
    }
    this.#top = base;
  }

  /** Pushes the fields that are present in ascending order of their numbers. */
  #collect(type: MessageType, json: Readonly<Record<string, unknown>>, inAny: boolean): void {
    const fields = this.#fields;
    const values = this.#values;
    const base = this.#top;
    let oneofs = 0;
    for (const key of Object.keys(json)) {
      const value = json[key];
      if (value === undefined || (inAny && key === '@type')) continue;
      const field = type.byName.get(key);
      if (field === undefined) throw new ProtoError('unknown-field', key, `unknown field of ${type.name}`);
      if (value === null && !takesNull(field)) continue;
      let at = this.#top++;
      for (; at > base; at--) {
        const before = fields[at - 1];
        if (before === undefined || before.number < field.number) break;
        if (before === field) throw new ProtoError('two-members', field.name, 'is given twice');
        fields[at] = before;
        values[at] = values[at - 1];
      }
      fields[at] = field;
      values[at] = value;
      if (field.oneof !== '') oneofs++;
    }
    if (oneofs > 1) this.#refuseTwoMembers(base);
  }

  #refuseTwoMembers(base: number): void {
    const members = new Map<string, FieldType>();
    for (const field of this.#fields.slice(base, this.#top)) {
      const other = members.get(field.oneof);
      if (field.oneof !== '' && other !== undefined) {
        throw new ProtoError('two-members', field.name, `only one of ${other.name} and ${field.name} may be set`);
      }
      members.set(field.oneof, field);
    }
  }

  #field(field: FieldType, value: unknown, depth: number): void {
    switch (field.shape) {
      case shapes.implicit: {
        const mark = this.#writer.used;
        if (this.#scalar(field.kind, field.reference, value)) this.#writer.rewind(mark);
        else this.#writer.varint(field.tag);
        return;
      }
      case shapes.explicit:
        this.#element(field, value, depth);
        return;
      case shapes.map:
        this.#map(field, value, depth);
        return;
      default:
        this.#list(field, value, depth);
    }
  }

  #element(field: FieldType, value: unknown, depth: number): void {
    if (field.kind === kinds.message) this.#nested(field.reference, value, depth);
    else this.#scalar(field.kind, field.reference, value);
    this.#writer.varint(field.tag);
  }

  #nested(reference: string, value: unknown, depth: number): void {
    const mark = this.#writer.used;
    this.#message(this.#types.message(reference), value, depth + 1);
    this.#writer.varint(this.#writer.used - mark);
  }

  #list(field: FieldType, value: unknown, depth: number): void {
    if (!Array.isArray(value)) throw new ProtoError('wrong-value', '', `must be a list, not ${shown(value)}`);
    const elements: readonly unknown[] = value;
    const isPacked = field.shape === shapes.packed;
    const mark = this.#writer.used;
    let index = elements.length;
    try {
      while (index > 0) {
        index--;
        if (isPacked) this.#scalar(field.kind, field.reference, elements[index]);
        else this.#element(field, elements[index], depth);
      }
    } catch (error) {
      throw within(error, `[${index}]`);
    }
    if (isPacked && elements.length > 0) {
      this.#writer.varint(this.#writer.used - mark);
      this.#writer.varint(field.tag);
    }
  }

  #map(field: FieldType, value: unknown, depth: number): void {
    if (!isObject(value)) throw new ProtoError('wrong-value', '', `must be an object, not ${shown(value)}`);
    const writer = this.#writer;
    const keys = Object.keys(value).filter((key) => value[key] !== undefined);
    for (const key of keys.sort().reverse()) {
      const mark = writer.used;
      try {
        if (field.kind === kinds.message) this.#nested(field.reference, value[key], depth + 1);
        else this.#scalar(field.kind, field.reference, value[key]);
        writer.varint(entryValue | wireOf(field.kind));
        this.#scalar(field.keyKind, '', mapKey(field.keyKind, key));
        writer.varint(entryKey | wireOf(field.keyKind));
      } catch (error) {
        throw within(error, `[${JSON.stringify(key)}]`);
      }
      writer.varint(writer.used - mark);
      writer.varint(field.tag);
    }
  }

  /** Writes a value without its tag; true if it is the kind's default. */
  #scalar(kind: number, reference: string, value: unknown): boolean {
    const writer = this.#writer;
    switch (kind) {
      case kinds.string: {
        const text = toText(value);
        writer.text(text);
        return text === '';
      }
      case kinds.bool: {
        const flag = toBool(value);
        writer.varint(flag ? 1 : 0);
        return !flag;
      }
      case kinds.enum: {
        const number = this.#enumNumber(reference, value);
        writer.varint64(number);
        return number === 0;
      }
      case kinds.bytes: {
        const bytes = toBytes(value);
        writer.raw(bytes);
        writer.varint(bytes.length);
        return bytes.length === 0;
      }
      default:
        return writeNumber(writer, kind, value);
    }
  }

  #enumNumber(reference: string, value: unknown): number {
    if (typeof value === 'number') return toInt32(value, kinds.int32);
    // google.protobuf.NullValue, the only enum whose JSON is null.
    if (value === null && reference === nullValue) return 0;
    const number = typeof value === 'string' ? this.#types.enumeration(reference).numbers.get(value) : undefined;
    if (number === undefined)
      throw new ProtoError('wrong-value', '', `must be a value of ${reference}, not ${shown(value)}`);
    return number;
  }

  #wrapper(type: MessageType, json: unknown): void {
    const field = type.byNumber.get(1);
    if (field !== undefined) this.#field(field, json, 0);
  }

  /** https://protobuf.dev/programming-guides/json/#any; a type that is not in the table needs its bytes in base64. */
  #any(json: unknown, depth: number): void {
    if (!isObject(json)) throw new ProtoError('wrong-value', '', `must be an object with "@type", not ${shown(json)}`);
    const writer = this.#writer;
    const url = json['@type'];
    if (url === undefined && Object.keys(json).length === 0) return;
    if (typeof url !== 'string' || !url.includes('/')) {
      throw new ProtoError('wrong-value', '@type', `must be type.googleapis.com/ and a message, not ${shown(url)}`);
    }
    const name = url.slice(url.lastIndexOf('/') + 1);
    const type = this.#types.findMessage(name);
    const mark = writer.used;
    if (type === undefined) this.#unknownAny(name, json);
    else if (type.form === 'fields') this.#content(type, json, { depth: depth + 1, inAny: true });
    else this.#valueAny(type, json, depth);
    if (writer.used > mark) {
      writer.varint(writer.used - mark);
      writer.varint(anyValueTag);
    }
    writer.text(url);
    writer.varint(anyUrlTag);
  }

  #unknownAny(name: string, json: Readonly<Record<string, unknown>>): void {
    const { '@type': url, value, ...others } = json;
    if (typeof url !== 'string' || typeof value !== 'string' || Object.keys(others).length > 0) {
      throw new ProtoError('unknown-type', '@type', `no message ${name} in this Envoy`);
    }
    try {
      this.#writer.raw(toBytes(value));
    } catch (error) {
      throw within(error, 'value');
    }
  }

  #valueAny(type: MessageType, json: Readonly<Record<string, unknown>>, depth: number): void {
    for (const key of Object.keys(json)) {
      if (key !== '@type' && key !== 'value')
        throw new ProtoError('unknown-field', key, `unknown field of ${type.name}`);
    }
    try {
      this.#message(type, json['value'], depth + 1);
    } catch (error) {
      throw within(error, 'value');
    }
  }
}

const nullValue = 'google.protobuf.NullValue';

/** JSON's null means "absent", but for the two types of which it is a value. */
function takesNull(field: FieldType): boolean {
  return (
    field.shape === shapes.explicit && (field.reference === 'google.protobuf.Value' || field.reference === nullValue)
  );
}

function writeNumber(writer: Writer, kind: number, value: unknown): boolean {
  switch (kind) {
    case kinds.uint32: {
      const number = toInt32(value, kind);
      writer.varint(number);
      return number === 0;
    }
    case kinds.int32: {
      const number = toInt32(value, kind);
      writer.varint64(number);
      return number === 0;
    }
    case kinds.sint32: {
      const number = toInt32(value, kind);
      writer.varint(((number << 1) ^ (number >> 31)) >>> 0);
      return number === 0;
    }
    case kinds.fixed32:
    case kinds.sfixed32: {
      const number = toInt32(value, kind);
      writer.fixed32(number);
      return number === 0;
    }
    case kinds.double: {
      const number = toFloat(value, kind);
      writer.double(number);
      return number === 0;
    }
    case kinds.float: {
      const number = toFloat(value, kind);
      writer.float(number);
      return number === 0;
    }
    default:
      return writeNumber64(writer, kind, value);
  }
}

function writeNumber64(writer: Writer, kind: number, value: unknown): boolean {
  const number = toInt64(value, kind);
  if (kind === kinds.fixed64 || kind === kinds.sfixed64) {
    writer.fixed64(number);
  } else if (kind === kinds.sint64) {
    const big = BigInt(number);
    writer.varint64(BigInt.asUintN(64, (big << 1n) ^ (big >> 63n)));
  } else {
    writer.varint64(number);
  }
  return Number(number) === 0;
}

function mapKey(keyKind: number, key: string): unknown {
  if (keyKind !== kinds.bool) return key;
  return key === 'true' ? true : key === 'false' ? false : key;
}
