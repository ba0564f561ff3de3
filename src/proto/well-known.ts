import { ProtoError, shown, within } from './error.ts';
import { isObject } from './json.ts';
import { toFloat } from './scalar.ts';
import { kinds, wires } from './table.ts';
import type { SecondsNanos } from './time.ts';
import type { Writer } from './writer.ts';

// Messages of google/protobuf/*.proto with JSON forms of their own; field numbers are those of their .proto files.

const secondsTag = (1 << 3) | wires.varint;
const nanosTag = (2 << 3) | wires.varint;
const pathsTag = (1 << 3) | wires.bytes;
const structFieldsTag = (1 << 3) | wires.bytes;
const keyTag = (1 << 3) | wires.bytes;
const valueTag = (2 << 3) | wires.bytes;
const listValuesTag = (1 << 3) | wires.bytes;
const nullTag = (1 << 3) | wires.varint;
const numberTag = (2 << 3) | wires.fixed64;
const stringTag = (3 << 3) | wires.bytes;
const boolTag = (4 << 3) | wires.varint;
const structTag = (5 << 3) | wires.bytes;
const listTag = (6 << 3) | wires.bytes;

/** Content of a Duration or Timestamp. */
export function writeSecondsNanos(writer: Writer, { seconds, nanos }: SecondsNanos): void {
  if (nanos !== 0) {
    writer.varint64(nanos);
    writer.varint(nanosTag);
  }
  if (seconds !== 0) {
    writer.varint64(seconds);
    writer.varint(secondsTag);
  }
}

/** Content of a FieldMask from its text `a.b,cD`. Fails with `wrong-value`. */
export function writeFieldMask(writer: Writer, json: unknown): void {
  if (typeof json !== 'string' || json.includes('_')) {
    throw new ProtoError('wrong-value', '', `must be a field mask such as "a.bC,d", not ${shown(json)}`);
  }
  if (json === '') return;
  for (const path of json.split(',').reverse()) {
    writer.text(path.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
    writer.varint(pathsTag);
  }
}

/** Content of a Struct; keys in ascending order. `levels` is how many messages may still nest. */
export function writeStruct(writer: Writer, json: unknown, levels: number): void {
  if (!isObject(json)) throw new ProtoError('wrong-value', '', `must be an object, not ${shown(json)}`);
  const keys = Object.keys(json).filter((key) => json[key] !== undefined);
  for (const key of keys.sort().reverse()) {
    const mark = writer.used;
    try {
      writeValue(writer, json[key], levels - 2);
      writer.varint(writer.used - mark);
      writer.varint(valueTag);
      writer.text(key);
      writer.varint(keyTag);
    } catch (error) {
      throw within(error, key);
    }
    writer.varint(writer.used - mark);
    writer.varint(structFieldsTag);
  }
}

/** Content of a ListValue. `levels` is how many messages may still nest. */
export function writeList(writer: Writer, json: unknown, levels: number): void {
  if (!Array.isArray(json)) throw new ProtoError('wrong-value', '', `must be a list, not ${shown(json)}`);
  const elements: readonly unknown[] = json;
  for (let index = elements.length - 1; index >= 0; index--) {
    const mark = writer.used;
    try {
      writeValue(writer, elements[index], levels - 1);
    } catch (error) {
      throw within(error, `[${index}]`);
    }
    writer.varint(writer.used - mark);
    writer.varint(listValuesTag);
  }
}

/** Content of a Value. `levels` is how many messages may still nest. */
export function writeValue(writer: Writer, json: unknown, levels: number): void {
  if (levels < 0) throw new ProtoError('too-deep', '', 'too many messages within each other');
  if (json === null) {
    writer.varint(0);
    writer.varint(nullTag);
  } else if (typeof json === 'string') {
    writer.text(json);
    writer.varint(stringTag);
  } else if (typeof json === 'boolean') {
    writer.varint(json ? 1 : 0);
    writer.varint(boolTag);
  } else if (typeof json === 'number') {
    writer.double(toFloat(json, kinds.double));
    writer.varint(numberTag);
  } else if (typeof json === 'object') {
    writeNested(writer, json, levels - 1);
  } else {
    throw new ProtoError('wrong-value', '', `must be JSON, not ${shown(json)}`);
  }
}

function writeNested(writer: Writer, json: object, levels: number): void {
  const mark = writer.used;
  const isList = Array.isArray(json);
  if (isList) writeList(writer, json, levels);
  else writeStruct(writer, json, levels);
  writer.varint(writer.used - mark);
  writer.varint(isList ? listTag : structTag);
}
