import { maxDepth } from './encode.ts';
import { ProtoError, within } from './error.ts';
import type { JsonObject, JsonValue } from './json.ts';
import { Reader } from './reader.ts';
import { fromBytes, toBytes } from './scalar.ts';
import { kinds, shapes, wireOf, wires, type FieldType, type MessageType, type Types } from './table.ts';
import { formatDuration, formatTimestamp } from './time.ts';

type Scalar = boolean | number | string;

interface Draft {
  [key: string]: JsonValue | undefined;
}

/**
 * Bytes to canonical proto JSON with the original snake_case names; defaults without presence are left out, fields that
 * the table does not know are passed over, of a field that comes twice the last counts (messages are not merged).
 * Fails with `wrong-bytes` or `too-deep`.
 */
export function decodeMessage(types: Types, type: MessageType, reader: Reader): JsonValue {
  return readMessage({ types, depth: 0 }, type, reader);
}

interface Context {
  readonly types: Types;
  readonly depth: number;
}

function readMessage(context: Context, type: MessageType, reader: Reader): JsonValue {
  if (context.depth > maxDepth)
    throw new ProtoError('too-deep', '', `more than ${maxDepth} messages within each other`);
  const content = readFields(context, type, reader);
  switch (type.form) {
    case 'fields':
      return content;
    case 'any':
      return anyJson(context, content);
    case 'wrapper':
      return content['value'] ?? wrapperDefault(type);
    case 'duration':
      return formatDuration(secondsNanos(content));
    case 'timestamp':
      return formatTimestamp(secondsNanos(content));
    case 'field-mask':
      return fieldMaskJson(content);
    case 'struct':
      return content['fields'] ?? {};
    case 'list':
      return content['values'] ?? [];
    case 'value':
      return valueJson(content);
  }
}

function readFields(context: Context, type: MessageType, reader: Reader): JsonObject {
  const draft: Draft = {};
  const members = new Map<string, string>();
  while (reader.more) {
    const tag = reader.tag();
    const field = type.byNumber.get(tag >>> 3);
    if (field === undefined) {
      reader.skipValue(tag & 7);
      continue;
    }
    try {
      readField({ context, draft, field, type }, reader, tag & 7);
    } catch (error) {
      throw within(error, field.name);
    }
    if (field.oneof === '') continue;
    const other = members.get(field.oneof);
    if (other !== undefined && other !== field.name) delete draft[other];
    members.set(field.oneof, field.name);
  }
  return draft;
}

interface Target {
  readonly context: Context;
  readonly draft: Draft;
  readonly field: FieldType;
  readonly type: MessageType;
}

function readField(target: Target, reader: Reader, wire: number): void {
  const { context, draft, field, type } = target;
  if (field.shape === shapes.map) {
    if (wire !== wires.bytes) throw wrongWire(wire);
    const entries = draft[field.name] ?? {};
    draft[field.name] = entries;
    readEntry(context, { entries: entries as Draft, field }, reader.nested());
    return;
  }
  const wanted = wireOf(field.kind);
  if (field.shape === shapes.repeated || field.shape === shapes.packed) {
    const list = (draft[field.name] ?? []) as JsonValue[];
    draft[field.name] = list;
    if (wire === wires.bytes && wanted !== wires.bytes) {
      const packed = reader.nested();
      while (packed.more) list.push(readValue(context, field, packed));
    } else {
      if (wire !== wanted) throw wrongWire(wire);
      list.push(readValue(context, field, reader));
    }
    return;
  }
  if (wire !== wanted) throw wrongWire(wire);
  const value = readValue(context, field, reader);
  // The scalar inside google.protobuf.Value and the wrappers is what the message says, so its default stays.
  if (field.shape === shapes.implicit && type.form === 'fields' && isDefault(context, field, value)) {
    delete draft[field.name];
  } else {
    draft[field.name] = value;
  }
}

function wrongWire(wire: number): ProtoError {
  return new ProtoError('wrong-bytes', '', `wire type ${wire} does not belong to this field`);
}

function readEntry(context: Context, target: { entries: Draft; field: FieldType }, reader: Reader): void {
  const { entries, field } = target;
  let key = scalarDefault(field.keyKind);
  let value: JsonValue | undefined;
  while (reader.more) {
    const tag = reader.tag();
    if (tag === ((1 << 3) | wireOf(field.keyKind))) key = readScalar(field.keyKind, reader);
    else if (tag === ((2 << 3) | wireOf(field.kind))) value = readValue(context, field, reader);
    else reader.skipValue(tag & 7);
  }
  // Own property whatever the key: `__proto__` is a name like any other.
  Object.defineProperty(entries, String(key), {
    value: value ?? entryDefault(context, field),
    enumerable: true,
    configurable: true,
    writable: true,
  });
}

function entryDefault(context: Context, field: FieldType): JsonValue {
  if (field.kind === kinds.message) {
    return readMessage(deeper(context), context.types.message(field.reference), new Reader(new Uint8Array()));
  }
  return field.kind === kinds.enum ? enumJson(context, field.reference, 0) : scalarDefault(field.kind);
}

function deeper({ types, depth }: Context): Context {
  return { types, depth: depth + 1 };
}

function readValue(context: Context, field: FieldType, reader: Reader): JsonValue {
  if (field.kind === kinds.message) {
    return readMessage(deeper(context), context.types.message(field.reference), reader.nested());
  }
  if (field.kind === kinds.enum) return enumJson(context, field.reference, reader.varint32() | 0);
  return readScalar(field.kind, reader);
}

function enumJson(context: Context, reference: string, number: number): JsonValue {
  if (reference === 'google.protobuf.NullValue') return null;
  return context.types.enumeration(reference).names.get(number) ?? number;
}

function readScalar(kind: number, reader: Reader): Scalar {
  switch (kind) {
    case kinds.string:
      return reader.text();
    case kinds.bytes:
      return fromBytes(reader.bytes());
    case kinds.bool:
      return reader.varint64() !== 0n;
    case kinds.double:
      return floatJson(reader.double());
    case kinds.float:
      return floatJson(reader.float());
    case kinds.int32:
      return reader.varint32() | 0;
    case kinds.uint32:
      return reader.varint32();
    case kinds.sint32: {
      const value = reader.varint32();
      return (value >>> 1) ^ -(value & 1);
    }
    case kinds.fixed32:
      return reader.fixed32();
    case kinds.sfixed32:
      return reader.fixed32() | 0;
    default:
      return readScalar64(kind, reader).toString();
  }
}

function readScalar64(kind: number, reader: Reader): bigint {
  switch (kind) {
    case kinds.int64:
      return BigInt.asIntN(64, reader.varint64());
    case kinds.uint64:
      return reader.varint64();
    case kinds.sint64: {
      const value = reader.varint64();
      return (value >> 1n) ^ -(value & 1n);
    }
    case kinds.fixed64:
      return reader.fixed64();
    case kinds.sfixed64:
      return BigInt.asIntN(64, reader.fixed64());
    default:
      throw new ProtoError('wrong-bytes', '', `kind ${kind} is not a scalar`);
  }
}

function floatJson(value: number): Scalar {
  return Number.isFinite(value) ? value : String(value);
}

function scalarDefault(kind: number): Scalar {
  if (kind === kinds.string || kind === kinds.bytes) return '';
  if (kind === kinds.bool) return false;
  return is64Bit(kind) ? '0' : 0;
}

function is64Bit(kind: number): boolean {
  switch (kind) {
    case kinds.int64:
    case kinds.uint64:
    case kinds.sint64:
    case kinds.fixed64:
    case kinds.sfixed64:
      return true;
    default:
      return false;
  }
}

function isDefault(context: Context, field: FieldType, value: JsonValue): boolean {
  if (field.kind === kinds.enum) return value === enumJson(context, field.reference, 0);
  return Object.is(value, scalarDefault(field.kind));
}

function wrapperDefault(type: MessageType): JsonValue {
  return scalarDefault(type.byNumber.get(1)?.kind ?? kinds.string);
}

function secondsNanos(content: JsonObject): { seconds: number; nanos: number } {
  return { seconds: Number(content['seconds'] ?? 0), nanos: Number(content['nanos'] ?? 0) };
}

function fieldMaskJson(content: JsonObject): string {
  const paths = (content['paths'] ?? []) as readonly string[];
  return paths.map((path) => path.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())).join(',');
}

function valueJson(content: JsonObject): JsonValue {
  // At most one member is there; a Value without any is not valid, and null is what is nearest.
  return Object.values(content)[0] ?? null;
}

function anyJson(context: Context, content: JsonObject): JsonValue {
  const url = content['type_url'];
  const encoded = content['value'];
  if (typeof url !== 'string' || url === '') return {};
  const type = context.types.findMessage(url.slice(url.lastIndexOf('/') + 1));
  const bytes = typeof encoded === 'string' ? encoded : '';
  if (type === undefined || !url.includes('/')) return { '@type': url, value: bytes };
  const inner = readMessage(deeper(context), type, new Reader(toBytes(bytes)));
  if (type.form !== 'fields') return { '@type': url, value: inner };
  return { '@type': url, ...(inner as JsonObject) };
}
