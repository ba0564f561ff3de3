import { create, createFileRegistry, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { extractDescriptors } from './extract.ts';
import { rulesText } from './rules.ts';
import { tableText } from './table.ts';
import { typesText } from './types.ts';

/**
 * Reads the descriptors out of an Envoy binary and writes, into `outputFolder` (made when missing):
 * `descriptors.binpb` (a FileDescriptorSet), `table.json` (the encoder table), `rules.json` (what Envoy wants of
 * values), `types.ts` (types of the JSON), and last, by rename, `digest` (the binary's SHA-256 in hexadecimal), so that
 * a digest is there only when all else is.
 * Equal binaries give equal bytes. Fails when the binary carries no complete set of descriptors.
 */
export async function generateProto(envoyPath: string, outputFolder: string): Promise<void> {
  const binary = await readFile(envoyPath);
  const files = extractDescriptors(binary);
  if (files.length === 0) throw new Error(`${envoyPath} carries no protobuf descriptors`);
  const set = create(FileDescriptorSetSchema, { file: files.map((file) => file.descriptor) });
  const registry = createFileRegistry(set);
  await mkdir(outputFolder, { recursive: true });
  await put(outputFolder, 'descriptors.binpb', toBinary(FileDescriptorSetSchema, set));
  await put(outputFolder, 'table.json', `${JSON.stringify(tableText(registry), undefined, 1)}\n`);
  await put(outputFolder, 'rules.json', `${JSON.stringify(rulesText(registry), undefined, 1)}\n`);
  await put(outputFolder, 'types.ts', typesText(registry));
  await put(outputFolder, 'digest', `${createHash('sha256').update(binary).digest('hex')}\n`);
}

/** Writes beside and renames, so that a reader sees the old or the new content, never a part. */
async function put(folder: string, name: string, content: string | Uint8Array): Promise<void> {
  const target = path.join(folder, name);
  const partial = `${target}.${process.pid}.partial`;
  await writeFile(partial, content);
  await rename(partial, target);
}

if (import.meta.main) {
  const [envoyPath, outputFolder = path.join(import.meta.dirname, '../../src/proto/generated')] = process.argv.slice(2);
  if (envoyPath === undefined) {
    process.stderr.write('usage: node tools/proto/generate.ts ENVOY_BINARY [FOLDER]\n');
    process.exitCode = 2;
  } else {
    await generateProto(envoyPath, outputFolder);
  }
}
