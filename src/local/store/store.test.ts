import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { refOf, type KubeObject } from '../../schema/object.ts';
import { createStreamSource } from '../../sources/stream.ts';
import { receive, sampleObject, testSource } from '../../sources/suite.ts';
import type { WatchLine } from '../../sources/watch-line.ts';
import { serveStore } from './serve-store.ts';
import { createStore, type Store } from './store.ts';

let uids = 0;
const fresh = (): Store => createStore({ now: () => new Date(0), newUid: () => `uid-${++uids}` });
const pod = (name: string, owner?: KubeObject): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name,
    namespace: 'default',
    ...(owner === undefined
      ? {}
      : {
          ownerReferences: [
            { apiVersion: 'v1', kind: owner.kind, name: owner.metadata.name, uid: owner.metadata.uid ?? '' },
          ],
        }),
  },
  spec: {},
});
const folder = (): Promise<string> => mkdtemp(join(tmpdir(), 'mizzen-store-'));
const reviewToken = (review: unknown): Promise<unknown> => Promise.resolve({ review, status: { authenticated: true } });

testSource('stream', async (initial) => {
  const path = await folder();
  const socketPath = join(path, 's');
  const store = fresh();
  for (const object of initial) store.put(object);
  const serve = (): ReturnType<typeof serveStore> => serveStore(store, { socketPath, reviewToken });
  let server = await serve();
  return {
    source: createStreamSource({ socketPath, retryMs: 5 }),
    put: (object) => Promise.resolve(void store.put(object)),
    remove: (ref) => Promise.resolve(void store.delete(ref)),
    cut: () => server.close(),
    async mend() {
      server = await serve();
    },
    async close() {
      await server.close();
      await rm(path, { recursive: true });
    },
  };
});

describe('store', () => {
  test('metadata is kept by the store', () => {
    const store = fresh();
    const first = store.put({
      ...sampleObject('a'),
      metadata: { name: 'a', namespace: 'default', uid: 'forged', resourceVersion: '9' },
    });
    assert.deepEqual(
      { ...first.metadata, uid: '' },
      {
        name: 'a',
        namespace: 'default',
        uid: '',
        creationTimestamp: '1970-01-01T00:00:00Z',
        resourceVersion: '1',
        generation: 1,
      },
    );
    assert.notEqual(first.metadata.uid, 'forged');
    assert.equal(store.put(sampleObject('a')), first, 'equal content changes nothing');
    const labelled = store.put({
      ...sampleObject('a'),
      metadata: { name: 'a', namespace: 'default', labels: { x: 'y' } },
    });
    assert.deepEqual(
      [labelled.metadata.generation, labelled.metadata.resourceVersion, labelled.metadata.uid],
      [1, '2', first.metadata.uid],
    );
    assert.equal(store.put(sampleObject('a', 'b')).metadata.generation, 2);
    assert.ok(store.putStatus(refOf(first), { ready: true }));
    assert.ok(!store.putStatus(refOf(first), { ready: false }, 'another uid'));
    const kept = store.put(sampleObject('a', 'c')) as KubeObject & { status: unknown };
    assert.deepEqual([kept.status, kept.metadata.generation], [{ ready: true }, 3]);
  });
  test('a Pod is marked before it goes, and goes with its owner', () => {
    const store = fresh();
    const owner = store.put(sampleObject('owner'));
    store.put(pod('a', owner));
    const other = store.put(sampleObject('b'));
    store.delete(refOf(owner));
    const marked = store.get({ kind: 'Pod', namespace: 'default', name: 'a' })?.object;
    assert.equal(marked?.metadata.deletionTimestamp, '1970-01-01T00:00:00Z');
    assert.equal(
      store.put(pod('a')).metadata.deletionTimestamp,
      marked?.metadata.deletionTimestamp,
      'there is no way back',
    );
    assert.ok(store.finalize({ kind: 'Pod', namespace: 'default', name: 'a' }));
    assert.deepEqual(store.list('Pod'), []);
    assert.ok(store.get(refOf(other)));
    assert.ok(!store.delete(refOf(owner)));
  });
  test("a Secret's text becomes bytes; what is too large is refused", () => {
    const store = fresh();
    const secret = store.put({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's', namespace: 'default' },
      stringData: { a: 'hi' },
      data: { b: 'aG8=' },
    } as KubeObject);
    assert.deepEqual((secret as unknown as { data: unknown }).data, { b: 'aG8=', a: 'aGk=' });
    assert.throws(() => store.put(sampleObject('big', 'x'.repeat(1_500_000))), { code: 'object-too-large' });
  });
  test('whoever watches knows what is there, whatever happened and whenever it began', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('put' as const), name: fc.nat(4), value: fc.nat(2), owner: fc.option(fc.nat(4)) }),
      fc.record({ kind: fc.constantFrom('delete' as const, 'finalize' as const), name: fc.nat(4) }),
      fc.record({ kind: fc.constant('watch' as const) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const store = fresh();
        const views: Map<string, KubeObject>[] = [];
        for (const one of steps) {
          const name = 'name' in one ? `o${one.name}` : '';
          const kind = name === 'o0' || name === 'o1' ? 'Pod' : 'ConfigMap';
          if (one.kind === 'watch') {
            const view = new Map<string, KubeObject>();
            views.push(view);
            store.watch((line: WatchLine) => {
              if (line.type === 'DELETED') assert.ok(view.delete(line.object.metadata.name));
              else if ('object' in line) {
                assert.equal(view.has(line.object.metadata.name), line.type === 'MODIFIED');
                view.set(line.object.metadata.name, line.object);
              }
            });
          } else if (one.kind === 'put') {
            const owner =
              one.owner === null
                ? undefined
                : store.get({ kind: 'ConfigMap', namespace: 'default', name: `o${one.owner}` })?.object;
            store.put({ ...pod(name, owner), kind, spec: { value: one.value } });
          } else store[one.kind]({ kind, namespace: 'default', name });
        }
        const all = [...store.list('Pod'), ...store.list('ConfigMap')];
        for (const view of views)
          assert.deepEqual(
            new Map(all.map((object) => [object.metadata.name, object])),
            new Map([...view].toSorted(([a, x], [b, y]) => all.indexOf(x) - all.indexOf(y) || a.localeCompare(b))),
          );
        for (const object of all)
          for (const { uid } of object.metadata.ownerReferences ?? [])
            assert.ok(
              object.metadata.deletionTimestamp !== undefined || all.some((owner) => owner.metadata.uid === uid),
            );
      }),
    );
  });
});

describe('serving', { timeout: 60_000 }, () => {
  const post = (socketPath: string, path: string, body: string): Promise<[number | undefined, string]> =>
    new Promise((resolve, reject) => {
      const sent = request({ socketPath, path, method: 'POST' }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve([response.statusCode, text]));
      });
      sent.on('error', reject);
      sent.end(body);
    });
  test('token reviews are passed on, and nothing else is', async () => {
    const path = await folder();
    const socketPath = join(path, 's');
    const server = await serveStore(fresh(), { socketPath, reviewToken });
    const [status, text] = await post(socketPath, '/tokenreview', '{"spec":{"token":"t"}}');
    assert.deepEqual(
      [status, JSON.parse(text)],
      [200, { review: { spec: { token: 't' } }, status: { authenticated: true } }],
    );
    assert.equal((await post(socketPath, '/tokenreview', '{'))[0], 400);
    assert.equal((await post(socketPath, '/other', '{}'))[0], 404);
    await server.close();
    await rm(path, { recursive: true });
  });
  test('a list that breaks off, a silent connection and nonsense are never taken for a list', async () => {
    const path = await folder();
    const socketPath = join(path, 's');
    const head = 'HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n';
    const line = (name: string): string =>
      `${JSON.stringify({ type: 'ADDED', object: sampleObject(name), origin: { file: 'x', line: 1 } })}\n`;
    const answers = [
      head + line('a') + line('b') + '{"type":"SYNCED"}\n',
      `${head}${line('a')}`,
      `${head}${line('a')}{{{\n`,
      'silent',
      `${head}${line('a')}{"type":"SYNCED"}\n`,
    ];
    let connections = 0;
    const server: Server = createServer((socket) => {
      const answer = answers[Math.min(connections++, answers.length - 1)] ?? '';
      socket.on('error', () => undefined);
      if (answer === 'silent') return;
      if (connections === 1 || connections >= answers.length) socket.write(answer);
      else socket.end(answer);
      if (connections === 1) setTimeout(() => socket.destroy(), 20);
    }).listen(socketPath);
    const source = createStreamSource({ socketPath, retryMs: 1, silenceMs: 60 });
    const received = receive(source);
    await received.until(({ objects }) => objects.size === 2);
    await received.until(({ objects }) => objects.size === 1);
    assert.ok(connections >= 5, `the list without b came with connection ${connections}`);
    assert.deepEqual(
      received.batches.flatMap((batch) => batch.removed.map((ref) => ref.name)),
      ['b'],
    );
    await source.stop();
    server.close();
    await rm(path, { recursive: true });
  });
  test('a batch of many changes in one turn comes as few batches', async () => {
    const path = await folder();
    const socketPath = join(path, 's');
    const store = fresh();
    const server = await serveStore(store, { socketPath, reviewToken });
    const source = createStreamSource({ socketPath });
    const received = receive(source);
    await source.synced;
    for (let i = 0; i < 500; i++) store.put(sampleObject(`o${i}`));
    await received.until(({ objects }) => objects.size === 500);
    assert.ok(received.batches.length <= 3, `${received.batches.length} batches`);
    store.setProblems('files', [{ level: 'error', file: 'a.yaml', line: 3, column: 1, message: 'no' }]);
    await received.until(({ problems }) => problems()[0]?.file === 'a.yaml');
    await source.stop();
    await server.close();
    await rm(path, { recursive: true });
  });
});
