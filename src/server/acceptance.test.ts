import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openAcceptedStore } from '../history/accepted-store.ts';
import type { ConfigMap } from '../schema/index.ts';
import type { KubeObject, SourcedObject } from '../schema/object.ts';
import { Acceptance, readMeshConfig } from './acceptance.ts';

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mizzen-acceptance-'));
});
after(() => rm(folder, { recursive: true, force: true }));

const rule = (host: unknown): KubeObject => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'DestinationRule',
  metadata: { name: 'r', namespace: 'default' },
  spec: { host },
});
const placed = (object: KubeObject): SourcedObject => ({
  object,
  origin: { file: 'r.yaml', line: 1, lines: { 'spec.host': 4, spec: 3 } },
});
const ref = { kind: 'DestinationRule', namespace: 'default', name: 'r' };

const store = (): ReturnType<typeof openAcceptedStore> =>
  openAcceptedStore(join(folder, 'accepted'), (error) => assert.fail(String(error)));

test('the last good form serves, also after a restart, and goes with the object', async () => {
  const files = store();
  const first = new Acceptance(files, []);
  first.take({ changed: [placed(rule('good'))], removed: [], problems: [] });
  const refused = first.take({ changed: [placed(rule(7))], removed: [], problems: [] });
  assert.deepEqual(
    refused.put.map((object) => object.spec),
    [{ host: 'good' }],
  );
  const [problem] = first.problems;
  assert.deepEqual([problem?.file, problem?.line, problem?.field], ['r.yaml', 4, 'spec.host']);
  assert.match(problem?.message ?? '', /last good form serves/u);

  await files.flush();
  const { objects } = await files.load();
  const restarted = new Acceptance(files, objects);
  const again = restarted.take({ changed: [placed(rule(7))], removed: [], problems: [] });
  assert.deepEqual(
    again.put.map((object) => object.spec),
    [{ host: 'good' }],
  );

  restarted.take({ changed: [], removed: [ref], problems: [] });
  await files.flush();
  assert.deepEqual((await store().load()).objects, []);
  assert.deepEqual(restarted.problems, []);
});

test('without any good form the object is left out, and its neighbours are not', () => {
  const acceptance = new Acceptance(store(), []);
  const other = { ...rule('other'), metadata: { name: 'other', namespace: 'default' } };
  const { put } = acceptance.take({ changed: [placed(rule(undefined)), placed(other)], removed: [], problems: [] });
  assert.deepEqual(
    put.map((object) => object.metadata.name),
    ['other'],
  );
  assert.match(acceptance.problems[0]?.message ?? '', /left out/u);
});

test('what was recorded and went meanwhile does not come back', () => {
  const acceptance = new Acceptance(store(), [rule('old')]);
  assert.deepEqual(acceptance.unseen(new Set()), [ref]);
});

test('a torn record is named and left out', async () => {
  await writeFile(join(folder, 'accepted', 'Gateway~a~b.json'), '{"kind":');
  assert.deepEqual((await store().load()).unreadable, ['Gateway~a~b.json']);
});

test('mesh settings: what is wrong is told, and nothing of it is taken', () => {
  assert.deepEqual(readMeshConfig('accessLogFile: /dev/stdout'), {
    config: { accessLogFile: '/dev/stdout' },
    violations: [],
  });
  assert.equal(readMeshConfig('accessLogFile: [').violations[0]?.level, 'error');
  assert.equal(readMeshConfig('connectTimeout: soon').violations[0]?.level, 'error');
  const acceptance = new Acceptance(store(), []);
  const map = (mesh: string): SourcedObject => {
    const metadata = { name: 'istio', namespace: 'istio-system' };
    const object: ConfigMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { mesh } };
    return { object, origin: { file: 'mesh.yaml', line: 1 } };
  };
  assert.deepEqual(acceptance.take({ changed: [map('trustDomain: td')], removed: [], problems: [] }).meshConfig, {
    trustDomain: 'td',
  });
  assert.equal(acceptance.take({ changed: [map('trustDomain: [')], removed: [], problems: [] }).meshConfig, undefined);
  assert.equal(acceptance.problems.length, 1);
});
