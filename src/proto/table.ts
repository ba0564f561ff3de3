import { ProtoError } from './error.ts';

/**
 * The encoder table, made from the descriptors of the very Envoy that is run (tools/proto): a text of one line a field
 * `name number type shape reference oneof keyType jsonName` for each message, one line `name number` a value for each
 * enum. `-` stands for nothing, trailing nothings are left out.
 */
export interface Table {
  readonly messages: Readonly<Record<string, string>>;
  readonly enums: Readonly<Record<string, string>>;
}

/** Type numbers as in google/protobuf/descriptor.proto, FieldDescriptorProto.Type. */
export const kinds = Object.freeze({
  double: 1,
  float: 2,
  int64: 3,
  uint64: 4,
  int32: 5,
  fixed64: 6,
  fixed32: 7,
  bool: 8,
  string: 9,
  message: 11,
  bytes: 12,
  uint32: 13,
  enum: 14,
  sfixed32: 15,
  sfixed64: 16,
  sint32: 17,
  sint64: 18,
});

/** How values of a field are laid out: a default that is left out, a presence of its own, elements, packed, entries. */
export const shapes = Object.freeze({ implicit: 0, explicit: 1, repeated: 2, packed: 3, map: 4 });

/** Wire types of https://protobuf.dev/programming-guides/encoding/. */
export const wires = Object.freeze({ varint: 0, fixed64: 1, bytes: 2, fixed32: 5 });

/** A field of a message. */
export interface FieldType {
  /** The original name, snake_case. */
  readonly name: string;
  /** The name that canonical proto JSON prefers, lowerCamelCase. */
  readonly jsonName: string;
  readonly number: number;
  /** One of `kinds`; for a map the kind of its values. */
  readonly kind: number;
  /** One of `shapes`. */
  readonly shape: number;
  /** Field number and wire type as written before each element. */
  readonly tag: number;
  /** Full name of the message or enum, else empty. */
  readonly reference: string;
  /** Name of the oneof that this field is a member of, else empty. */
  readonly oneof: string;
  /** Kind of a map's keys, else 0. */
  readonly keyKind: number;
}

/** A message; `form` tells which JSON form it has. */
export interface MessageType {
  readonly name: string;
  readonly form: JsonForm;
  /** In ascending order of their numbers. */
  readonly fields: readonly FieldType[];
  /** By original name and by JSON name. */
  readonly byName: ReadonlyMap<string, FieldType>;
  readonly byNumber: ReadonlyMap<number, FieldType>;
}

/** An enum. */
export interface EnumType {
  readonly name: string;
  readonly numbers: ReadonlyMap<string, number>;
  /** Of aliases the first. */
  readonly names: ReadonlyMap<number, string>;
}

/** Messages whose JSON is not an object of their fields (https://protobuf.dev/programming-guides/json/). */
export type JsonForm =
  | 'fields'
  | 'any'
  | 'struct'
  | 'value'
  | 'list'
  | 'duration'
  | 'timestamp'
  | 'field-mask'
  | 'wrapper';

const forms: ReadonlyMap<string, JsonForm> = new Map([
  ['google.protobuf.Any', 'any'],
  ['google.protobuf.Struct', 'struct'],
  ['google.protobuf.Value', 'value'],
  ['google.protobuf.ListValue', 'list'],
  ['google.protobuf.Duration', 'duration'],
  ['google.protobuf.Timestamp', 'timestamp'],
  ['google.protobuf.FieldMask', 'field-mask'],
  ['google.protobuf.DoubleValue', 'wrapper'],
  ['google.protobuf.FloatValue', 'wrapper'],
  ['google.protobuf.Int64Value', 'wrapper'],
  ['google.protobuf.UInt64Value', 'wrapper'],
  ['google.protobuf.Int32Value', 'wrapper'],
  ['google.protobuf.UInt32Value', 'wrapper'],
  ['google.protobuf.BoolValue', 'wrapper'],
  ['google.protobuf.StringValue', 'wrapper'],
  ['google.protobuf.BytesValue', 'wrapper'],
]);

/** The types of a table, read from their lines when first asked for. */
export interface Types {
  /** The message of that full name, or undefined. */
  findMessage(name: string): MessageType | undefined;
  /** The message of that full name. Fails with `unknown-type`. */
  message(name: string): MessageType;
  /** The enum of that full name. Fails with `unknown-type`. */
  enumeration(name: string): EnumType;
  /** Full names of all messages. */
  readonly messageNames: readonly string[];
}

/** Opens a table. Nothing is read from its lines yet, so this costs next to nothing. */
export function openTable(table: Table): Types {
  const messages = new Map<string, MessageType>();
  const enums = new Map<string, EnumType>();
  const findMessage = (name: string): MessageType | undefined => {
    const known = messages.get(name);
    if (known !== undefined) return known;
    const text = Object.hasOwn(table.messages, name) ? table.messages[name] : undefined;
    if (text === undefined) return undefined;
    const type = readMessage(name, text);
    messages.set(name, type);
    return type;
  };
  const message = (name: string): MessageType => {
    const type = findMessage(name);
    if (type === undefined) throw new ProtoError('unknown-type', '', `no message ${name} in this Envoy`);
    return type;
  };
  const enumeration = (name: string): EnumType => {
    const known = enums.get(name);
    if (known !== undefined) return known;
    const text = Object.hasOwn(table.enums, name) ? table.enums[name] : undefined;
    if (text === undefined) throw new ProtoError('unknown-type', '', `no enum ${name} in this Envoy`);
    const type = readEnum(name, text);
    enums.set(name, type);
    return type;
  };
  return Object.freeze({ findMessage, message, enumeration, messageNames: Object.keys(table.messages) });
}

function readMessage(name: string, text: string): MessageType {
  const fields = text === '' ? [] : text.split('\n').map(readField);
  const byName = new Map<string, FieldType>();
  const byNumber = new Map<number, FieldType>();
  for (const field of fields) {
    byName.set(field.name, field);
    byName.set(field.jsonName, field);
    byNumber.set(field.number, field);
  }
  return Object.freeze({ name, form: forms.get(name) ?? 'fields', fields, byName, byNumber });
}

function readField(line: string): FieldType {
  const [name = '', number, type, shapeText, reference = '-', oneof = '-', key = '-', jsonName = '-'] = line.split(' ');
  const kind = Number(type);
  const shape = Number(shapeText);
  const wire = shape === shapes.packed || shape === shapes.map ? wires.bytes : wireOf(kind);
  return Object.freeze({
    name,
    jsonName: jsonName === '-' ? lowerCamel(name) : jsonName,
    number: Number(number),
    kind,
    shape,
    tag: ((Number(number) << 3) | wire) >>> 0,
    reference: reference === '-' ? '' : reference,
    oneof: oneof === '-' ? '' : oneof,
    keyKind: key === '-' ? 0 : Number(key),
  });
}

function lowerCamel(name: string): string {
  return name.replace(/_+(.?)/g, (_, letter: string) => letter.toUpperCase());
}

/** The wire type in which one value of a kind is written. */
export function wireOf(kind: number): number {
  switch (kind) {
    case kinds.double:
    case kinds.fixed64:
    case kinds.sfixed64:
      return wires.fixed64;
    case kinds.float:
    case kinds.fixed32:
    case kinds.sfixed32:
      return wires.fixed32;
    case kinds.string:
    case kinds.bytes:
    case kinds.message:
      return wires.bytes;
    default:
      return wires.varint;
  }
}

function readEnum(name: string, text: string): EnumType {
  const numbers = new Map<string, number>();
  const names = new Map<number, string>();
  for (const line of text.split('\n')) {
    const [valueName = '', number] = line.split(' ');
    numbers.set(valueName, Number(number));
    if (!names.has(Number(number))) names.set(Number(number), valueName);
  }
  return Object.freeze({ name, numbers, names });
}
