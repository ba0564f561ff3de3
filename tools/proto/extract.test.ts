import { create, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { extractDescriptors } from './extract.ts';

function file(name: string, dependency: readonly string[] = []): Uint8Array {
  const message = {
    name: 'Thing',
    field: [
      { name: 'snake_case', number: 1 },
      { name: 'b', number: 2, jsonName: 'own' },
    ],
  };
  return toBinary(
    FileDescriptorProtoSchema,
    create(FileDescriptorProtoSchema, {
      name,
      package: 'p',
      dependency: [...dependency],
      messageType: [message],
      syntax: 'proto3',
    }),
  );
}

const noise = Buffer.from('\n\x08.proto \x0a\x07x.proto some text a/b.proto \x0a\x01');

test('descriptors are found between other bytes, imports first, however they lie', () => {
  const parts = [noise, file('a/user.proto', ['z/base.proto']), noise, file('z/base.proto'), noise];
  const found = extractDescriptors(Buffer.concat(parts));
  const names = found.map((one) => one.name).filter((name) => name !== 'x.proto');
  assert.deepEqual(names, ['z/base.proto', 'a/user.proto']);
  const reversed = extractDescriptors(Buffer.concat(parts.toReversed()));
  assert.deepEqual(
    reversed.map((one) => one.descriptor),
    found.map((one) => one.descriptor),
  );
  const fields = found.find((one) => one.name === 'a/user.proto')?.descriptor.messageType[0]?.field;
  assert.deepEqual(
    fields?.map((field) => field.jsonName),
    ['snakeCase', 'own'],
  );
});

test('of two under one name the longer counts, and what follows one does not belong to it', () => {
  const full = file('a.proto');
  const found = extractDescriptors(
    Buffer.concat([full.subarray(0, 12), noise, full, Buffer.from([0x62, 0x7f, 1]), full]),
  );
  assert.deepEqual(found.find((one) => one.name === 'a.proto')?.sizeBytes, full.length);
});

test('a missing import is named with who imports it', () => {
  const binary = Buffer.from(file('a/user.proto', ['z/base.proto']));
  assert.throws(() => extractDescriptors(binary), /z\/base\.proto, imported by a\/user\.proto/);
});
