import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { MizzenError } from '../base/error.ts';
import type { ExecRequest, LogsRequest } from '../local/control/protocol.ts';
import { podName } from './pod-name.ts';
import { startFakeMesh } from './testing/fake-mesh.ts';
import { createPlace, fixedNow } from './testing/run-cli.ts';

const inMesh = ['--state', 'mesh-state'];

const shop = `apiVersion: v1
kind: Service
metadata:
  name: web
  labels: { app: web }
spec:
  ports: [{ port: 80, name: http }, { port: 53, protocol: UDP, name: dns }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: web }
spec:
  hosts: [web, shop.example]
  http: [{ route: [{ destination: { host: web } }] }]
---
apiVersion: v1
kind: Namespace
metadata: { name: other }
---
apiVersion: v1
kind: Service
metadata: { name: far, namespace: other }
spec: { type: ExternalName, externalName: far.example }
`;

test('words that are not known, and failures that nobody foresaw', async (t) => {
  const place = createPlace(t);
  assert.deepEqual(await place.run(['statsu']), {
    code: 2,
    out: '',
    err: 'error: command statsu is not known\n  fix: did you mean status?\n  see: mizzen --help\n',
  });
  assert.deepEqual(await place.run(['logs', 'web', '--folow']), {
    code: 2,
    out: '',
    err: 'error: option --folow is not known\n  fix: did you mean --follow?\n  see: mizzen logs --help\n',
  });
  mkdirSync(join(place.folder, 'empty'));
  const bug = await place.run(['up', 'empty']);
  assert.equal(bug.code, 1);
  assert.equal(
    bug.err,
    'bug: mizzen up failed in a way that nobody foresaw: Error: no mesh is to be started here\n  fix: report it with what MIZZEN_DEBUG=1 shows\n',
  );
  const shown = await place.run(['up', 'empty', '--state', 's'], { env: { MIZZEN_DEBUG: '1' } });
  assert.match(shown.err, /nobody foresaw: Error: .*\nError: no mesh is to be started here\n {4}at /u);
});

test('logs and exec pass on what was asked, and what comes back', async (t) => {
  const place = createPlace(t);
  const logs: LogsRequest[] = [];
  const execs: Pick<ExecRequest, 'name' | 'namespace' | 'container' | 'argv'>[] = [];
  await startFakeMesh(t, place, {
    async *logs(request) {
      logs.push(request);
      if (request.name === 'none')
        throw new MizzenError('pod-unknown', 'namespace default has no pod none', { fix: 'its pods are web' });
      yield Buffer.from('line\n');
    },
    exec: async ({ name, namespace, container, argv, stdin, stdout, stderr }) => {
      execs.push({ name, namespace, argv, ...(container === undefined ? {} : { container }) });
      stdout.write(`in: ${await text(stdin)}`);
      stderr.write('oh\n');
      return 7;
    },
  });
  const { out } = await place.run([
    'logs',
    'deployment/web',
    '-n',
    'shop',
    '-c',
    'app',
    '--tail',
    '5',
    '-p',
    ...inMesh,
  ]);
  assert.equal(out, 'line\n');
  const { signal: _, ...request } = logs[0] ?? assert.fail();
  assert.deepEqual(request, {
    name: 'deploy/web',
    namespace: 'shop',
    container: 'app',
    tail: 5,
    follow: false,
    previous: true,
  });
  assert.deepEqual(await place.run(['logs', 'none', ...inMesh]), {
    code: 1,
    out: '',
    err: 'error: namespace default has no pod none\n  fix: its pods are web\n',
  });

  const stdin = (): Readable => Readable.from([Buffer.from('words')]);
  const given = await place.run(['exec', 'web', '-i', ...inMesh, '--', 'cat', '-n', '--', 'x'], { stdin: stdin() });
  assert.deepEqual(given, { code: 7, out: 'in: words', err: 'oh\n' });
  assert.deepEqual(execs, [{ name: 'web', namespace: 'default', argv: ['cat', '-n', '--', 'x'] }]);
  assert.equal((await place.run(['exec', 'web', ...inMesh, '--', 'cat'], { stdin: stdin() })).out, 'in: ');
  const wrong = await place.run(['exec', 'web', ...inMesh, 'cat']);
  assert.deepEqual([wrong.code, wrong.err.split('\n')[0]], [2, 'error: "cat" is one argument too many']);
  assert.deepEqual(['pods/a', 'deployments.apps/a', 'deploy/a', 'a', 'job/a'].map(podName), [
    'a',
    'deploy/a',
    'deploy/a',
    'a',
    'job/a',
  ]);
});

test('get shows objects as tables and as documents', async (t) => {
  const place = createPlace(t);
  const { folder } = await startFakeMesh(t, place);
  writeFileSync(join(folder, 'shop.yaml'), shop);
  const get = async (...words: string[]): Promise<string> => {
    const { out, err } = await place.run(['get', ...words, ...inMesh], { now: () => fixedNow });
    return out + err;
  };
  assert.equal(
    await get('svc'),
    'NAME   TYPE        CLUSTER-IP   PORTS           AGE\nweb    ClusterIP   -            80/TCP,53/UDP   60m\n',
  );
  assert.equal(
    await get('services', '-A', '-o', 'wide'),
    `NAMESPACE   NAME   TYPE           CLUSTER-IP   PORTS           AGE   FROM
default     web    ClusterIP      -            80/TCP,53/UDP   60m   shop.yaml:1
other       far    ExternalName   -            -               60m   shop.yaml:20
`,
  );
  assert.equal(
    await get('virtualservices.networking.istio.io'),
    'NAME   GATEWAYS   HOSTS              AGE\nweb    -          web,shop.example   60m\n',
  );
  assert.equal(await get('ns'), 'NAME    AGE\nother   60m\n');
  assert.equal(await get('svc', '-A', '-o', 'name'), 'services/web\nservices/far\n');
  assert.match(await get('vs/web', '-o', 'yaml'), /^apiVersion: networking\.istio\.io\/v1\nkind: VirtualService\n/u);
  assert.equal((JSON.parse(await get('ns', 'other', '-o', 'json')) as { kind: string }).kind, 'Namespace');
  const list = JSON.parse(await get('svc', '-A', '-o', 'json')) as { kind: string; items: unknown[] };
  assert.deepEqual([list.kind, list.items.length], ['List', 2]);
  assert.equal(await get('pods'), 'there is no Pod in namespace default\n');
  assert.equal(
    await get('svc', 'far'),
    'error: there is no Service far in namespace default\n  fix: mizzen get svc -A shows those that there are\n',
  );
  assert.match(await get('servces'), /^error: kind servces is not known\n {2}fix: did you mean services\?\n/u);
});

test('validate names file, line, field and fix, without a mesh', async (t) => {
  const place = createPlace(t);
  mkdirSync(join(place.folder, 'rules'));
  writeFileSync(join(place.folder, 'rules/good.yaml'), shop);
  writeFileSync(
    join(place.folder, 'rules/bad.yaml'),
    'apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: x }\nspec:\n  hosts: [x]\n  htp: []\n',
  );
  writeFileSync(join(place.folder, 'odd.yaml'), 'apiVersion: batch/v1\nkind: Job\nmetadata: { name: x }\n---\n{');
  assert.deepEqual(await place.run(['validate', '-f', 'rules/good.yaml']), {
    code: 0,
    out: '"rules/good.yaml" is valid\n',
    err: '',
  });
  const bad = await place.run(['v', '-f', 'rules']);
  assert.equal(bad.code, 1);
  assert.equal(bad.out, '"rules/good.yaml" is valid\n');
  assert.match(
    bad.err,
    /^rules\/bad\.yaml:6: error: VirtualService default\/x spec\.htp: there is no field "htp" here\n {2}fix: write http\n/mu,
  );
  const json = await place.run(['validate', '-f', 'odd.yaml', '-o', 'json']);
  assert.equal(json.code, 1);
  const { problems } = JSON.parse(json.out) as { problems: { level: string; line: number; object: string }[] };
  assert.deepEqual(
    problems.map(({ level, line, object }) => [level, line, object]),
    [
      ['warning', 2, 'Job default/x'],
      ['error', 5, ''],
    ],
  );
  const stdin = Readable.from([Buffer.from(shop), Buffer.from('---\n'), Buffer.from(shop)]);
  const twice = await place.run(['validate', '-f', '-'], { stdin });
  assert.deepEqual([twice.code, twice.out], [0, 'validation succeed\n']);
  assert.match(
    twice.err,
    /^standard input:25: warning: Service default\/web: is defined at standard input:1 already\n/u,
  );
  assert.match((await place.run(['validate', '-f', 'nope.yaml'])).err, /^error: nope\.yaml does not exist\n/u);
  assert.equal((await place.run(['validate'])).code, 2);
});

test('explain-api prints the ledger', async (t) => {
  const place = createPlace(t);
  const all = await place.run(['explain-api']);
  assert.match(
    all.out,
    /^KIND +APIVERSION +SHORT +SUPPORTED\nVirtualService +networking\.istio\.io\/v1 +vs +\d+\/\d+\n/u,
  );
  assert.match(all.out, /^MeshConfig +istio\.mesh\.v1alpha1 +\d+\/\d+\n/mu);
  const one = await place.run(['explain-api', 'vs.spec.http.retries']);
  assert.match(one.out, /^VirtualService \(networking\.istio\.io\/v1\): \d+\/\d+ fields supported\n\nFIELD/u);
  assert.match(one.out, /^spec\.http\[\]\.retries\.attempts +whole number +yes +\S.*; default 2$/mu);
  assert.doesNotMatch(one.out, /spec\.tcp/u);
  const json = JSON.parse((await place.run(['explain-api', 'gw', '-o', 'json'])).out) as {
    kind: string;
    total: number;
    fields: unknown[];
  };
  assert.equal(json.kind, 'Gateway');
  assert.equal(json.fields.length, json.total);
  assert.match((await place.run(['explain-api', 'virtualservise'])).err, /did you mean virtualservice\?/u);
  assert.equal((await place.run(['explain-api', 'vs.spec.nope'])).code, 2);
});

test('version, for people and programs', async (t) => {
  const place = createPlace(t);
  const { out } = await place.run(['version']);
  assert.match(out, /^client version: \d+\.\d+\.\d+\nenvoy version: 1\.40\.0\nnode version: 2\d\.\d+\.\d+\n$/u);
  assert.deepEqual(await place.run(['--version']), { code: 0, out, err: '' });
  const json = JSON.parse((await place.run(['version', '-o', 'json'])).out) as { envoyVersion: string };
  assert.equal(json.envoyVersion, '1.40.0');
});

test('completion knows commands, options, choices, kinds, pods and folders', async (t) => {
  const place = createPlace(t);
  const { folder, stateFolder } = await startFakeMesh(t, place);
  writeFileSync(join(folder, 'web.yaml'), 'apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web }\n');
  const words = async (...typed: string[]): Promise<string> => {
    const { out } = await place.run(['__complete', '--', ...typed], { env: { MIZZEN_STATE: stateFolder } });
    return out.trim().replaceAll('\n', ' ');
  };
  assert.equal(await words('ver'), 'version');
  assert.equal(await words('logs', '--f'), '--follow');
  assert.equal(await words('get', 'pods', '-o', 'j'), 'json');
  assert.equal(await words('get', '-A', 'virtuals'), 'virtualservice virtualservices');
  assert.equal(await words('logs', '-n', 'default', ''), 'deploy/web web-1');
  assert.equal(await words('up', 's'), 'shop/');
  assert.equal(await words('exec', 'web-1', '--', ''), '');
  assert.equal(await words('nope', ''), '');
  assert.equal((await place.run(['__complete', '--', 'logs', ''])).out, '', 'no mesh, no words, no complaint');
});

test("bash completes with the program's own words", async (t) => {
  const place = createPlace(t);
  const { out } = await place.run(['completion', 'bash']);
  const script = `mizzen() { printf '%s\\n' "got:$*"; }\n${out}\nCOMP_WORDS=(mizzen logs de); COMP_CWORD=2; _mizzen_complete; printf '%s' "\${COMPREPLY[@]}"`;
  const { stdout, stderr, error } = spawnSync('bash', ['--norc', '-c', script], { encoding: 'utf8' });
  assert.deepEqual([error, stderr, stdout], [undefined, '', 'got:__complete -- logs de']);
  for (const shell of ['zsh', 'fish']) assert.match((await place.run(['completion', shell])).out, /__complete --/u);
  assert.equal((await place.run(['completion', 'tcsh'])).code, 2);
});
