import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deepEqual } from '../base/json.ts';
import { refOf, type KubeObject, type ObjectRef } from '../schema/object.ts';
import { refKey, type Source, type SourceBatch, type SourceProblem } from './source.ts';

/** A world in which a source's objects can be changed from outside. */
export interface SourceHarness {
  readonly source: Source;
  readonly put: (object: KubeObject) => Promise<void>;
  readonly remove: (ref: ObjectRef) => Promise<void>;
  /** Cuts the source from where it reads, and joins it again; undefined where nothing can be cut. */
  readonly cut?: () => Promise<void>;
  readonly mend?: () => Promise<void>;
  close(): Promise<void>;
}

/** What a source has handed on so far. */
export interface Received {
  readonly objects: ReadonlyMap<string, KubeObject>;
  readonly batches: readonly SourceBatch[];
  readonly problems: () => readonly SourceProblem[];
  /** Resolves as soon as the condition holds after some batch. The test's own time limit is the bound. */
  until(condition: (received: Received) => boolean): Promise<void>;
}

/** Starts a source and keeps what it hands on. */
export function receive(source: Source): Received {
  const objects = new Map<string, KubeObject>();
  const batches: SourceBatch[] = [];
  const waiting = new Set<() => void>();
  const received: Received = {
    objects,
    batches,
    problems: () => batches.at(-1)?.problems ?? [],
    async until(condition) {
      while (!condition(received)) {
        await new Promise<void>((resolve) => {
          waiting.add(resolve);
        });
      }
    },
  };
  source.start((batch) => {
    batches.push(batch);
    for (const { object } of batch.changed) objects.set(refKey(refOf(object)), object);
    for (const ref of batch.removed)
      assert.ok(objects.delete(refKey(ref)), `${refKey(ref)} was removed but never there`);
    for (const resolve of waiting) resolve();
    waiting.clear();
  });
  return received;
}

/** An object for tests. */
export function sampleObject(name: string, value = 'a'): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, spec: { value } };
}

const valueOf = (received: Received, name: string): unknown => received.objects.get(`ConfigMap/default/${name}`)?.spec;
const holds = (name: string, value: string) => (received: Received) => deepEqual(valueOf(received, name), { value });

type World = (
  initial: readonly KubeObject[],
  use: (world: SourceHarness, received: Received) => Promise<void>,
) => Promise<void>;

/** What every source must do. `open` makes a new world that holds the given objects. */
export function testSource(name: string, open: (initial: readonly KubeObject[]) => Promise<SourceHarness>): void {
  const withWorld: World = async (initial, use) => {
    const world = await open(initial);
    try {
      await use(world, receive(world.source));
    } finally {
      await world.source.stop();
      await world.close();
    }
  };
  void describe(`${name}: what every source does`, { timeout: 60_000 }, () => {
    testStart(withWorld);
    testChanges(withWorld);
  });
}

function testStart(withWorld: World): void {
  void test('what is there at the start comes before synced', () =>
    withWorld([sampleObject('a'), sampleObject('b')], async ({ source }, received) => {
      await source.synced;
      assert.deepEqual([...received.objects.keys()].toSorted(), ['ConfigMap/default/a', 'ConfigMap/default/b']);
    }));
  void test('an empty source is synced too', () =>
    withWorld([], async ({ source }, received) => {
      await source.synced;
      assert.equal(received.objects.size, 0);
    }));
  void test('objects are frozen and have a place', () =>
    withWorld([sampleObject('a')], async ({ source }, received) => {
      await source.synced;
      const [sourced] = received.batches.flatMap((batch) => batch.changed);
      assert.ok(sourced !== undefined && Object.isFrozen(sourced.object) && Object.isFrozen(sourced.object.spec));
      assert.ok(sourced.origin.file.length > 0 && sourced.origin.line >= 1);
    }));
}

function testChanges(withWorld: World): void {
  void test('objects are added, changed, removed and come back', () =>
    withWorld([sampleObject('a')], async ({ source, put, remove }, received) => {
      await source.synced;
      await put(sampleObject('b'));
      await received.until(holds('b', 'a'));
      await put(sampleObject('a', 'changed'));
      await received.until(holds('a', 'changed'));
      await remove(refOf(sampleObject('a')));
      await received.until(({ objects }) => !objects.has('ConfigMap/default/a'));
      await put(sampleObject('a', 'again'));
      await received.until(holds('a', 'again'));
      assert.equal(received.objects.size, 2);
    }));
  void test('nothing follows the stop', () =>
    withWorld([sampleObject('a')], async ({ source, put }, received) => {
      await source.synced;
      await source.stop();
      const before = received.batches.length;
      await put(sampleObject('b'));
      assert.equal(received.batches.length, before);
    }));
  void test('a cut loses nothing, and what happened meanwhile is caught up with', () =>
    withWorld([sampleObject('a'), sampleObject('b')], async ({ source, put, remove, cut, mend }, received) => {
      await source.synced;
      await cut?.();
      await put(sampleObject('c'));
      await remove(refOf(sampleObject('b')));
      if (cut !== undefined) assert.equal(received.objects.size, 2);
      await mend?.();
      await received.until(({ objects }) => objects.has('ConfigMap/default/c') && !objects.has('ConfigMap/default/b'));
      const removed = received.batches.flatMap((batch) => batch.removed);
      assert.deepEqual(
        removed.map((ref) => ref.name),
        ['b'],
      );
    }));
}
