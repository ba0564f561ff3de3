import fc from 'fast-check';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { envoyCodec } from './envoy.ts';
import { ProtoError } from './error.ts';
import type { JsonValue } from './json.ts';
import { oracleDecode, oracleEncode } from './oracle.test.ts';
import { choicesOf, randomMessage } from './random-message.ts';

const { types } = envoyCodec;
// Not the messages of descriptor.proto: proto2 with required fields, extensions and groups, and Envoy speaks none of it.
const typeNames = types.messageNames.filter(
  (name) => !/^(?:google\.protobuf|pb)\./.test(name) || types.message(name).form !== 'fields',
);
const typeName = fc.constantFrom(...typeNames);
const seed = fc.noShrink(fc.nat());

function messageOf(name: string, number: number): JsonValue {
  return randomMessage({ types, choices: choicesOf(number) }, types.message(name), 4);
}

test('random messages are read by protobuf-es as it writes them itself, and by us as by it', () => {
  fc.assert(
    fc.property(typeName, seed, (name, number) => {
      const json = messageOf(name, number);
      const bytes = envoyCodec.encode(name, json);
      const theirs = oracleEncode(name, json);
      const expected = oracleDecode(name, theirs);
      assert.deepEqual(oracleDecode(name, bytes), expected);
      const normal = envoyCodec.decodeValue(name, bytes);
      assert.deepEqual(normal, expected);
      assert.deepEqual(envoyCodec.decodeValue(name, theirs), expected);
      assert.deepEqual(envoyCodec.encode(name, normal), bytes);
    }),
    { numRuns: 2000, endOnFailure: true },
  );
});

function decodes(name: string, bytes: Uint8Array): void {
  try {
    envoyCodec.decodeValue(name, bytes);
  } catch (error) {
    assert(error instanceof ProtoError, String(error));
  }
}

test('bytes that are no message give an error and nothing else', () => {
  fc.assert(
    fc.property(typeName, fc.uint8Array({ maxLength: 200 }), (name, bytes) => {
      decodes(name, bytes);
    }),
    { numRuns: 2000, endOnFailure: true },
  );
});

test('messages with a wrong byte or cut short give an error and nothing else', () => {
  fc.assert(
    fc.property(typeName, seed, fc.nat(), fc.nat(255), (name, number, place, byte) => {
      const bytes = envoyCodec.encode(name, messageOf(name, number));
      if (bytes.length === 0) return;
      bytes[place % bytes.length] = byte;
      decodes(name, bytes);
      decodes(name, bytes.subarray(0, place % bytes.length));
    }),
    { numRuns: 1000, endOnFailure: true },
  );
});

test('messages within each other without end', () => {
  // Permission.not_rule is field 8: each level is a tag and a length in front of the one within.
  let bytes = new Uint8Array();
  for (let level = 0; level < 200; level++) {
    const { length } = bytes;
    const head = length < 128 ? [0x42, length] : [0x42, (length & 127) | 128, length >> 7];
    bytes = new Uint8Array([...head, ...bytes]);
  }
  assert.throws(
    () => envoyCodec.decode('envoy.config.rbac.v3.Permission', bytes),
    (error) => error instanceof ProtoError && error.code === 'too-deep',
  );
});
