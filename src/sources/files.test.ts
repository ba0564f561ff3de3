import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { KubeObject } from '../schema/object.ts';
import { createFileSource, type FileSourceOptions } from './files.ts';
import type { ScopeOf } from './source.ts';
import { receive, sampleObject, testSource, type Received } from './suite.ts';

const scopeOf: ScopeOf = (_, kind) => (kind === 'ConfigMap' ? 'Namespaced' : undefined);
const text = (object: KubeObject): string => JSON.stringify(object, null, 1);
const document = (name: string, value = 'a'): string => text(sampleObject(name, value));

async function world<T>(
  use: (
    folder: string,
    open: (options?: Partial<FileSourceOptions>) => Received & { synced: Promise<void>; stop(): Promise<void> },
  ) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'mizzen-files-'));
  const stops: (() => Promise<void>)[] = [];
  try {
    return await use(folder, (options = {}) => {
      const source = createFileSource({ roots: [folder], scopeOf, ...options });
      stops.push(() => source.stop());
      return Object.assign(receive(source), { synced: source.synced, stop: () => source.stop() });
    });
  } finally {
    for (const stop of stops) await stop();
    await rm(folder, { recursive: true, force: true });
  }
}

const values = (received: Received): Record<string, unknown> =>
  Object.fromEntries(
    [...received.objects]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, object]) => [key.replace('ConfigMap/default/', ''), (object.spec as { value: string }).value]),
  );
const shows = (expected: Record<string, string>) => (received: Received) =>
  JSON.stringify(values(received)) === JSON.stringify(expected);

testSource('files', async (initial) => {
  const parent = await mkdtemp(join(tmpdir(), 'mizzen-files-'));
  const folder = join(parent, 'mesh');
  const away = join(parent, 'away');
  await mkdir(folder);
  let at = folder;
  const put = (object: KubeObject): Promise<void> => writeFile(join(at, `${object.metadata.name}.json`), text(object));
  for (const object of initial) await put(object);
  return {
    source: createFileSource({ roots: [folder], scopeOf }),
    put,
    remove: (ref) => rm(join(at, `${ref.name}.json`)),
    async cut() {
      await rename(folder, away);
      at = away;
    },
    async mend() {
      await rename(away, folder);
      at = folder;
    },
    close: () => rm(parent, { recursive: true, force: true }),
  };
});

describe('files', { timeout: 60_000 }, () => {
  test('which files are read', () =>
    world(async (folder, open) => {
      await mkdir(join(folder, 'sub/node_modules'), { recursive: true });
      await mkdir(join(folder, '.git'));
      const names = [
        'a.yaml',
        'b.yml',
        'c.json',
        'sub/d.yaml',
        '.e.yaml',
        'f.yaml~',
        '#g.yaml#',
        'sub/node_modules/h.yaml',
        '.git/i.yaml',
        'j.txt',
        'mizzen.yaml',
        'k.yaml.swp',
      ];
      for (const name of names) await writeFile(join(folder, name), document(name.replaceAll(/[^a-z]/gu, '')));
      const received = open();
      await received.synced;
      assert.deepEqual(received.batches.flatMap((batch) => batch.changed.map(({ origin }) => origin.file)).toSorted(), [
        'a.yaml',
        'b.yml',
        'c.json',
        'sub/d.yaml',
      ]);
    }));
  test('a single file as root, replaced by rename', () =>
    world(async (folder, open) => {
      const file = join(folder, 'only.yaml');
      await writeFile(file, document('a'));
      await writeFile(join(folder, 'other.yaml'), document('b'));
      const received = open({ roots: [file] });
      await received.synced;
      await writeFile(join(folder, 'tmp'), document('a', 'new'));
      await rename(join(folder, 'tmp'), file);
      await received.until(shows({ a: 'new' }));
      assert.ok(received.batches.every((batch) => batch.removed.length === 0));
    }));
  test('the links of a mounted ConfigMap are swapped', () =>
    world(async (folder, open) => {
      for (const [version, value] of [
        ['..1', 'one'],
        ['..2', 'two'],
      ] as const) {
        await mkdir(join(folder, version));
        await writeFile(join(folder, version, 'a.yaml'), document('a', value));
      }
      await symlink('..1', join(folder, '..data'));
      await symlink('..data/a.yaml', join(folder, 'a.yaml'));
      const received = open();
      await received.synced;
      await symlink('..2', join(folder, '..tmp'));
      await rename(join(folder, '..tmp'), join(folder, '..data'));
      await received.until(shows({ a: 'two' }));
      await writeFile(join(folder, '..2', 'a.yaml'), document('a', 'edited in place'));
      await received.until(shows({ a: 'edited in place' }));
      assert.ok(received.batches.every((batch) => batch.removed.length === 0));
    }));
  test('a broken file keeps its last good form, tells its line, and hides no other file', () =>
    world(async (folder, open) => {
      await writeFile(join(folder, 'a.yaml'), `${document('a')}\n---\n${document('b')}`);
      const received = open();
      await received.synced;
      await writeFile(join(folder, 'a.yaml'), `${document('a', 'new')}\n---\n${document('b').slice(0, -3)}`);
      await writeFile(join(folder, 'c.yaml'), document('c'));
      await received.until(shows({ a: 'new', b: 'a', c: 'a' }));
      await received.until(({ problems }) => problems().length === 2);
      assert.deepEqual(
        received
          .problems()
          .map(({ level, file, object }) => `${level} ${file} ${object?.name}`)
          .toSorted(),
        ['error a.yaml undefined', 'warning a.yaml b'],
      );
      assert.ok((received.problems().find(({ level }) => level === 'error')?.line ?? 0) > 10);
      // What another file defines is not held back by the broken one.
      await writeFile(join(folder, 'd.yaml'), document('b', 'moved'));
      await received.until(shows({ a: 'new', b: 'moved', c: 'a' }));
      await writeFile(join(folder, 'a.yaml'), document('a', 'mended'));
      await received.until((now) => shows({ a: 'mended', b: 'moved', c: 'a' })(now) && now.problems().length === 0);
    }));
  test('a file rewritten in two steps loses no object in between', () =>
    world(async (folder, open) => {
      await writeFile(join(folder, 'a.yaml'), document('a'));
      const received = open();
      await received.synced;
      for (let i = 0; i < 10; i++) {
        await writeFile(join(folder, 'a.yaml'), '');
        await new Promise((resolve) => setTimeout(resolve, 15));
        await writeFile(join(folder, 'a.yaml'), document('a', `${i}`));
        await received.until(shows({ a: `${i}` }));
      }
      assert.ok(received.batches.every((batch) => batch.removed.length === 0));
    }));
  test('a file that never comes to rest is read all the same', () =>
    world(async (folder, open) => {
      const received = open();
      await received.synced;
      const path = join(folder, 'a.yaml');
      let at = 0;
      const timer = setInterval(() => void writeFile(path, document('a', `${++at}`)), 3);
      await received.until(({ objects }) => objects.size === 1);
      const first = JSON.stringify(values(received));
      await received.until((now) => JSON.stringify(values(now)) !== first);
      clearInterval(timer);
      assert.ok(received.batches.every((batch) => batch.removed.length === 0));
    }));
  test('two definitions: the first path wins, and both places are told', () =>
    world(async (folder, open) => {
      await writeFile(join(folder, 'b.yaml'), document('x', 'second'));
      const received = open();
      await received.synced;
      await writeFile(join(folder, 'a.yaml'), document('x', 'first'));
      await received.until((now) => shows({ x: 'first' })(now) && now.problems().length === 1);
      assert.match(received.problems()[0]?.message ?? '', /a\.yaml:1/u);
      assert.equal(received.problems()[0]?.file, 'b.yaml');
      await rm(join(folder, 'a.yaml'));
      await received.until((now) => shows({ x: 'second' })(now) && now.problems().length === 0);
    }));
  test('folders are removed, made again, and moved', () =>
    world(async (folder, open) => {
      const sub = join(folder, 'sub');
      await mkdir(join(sub, 'deep'), { recursive: true });
      await writeFile(join(sub, 'deep', 'a.yaml'), document('a'));
      const received = open();
      await received.synced;
      for (let i = 0; i < 5; i++) {
        await rm(sub, { recursive: true });
        await mkdir(join(sub, 'deep'), { recursive: true });
        await writeFile(join(sub, 'deep', 'a.yaml'), document('a', `${i}`));
        await received.until(shows({ a: `${i}` }));
        await writeFile(join(sub, 'deep', 'a.yaml'), document('a', `${i} again`));
        await received.until(shows({ a: `${i} again` }));
      }
      await rename(sub, join(folder, 'moved'));
      await received.until(({ batches }) => batches.at(-1)?.changed[0]?.origin.file === 'moved/deep/a.yaml');
      await rm(join(folder, 'moved'), { recursive: true });
      await received.until(shows({}));
    }));
  test('a root that is not there is told and waited for', () =>
    world(async (folder, open) => {
      const root = join(folder, 'later');
      const received = open({ roots: [root] });
      await received.until(({ problems }) => problems().length === 1);
      let synced = false;
      void received.synced.then(() => (synced = true));
      await mkdir(root);
      await writeFile(join(root, 'a.yaml'), document('a'));
      assert.equal(synced, false);
      await received.synced;
      await received.until((now) => shows({ a: 'a' })(now) && now.problems().length === 0);
    }));
  test('without watches the files are looked at in turns, and it says so', () =>
    world(async (folder, open) => {
      const full = (): never => {
        throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
      };
      const received = open({ watchFolder: full, pollMs: 20 });
      await received.synced;
      assert.match(received.problems()[0]?.fix ?? '', /max_user_watches/u);
      await writeFile(join(folder, 'a.yaml'), document('a'));
      await received.until(shows({ a: 'a' }));
    }));
  test('loops of links, pipes and folders named like files do no harm', () =>
    world(async (folder, open) => {
      await symlink('.', join(folder, 'loop'));
      await symlink('self.yaml', join(folder, 'self.yaml'));
      await symlink('/dev/zero', join(folder, 'zero.yaml'));
      await mkdir(join(folder, 'dir.yaml'));
      await writeFile(join(folder, 'dir.yaml', 'a.yaml'), document('a'));
      const received = open();
      await received.synced;
      assert.deepEqual(values(received), { a: 'a' });
    }));
});

type Operation =
  | {
      readonly kind: 'write' | 'replace';
      readonly file: number;
      readonly objects: readonly number[];
      readonly value: number;
    }
  | { readonly kind: 'remove' | 'removeFolder' | 'pause'; readonly file: number }
  | { readonly kind: 'move'; readonly file: number; readonly to: number };

const paths = ['a.yaml', 'b.yaml', 's/a.yaml', 's/t/b.yaml', 'u/c.json'];
const fileIndex = fc.nat(paths.length - 1);
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom('write' as const, 'replace' as const),
      file: fileIndex,
      objects: fc.array(fc.nat(4), { maxLength: 3 }),
      value: fc.nat(9),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('remove' as const, 'removeFolder' as const, 'pause' as const),
      file: fileIndex,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('move' as const), file: fileIndex, to: fileIndex }) },
);

async function apply(folder: string, step: Operation): Promise<void> {
  const path = join(folder, paths[step.file] ?? '');
  switch (step.kind) {
    case 'write':
    case 'replace': {
      const content = step.objects.map((object) => document(`o${object}`, `${step.value}`)).join('\n---\n');
      await mkdir(dirname(path), { recursive: true });
      const target = step.kind === 'write' ? path : `${path}.tmp`;
      await writeFile(target, content);
      if (target !== path) await rename(target, path);
      return;
    }
    case 'remove':
      return rm(path, { force: true });
    case 'removeFolder':
      if (dirname(path) !== folder) await rm(dirname(path), { recursive: true, force: true });
      return;
    case 'move': {
      const to = join(folder, paths[step.to] ?? '');
      const exists = await readFile(path).then(
        () => true,
        () => false,
      );
      await mkdir(dirname(to), { recursive: true });
      if (exists) await rename(path, to);
      return;
    }
    case 'pause':
      await new Promise((resolve) => setTimeout(resolve, 12));
  }
}

test('any sequence of file operations ends as a fresh reading does', { timeout: 120_000 }, () =>
  fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 25 }), (steps) =>
      world(async (folder, open) => {
        const received = open();
        await received.synced;
        for (const step of steps) await apply(folder, step);
        const fresh = open();
        await fresh.synced;
        const expected = JSON.stringify([values(fresh), fresh.problems()]);
        await received.until((now) => JSON.stringify([values(now), now.problems()]) === expected);
      }),
    ),
    { numRuns: 25, endOnFailure: true },
  ),
);
