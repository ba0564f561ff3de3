import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MeshProblem, MeshStatus, PodState, ProxyState } from '../local/control/protocol.ts';
import { changesBetween } from './changes.ts';
import { statusText, welcomeText } from './status-text.ts';
import { styleFor } from './style.ts';
import { startFakeMesh, statusWith } from './testing/fake-mesh.ts';
import { createPlace, fixedNow } from './testing/run-cli.ts';

const plain = styleFor(false, {});
const [web, proxy] = [statusWith().pods[0], statusWith().proxies[0]];

function pod(parts: Partial<PodState>): PodState {
  return { ...(web ?? assert.fail()), ...parts };
}

function proxyOf(parts: Partial<ProxyState>): ProxyState {
  return { ...(proxy ?? assert.fail()), ...parts };
}

const problem: MeshProblem = {
  level: 'error',
  object: 'VirtualService default/reviews',
  file: 'rules.yaml',
  line: 12,
  field: 'spec.http[0].route[0].weight',
  message: 'must not be negative',
  fix: 'write 0 or more',
};

test('a table for people', () => {
  const status = statusWith({
    pods: [
      pod({}),
      pod({
        name: 'db-1',
        ready: false,
        containers: '1/2',
        phase: 'Pending',
        restarts: 3,
        reason: 'db: CrashLoopBackOff',
      }),
    ],
    proxies: [
      proxyOf({}),
      proxyOf({ pod: 'db-1', state: 'WARMING', reason: 'cluster x waits', generation: 5 }),
      proxyOf({ pod: 'lost', state: 'DISCONNECTED', reason: 'no stream', generation: 0 }),
    ],
    problems: [
      problem,
      { level: 'warning', object: '', file: 'old.yaml', line: 0, field: '', message: 'cannot be read' },
      { ...problem, level: 'warning', line: 13, field: 'spec.x', message: 'spec.x: has no effect' },
    ],
    controlPlane: { connected: false, reason: 'it does not answer' },
  });
  assert.equal(
    statusText(status, plain, fixedNow),
    `mesh shop is ready: generation 7, pods ready 1/2, proxies SYNCED 1/3, as an ordinary user, from /shop
control plane not connected: it does not answer

GATEWAY           PORT   ADDRESS
istio-system/gw   80     http://localhost:8080

POD             READY   STATUS    RESTARTS   AGE   PROXY          REASON
default/web-1   2/2     Running   0          45s   SYNCED
default/db-1    1/2     Pending   3          45s   WARMING (5)    db: CrashLoopBackOff; cluster x waits
default/lost    -       -         -          -     DISCONNECTED   no stream

problems: 1 error, 2 warnings
rules.yaml:12: error: VirtualService default/reviews spec.http[0].route[0].weight: must not be negative
  fix: write 0 or more
old.yaml: warning: cannot be read
rules.yaml:13: warning: VirtualService default/reviews: spec.x: has no effect
  fix: write 0 or more

note: UDP other than DNS does not leave the mesh
`,
  );
  const bare = statusWith({ pods: [], proxies: [], gateways: [], notes: [] });
  assert.match(statusText(bare, plain, fixedNow), /^mesh shop is ready: [^\n]*\n\nno pods\n$/u);
});

test('where to go first', () => {
  assert.equal(welcomeText(statusWith(), plain), '\nopen http://localhost:8080\n');
  const tryThis = ['open {80}/shop, or {81}', 'mizzen status'];
  assert.equal(
    welcomeText(statusWith({ tryThis }), plain),
    '\nopen http://localhost:8080\n\ntry:\n  open http://localhost:8080/shop, or {81}\n  mizzen status\n',
  );
  assert.equal(welcomeText(statusWith({ gateways: [] }), plain), '');
});

test('colours are for terminals without NO_COLOR', () => {
  assert.equal(styleFor(true, {}).red('x'), '\u001B[31mx\u001B[39m');
  for (const [isTerminal, env] of [
    [false, {}],
    [true, { NO_COLOR: '1' }],
    [true, { TERM: 'dumb' }],
  ] as const)
    assert.equal(styleFor(isTerminal, env).red('x'), 'x');
});

test('what changes is told in a line, and what does not is not', () => {
  const base = statusWith();
  const cases: readonly (readonly [string, MeshStatus, MeshStatus, readonly string[]])[] = [
    ['nothing', base, statusWith(), []],
    [
      'states on the way are no news',
      base,
      statusWith({ state: 'starting', proxies: [proxyOf({ state: 'STALE', generation: 6 })] }),
      [],
    ],
    [
      'a file, not yet applied',
      base,
      statusWith({ generation: 8, changedFiles: ['a.yaml', 'b.yaml'], proxies: [proxyOf({ state: 'STALE' })] }),
      ['generation 8: a.yaml, b.yaml changed\n'],
    ],
    [
      'many files, applied at once',
      base,
      statusWith({ generation: 8, changedFiles: ['a', 'b', 'c', 'd', 'e'], proxies: [proxyOf({ generation: 8 })] }),
      ['generation 8: a, b, c and 2 more changed\n', 'generation 8 is applied on all 1 proxies\n'],
    ],
    [
      'applied later',
      statusWith({ generation: 8, proxies: [proxyOf({ state: 'STALE' })] }),
      statusWith({ generation: 8, proxies: [proxyOf({ generation: 8 })] }),
      ['generation 8 is applied on all 1 proxies\n'],
    ],
    [
      'a problem',
      base,
      statusWith({ problems: [problem] }),
      [
        'rules.yaml:12: error: VirtualService default/reviews spec.http[0].route[0].weight: must not be negative\n  fix: write 0 or more\n',
      ],
    ],
    [
      'a problem whose line has moved',
      statusWith({ problems: [problem] }),
      statusWith({ problems: [{ ...problem, line: 20 }] }),
      [],
    ],
    [
      'a problem solved',
      statusWith({ problems: [problem] }),
      base,
      ['solved: rules.yaml: VirtualService default/reviews spec.http[0].route[0].weight: must not be negative\n'],
    ],
    [
      'a restart',
      base,
      statusWith({ pods: [pod({ restarts: 1, ready: false, reason: 'exit code 1' })] }),
      ['pod default/web-1 restarted (1): exit code 1\n'],
    ],
    ['not ready', base, statusWith({ pods: [pod({ ready: false })] }), ['pod default/web-1 is not ready\n']],
    ['a new reason', base, statusWith({ pods: [pod({ reason: 'slow' })] }), ['pod default/web-1: slow\n']],
    [
      'pods come and go',
      base,
      statusWith({ pods: [pod({ name: 'web-2' })] }),
      ['pod default/web-2 is new\n', 'pod default/web-1 is gone\n'],
    ],
    [
      'refused',
      base,
      statusWith({ proxies: [proxyOf({ state: 'REJECTED', reason: 'bad' })] }),
      ['proxy default/web-1 is REJECTED: bad\n'],
    ],
    [
      'the control plane ends; its generation and its proxies are unknown then',
      base,
      statusWith({
        controlPlane: { connected: false, reason: 'killed' },
        generation: 0,
        proxies: [proxyOf({ state: 'DISCONNECTED' })],
      }),
      ['the control plane is gone (killed); traffic goes on as it was\n'],
    ],
    [
      'the control plane is back',
      statusWith({ controlPlane: { connected: false, reason: '' }, generation: 0 }),
      base,
      ['the control plane is back\n'],
    ],
    ['the end', base, statusWith({ state: 'stopping', pods: [] }), ['the mesh is stopping\n']],
    ['after the end', statusWith({ state: 'stopping' }), statusWith({ state: 'stopping', pods: [] }), []],
  ];
  for (const [name, before, after, lines] of cases) assert.deepEqual(changesBetween(before, after, plain), lines, name);
});

test('status finds its mesh by --state, by MIZZEN_STATE, and says what it misses', async (t) => {
  const place = createPlace(t);
  const { stateFolder, folder } = await startFakeMesh(t, place);
  const table = await place.run(['status', '--state', 'mesh-state'], { now: () => fixedNow });
  assert.deepEqual([table.code, table.err], [0, '']);
  assert.match(table.out, /^mesh shop is ready: .* from FOLDER\/shop\n/u);
  const json = await place.run(['status', '-o', 'json'], { env: { MIZZEN_STATE: stateFolder } });
  assert.deepEqual(
    JSON.parse(json.out.replaceAll('FOLDER', place.folder)),
    statusWith({ folder, manifests: [folder] }),
  );
  assert.deepEqual(await place.run(['status']), {
    code: 1,
    out: '',
    err: 'error: no mesh is running\n  fix: start one: mizzen up DIR\n',
  });
  assert.deepEqual(await place.run(['status', '--state', 'none']), {
    code: 1,
    out: '',
    err: 'error: no mesh runs in FOLDER/none\n  fix: start one: mizzen up DIR\n',
  });
});

test('status --watch shows each change once, until the mesh ends', async (t) => {
  const place = createPlace(t);
  let asked = 0;
  await startFakeMesh(t, place, {
    status: async () => {
      asked++;
      if (asked > 4) throw new Error('gone');
      return statusWith({ generation: asked < 3 ? 1 : 2 });
    },
  });
  const { out, err } = await place.run(['status', '--watch', '-o', 'json', '--state', 'mesh-state']);
  const generations = out
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as MeshStatus).generation);
  assert.deepEqual(generations, [1, 2]);
  assert.equal(err, 'the mesh has ended\n');
});
