import { createFileRegistry, fromBinary, fromJson, toBinary, toJson, type DescMessage } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const folder = join(import.meta.dirname, 'generated');
const files = ['descriptors.binpb', 'table.json', 'rules.json', 'types.ts'];

test('what tools/proto makes is there', () => {
  const missing = files.filter((file) => !existsSync(join(folder, file)));
  assert.deepEqual(missing, [], 'run `npm run setup`, or `node tools/proto/generate.ts ENVOY_BINARY`');
});

/** protobuf-es over the same descriptors: the independent encoder and decoder that ours are compared with. */
const registry = createFileRegistry(
  fromBinary(FileDescriptorSetSchema, readFileSync(join(folder, 'descriptors.binpb'))),
);

/** The descriptor of a message. */
export function descriptor(typeName: string): DescMessage {
  const found = registry.getMessage(typeName);
  assert(found !== undefined, `${typeName} is not among the descriptors`);
  return found;
}

/** What protobuf-es makes of JSON. */
export function oracleEncode(typeName: string, json: unknown): Uint8Array {
  const type = descriptor(typeName);
  const plain = JSON.parse(JSON.stringify(json)) as Parameters<typeof fromJson>[1];
  return toBinary(type, fromJson(type, plain, { registry }));
}

/** What protobuf-es reads out of bytes, as canonical JSON with the original names. */
export function oracleDecode(typeName: string, bytes: Uint8Array): unknown {
  const type = descriptor(typeName);
  return toJson(type, fromBinary(type, bytes), { registry, useProtoFieldName: true });
}
