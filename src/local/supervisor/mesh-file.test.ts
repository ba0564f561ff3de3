import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { MizzenError } from '../../base/error.ts';
import { commandFor, readMeshFile, type MeshFile } from './mesh-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'mizzen-mesh-file-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function read(text: string): MeshFile {
  writeFileSync(join(folder, 'mizzen.yaml'), text);
  return readMeshFile(folder);
}

test('defaults: everything below the folder', () => {
  const file = read('');
  assert.deepEqual(file, { manifests: [folder], images: [], outside: [], tryThis: [] });
});

test('the first image whose pattern fits says what runs', () => {
  const { images } = read(
    `
images:
  - { image: '*/reviews-v1:*', command: [node, reviews.ts], env: { STARS: 0 } }
  - { image: '*/reviews-*', command: [node, other.ts], workingDir: apps }
  - { image: exact, command: [true] }
`.replace('[true]', "['true']"),
  );
  assert.deepEqual(commandFor(images, 'example.org/reviews-v1:2'), {
    command: ['node', 'reviews.ts'],
    env: { STARS: '0' },
    workingDir: folder,
  });
  assert.equal(commandFor(images, 'example.org/reviews-v3:2')?.workingDir, join(folder, 'apps'));
  assert.deepEqual(commandFor(images, 'exact')?.command, ['true']);
  assert.equal(commandFor(images, 'exact:1'), undefined);
  assert.equal(commandFor(images, 'reviews-v1'), undefined);
});

test('overlapping stars never match a part twice', () => {
  const { images } = read("images: [{ image: 'a*aa', command: [x] }]");
  assert.equal(commandFor(images, 'aa'), undefined);
  assert.deepEqual(commandFor(images, 'aaa')?.command, ['x']);
});

for (const [text, expected] of [
  ['- a', /must be a mapping/u],
  ['manifest: [x]', /unknown field manifest; known are manifests/u],
  ['images: [{ command: [a] }]', /images\[0\]\.image/u],
  ['outside: [{ host: a, port: b, to: c }]', /outside\[0\] must have host, port and to/u],
  ['tryThis: [1]', /tryThis must be a list of texts/u],
  ['a: [', /mizzen\.yaml/u],
] as const) {
  test(`refused: ${text}`, () => {
    assert.throws(
      () => read(text),
      (error) =>
        error instanceof MizzenError &&
        error.code === 'mesh-file-invalid' &&
        expected.test(error.message) &&
        error.fix !== undefined,
    );
  });
}

test('a folder that is not there', () => {
  assert.throws(
    () => readMeshFile(join(folder, 'nowhere')),
    (error) => error instanceof MizzenError && error.code === 'folder-missing',
  );
});
