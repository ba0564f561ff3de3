import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import type { MeshControl, MeshStatus } from '../local/control/protocol.ts';
import { startFakeMesh, statusWith } from './testing/fake-mesh.ts';
import { createPlace, type Place, type Ran } from './testing/run-cli.ts';

const inMesh = ['--state', 'mesh-state'];

const route = (host: string): string => `# Who answers.
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: web # its name
spec:
  hosts: [web]
  http: [{ route: [{ destination: { host: ${host} } }] }]
`;

interface Shop extends Place {
  readonly shop: string;
  write(name: string, text: string): void;
  apply(...words: string[]): Promise<Ran>;
}

async function createShop(t: TestContext, parts: Partial<MeshControl> = {}): Promise<Shop> {
  const place = createPlace(t);
  const { folder } = await startFakeMesh(t, place, parts);
  return {
    ...place,
    shop: folder,
    write: (name, text) => writeFileSync(join(place.folder, name), text),
    apply: (...words) => place.run(['apply', ...inMesh, ...words]),
  };
}

test('an object becomes a file of its own, with the words of its author', async (t) => {
  const place = await createShop(t);
  place.write('r.yaml', route('web'));
  const path = join(place.shop, 'virtualservice-default-web.yaml');
  const done = (action: string): Ran => ({
    code: 0,
    out: `VirtualService default/web ${action} (virtualservice-default-web.yaml)\n`,
    err: '',
  });
  assert.match(
    (await place.apply('-f', 'r.yaml', '--dry-run')).out,
    /^VirtualService default\/web created \(dry run\) /u,
  );
  assert.ok(!existsSync(path));
  assert.deepEqual(await place.apply('-f', 'r.yaml'), done('created'));
  assert.equal(readFileSync(path, 'utf8'), `# Written by mizzen apply; mizzen delete takes it away.\n${route('web')}`);
  const before = statSync(path).ino;
  place.write('r.yaml', `${route('web')}\n# another remark\n`);
  assert.deepEqual(await place.apply('-f', 'r.yaml'), done('unchanged'));
  assert.equal(statSync(path).ino, before);
  place.write('r.yaml', route('other'));
  assert.deepEqual(await place.apply('-f', 'r.yaml'), done('configured'));
  assert.match(readFileSync(path, 'utf8'), /host: other/u);
  assert.deepEqual(readdirSync(place.shop), ['virtualservice-default-web.yaml']);

  const deleted = await place.run(['delete', 'vs', 'web', ...inMesh]);
  assert.deepEqual(deleted, { code: 0, out: 'VirtualService default/web deleted\n', err: '' });
  assert.deepEqual(readdirSync(place.shop), []);
  const again = await place.run(['delete', 'vs', 'web', ...inMesh]);
  assert.deepEqual(
    [again.code, again.err],
    [1, 'error: VirtualService default/web: not in the mesh; nothing was deleted\n'],
  );
  assert.equal((await place.run(['delete', 'vs', 'web', '--ignore-not-found', ...inMesh])).code, 0);
});

test('many objects at once: lists, documents, folders, standard input; each reads back as it was', async (t) => {
  const place = await createShop(t);
  mkdirSync(join(place.folder, 'all'));
  const tricky = {
    yes: 'yes',
    number: '012',
    multi: 'a\n b\n',
    empty: '',
    tab: '\t',
    colon: 'a: b',
    on: 'on',
    date: '2026-01-01',
    sixty: '1:20',
  };
  const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'odd' }, data: tricky };
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'key' }, stringData: { key: 'value' } };
  place.write('all/list.json', JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [map, secret] }));
  place.write('all/ns.yaml', 'apiVersion: v1\nkind: Namespace\nmetadata: { name: far }');
  const stdin = Readable.from([Buffer.from(`${route('web')}---\n${route('web').replace('name: web', 'name: b')}`)]);
  const { code, out, err } = await place.run(['apply', '-f', 'all', '-f', '-', ...inMesh], { stdin });
  assert.deepEqual([code, err], [0, '']);
  assert.deepEqual(
    out
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split(' ').at(-1)),
    [
      '(configmap-default-odd.yaml)',
      '(secret-default-key.yaml)',
      '(namespace-far.yaml)',
      '(virtualservice-default-web.yaml)',
      '(virtualservice-default-b.yaml)',
    ],
  );
  const read = await place.run(['get', 'cm', 'odd', '-o', 'json', ...inMesh]);
  assert.deepEqual((JSON.parse(read.out) as { data: unknown }).data, tricky);
  assert.equal(statSync(join(place.shop, 'secret-default-key.yaml')).mode & 0o777, 0o600);
  const gone = await place.run(['delete', '-f', 'all', ...inMesh]);
  assert.equal(gone.out, 'ConfigMap default/odd deleted\nSecret default/key deleted\nNamespace far deleted\n');
  assert.equal(readdirSync(place.shop).length, 2);
});

test('what another file defines is refused by apply and delete, and nothing is written', async (t) => {
  const place = await createShop(t);
  writeFileSync(join(place.shop, 'own.yaml'), `# mine\n${route('web')}`);
  place.write('r.yaml', `${route('other')}---\n${route('web').replace('name: web', 'name: b')}`);
  assert.deepEqual(await place.apply('-f', 'r.yaml'), {
    code: 1,
    out: '',
    err: 'error: VirtualService default/web is defined in own.yaml:3\nnothing was applied\n  fix: edit it there, or take it away there first\n',
  });
  assert.deepEqual(await place.run(['delete', 'vs/web', ...inMesh]), {
    code: 1,
    out: '',
    err: 'error: VirtualService default/web is defined in own.yaml:3\nnothing was deleted\n  fix: apply did not write it: take it away where it is defined\n',
  });
  assert.deepEqual(readdirSync(place.shop), ['own.yaml']);
});

test("a user's file that has the name already keeps it, and so does another object", async (t) => {
  const place = await createShop(t);
  writeFileSync(join(place.shop, 'virtualservice-default-web.yaml'), '# empty\n');
  const service = (namespace: string, name: string): string =>
    `apiVersion: v1\nkind: Service\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: { ports: [{ port: 80 }] }\n`;
  place.write('r.yaml', [route('web'), service('a', 'b-c'), service('a-b', 'c')].join('---\n'));
  assert.equal((await place.apply('-f', 'r.yaml', '-f', 'r.yaml')).code, 0);
  const names = readdirSync(place.shop).toSorted();
  assert.equal(names.length, 4, names.join());
  assert.equal(names.filter((name) => /^service-a-b-c(-[a-z0-9]{6})?\.yaml$/u.test(name)).length, 2);
  assert.match(names[3] ?? '', /^virtualservice-default-web\.yaml$/u);
  assert.equal((await place.apply('-f', 'r.yaml')).out.match(/unchanged/gu)?.length, 3);
});

test('what is wrong is told before anything is written', async (t) => {
  const place = await createShop(t);
  place.write('bad.yaml', `${route('web')}  htp: []\n---\n${route('web')}`);
  const { code, out, err } = await place.apply('-f', 'bad.yaml');
  assert.deepEqual([code, out], [1, '']);
  assert.match(
    err,
    /^bad\.yaml:9: error: VirtualService default\/web spec\.htp: there is no field "htp" here\n {2}fix: write http\n/u,
  );
  assert.match(err, /^bad\.yaml:12: error: VirtualService default\/web: is defined at bad\.yaml:2 already\n/mu);
  assert.match(err, /^error: 2 errors; nothing was applied\n/mu);
  place.write('none.yaml', '# nothing\n');
  assert.match((await place.apply('-f', 'none.yaml')).err, /^error: there is no object to apply\n/u);
  assert.deepEqual(readdirSync(place.shop), []);
});

test('-n gives a namespace to those that name none, and contradicts no other', async (t) => {
  const place = await createShop(t);
  place.write('r.yaml', route('web'));
  const { out } = await place.apply('-f', 'r.yaml', '-n', 'far');
  assert.equal(out, 'VirtualService far/web created (virtualservice-far-web.yaml)\n');
  place.write('r.yaml', route('web').replace('metadata:', 'metadata:\n  namespace: near'));
  assert.match(
    (await place.apply('-f', 'r.yaml', '-n', 'far')).err,
    /^r\.yaml:5: error: VirtualService near\/web metadata\.namespace: is near, and the command line says far\n/u,
  );
  assert.equal((await place.run(['delete', 'vs', 'web', '-n', 'far', ...inMesh])).code, 0);
});

test('a mesh that does not take it, or that reads single files only, is told of', async (t) => {
  const problem = {
    level: 'error',
    object: '',
    file: 'virtualservice-default-web.yaml',
    line: 1,
    field: '',
    message: 'refused for a reason',
  } as const;
  let folder = '';
  const place = await createShop(t, {
    objects: async () => [],
    status: async (): Promise<MeshStatus> => statusWith({ folder, manifests: [folder], problems: [problem] }),
  });
  folder = place.shop;
  place.write('r.yaml', route('web'));
  assert.match(
    (await place.apply('-f', 'r.yaml', '--timeout', '0')).err,
    /^error: the mesh has not taken VirtualService default\/web: refused for a reason\n {2}fix: FOLDER\/shop\/virtualservice-default-web\.yaml is written;/u,
  );
  folder = join(place.folder, 'r.yaml');
  assert.match((await place.apply('-f', 'r.yaml')).err, /^error: this mesh reads single files and has no folder/u);
});

test('--wait waits for every proxy', async (t) => {
  let asked = 0;
  let folder = '';
  const place = await createShop(t, {
    status: async () => {
      asked++;
      const [proxy] = statusWith().proxies;
      const state = asked > 3 ? 'SYNCED' : 'STALE';
      const proxies = proxy === undefined ? [] : [{ ...proxy, state, generation: asked > 3 ? 8 : 7 } as const];
      return statusWith({ folder, manifests: [folder], generation: asked > 1 ? 8 : 7, proxies });
    },
  });
  folder = place.shop;
  place.write('r.yaml', route('web'));
  const { out } = await place.apply('-f', 'r.yaml', '--wait');
  assert.match(out, /\napplied on all 1 proxies\n$/u);
  assert.equal(asked, 4);
});

test('a folder that cannot be written to', async (t) => {
  const place = await createShop(t);
  place.write('r.yaml', route('web'));
  chmodSync(place.shop, 0o500);
  const isRoot = process.getuid?.() === 0;
  const { code, err } = await place.apply('-f', 'r.yaml');
  chmodSync(place.shop, 0o700);
  if (isRoot) assert.equal(code, 0, 'root may write anywhere');
  else assert.match(err, /^error: FOLDER\/shop\/virtualservice-default-web\.yaml cannot be written \(EACCES\)\n/u);
});
