import { decodeMessage } from './decode.ts';
import { Encoder } from './encode.ts';
import { ProtoError } from './error.ts';
import type { JsonObject, JsonValue } from './json.ts';
import { Reader } from './reader.ts';
import { openTable, type Table, type Types } from './table.ts';
import { Writer } from './writer.ts';

/** Envoy's messages between canonical proto JSON and bytes, over one table. */
export interface Codec {
  readonly types: Types;
  /** A message of that full name; fields by snake_case or lowerCamelCase name. Fails with a ProtoError. */
  encode(typeName: string, json: unknown): Uint8Array;
  /** One field with tag and length; of a repeated field one element. Fails with a ProtoError. */
  encodeField(typeName: string, fieldName: string, json: unknown): Uint8Array;
  /** Canonical proto JSON with snake_case names. Fails with a ProtoError. */
  decode(typeName: string, bytes: Uint8Array): JsonObject;
  /** The same for messages whose JSON may be something else than an object, as that of a Duration is a text. */
  decodeValue(typeName: string, bytes: Uint8Array): JsonValue;
}

/** Largest message that is read or written, in bytes; a whole mesh's listeners stay far below. */
export const maxMessageBytes = 256 << 20;

/** Makes the codec of a table; `maxBytes` bounds what it reads and writes. */
export function createCodec(table: Table, maxBytes: number = maxMessageBytes): Codec {
  const types = openTable(table);
  const encoder = new Encoder(types, new Writer(maxBytes));
  const decodeValue = (typeName: string, bytes: Uint8Array): JsonValue => {
    if (bytes.length > maxBytes) throw new ProtoError('too-large', '', `more than ${maxBytes} bytes`);
    return decodeMessage(types, types.message(typeName), new Reader(bytes));
  };
  const codec: Codec = {
    types,
    encode: (typeName, json) => encoder.encode(types.message(typeName), json),
    encodeField: (typeName, fieldName, json) => encoder.encodeField(types.message(typeName), fieldName, json),
    decodeValue,
    decode: (typeName, bytes) => {
      const json = decodeValue(typeName, bytes);
      if (typeof json !== 'object' || json === null || isList(json)) {
        throw new ProtoError('wrong-value', '', `the JSON of ${typeName} is not an object`);
      }
      return json;
    },
  };
  return Object.freeze(codec);
}

function isList(json: JsonObject | readonly JsonValue[]): json is readonly JsonValue[] {
  return Array.isArray(json);
}
