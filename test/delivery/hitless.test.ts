import assert from 'node:assert/strict';
import { loadavg } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';
import { exec, until, type TestMesh } from '../demo/context.ts';
import { plainClient } from '../demo/steps.ts';
import { bedFiles, echoDeployment, echoRoute, echoSubsets, openBed, readyBed } from './bed.ts';
import { countsOf, exclusively, resultLines, underLoad, type WatchedResult } from './watched-load.ts';

/** One change under load. */
interface Scenario {
  readonly name: string;
  /** Requests on each way. */
  readonly count: number;
  /** By default 200; less where pods start, for they take the same two cores. */
  readonly ratePerSecond?: number;
  readonly change: (mesh: TestMesh) => Promise<void>;
  /** Throws if the change did not take effect. */
  readonly proof?: (mesh: TestMesh, result: WatchedResult) => Promise<void> | void;
}

const subsets = { v1: 'v1', v2: 'v2' };
const strict = (mode: string): string => `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: istio-system }
spec: { mtls: { mode: ${mode} } }
`;
const connectionPool = (seconds: number): string =>
  echoSubsets(subsets).replace(
    'subsets:',
    `trafficPolicy: { connectionPool: { tcp: { connectTimeout: ${seconds}s } } }, subsets:`,
  );
const denyElsewhere = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: deny-elsewhere }
spec: { action: DENY, rules: [{ to: [{ operation: { paths: [/secret] } }] }] }
`;

/** The versions that answered, of both loops. */
function answered({ gateway, sidecar }: WatchedResult): ReadonlySet<string> {
  return new Set([gateway, sidecar].flatMap(({ tallied }) => Object.keys(tallied)));
}

async function echoPods(mesh: TestMesh, version: string): Promise<readonly string[]> {
  const { pods } = await mesh.control.status();
  return pods.filter(({ name, ready }) => ready && name.startsWith(`echo-${version}`)).map(({ name }) => name);
}

async function scaled(mesh: TestMesh, replicas: number): Promise<void> {
  await mesh.write('echo-v1.yaml', echoDeployment('v1', replicas));
  await until(
    `${replicas} pods`,
    async () => {
      const { pods } = await mesh.control.status();
      const all = pods.filter(({ name }) => name.startsWith('echo-v1'));
      return all.length === replicas && all.every(({ ready }) => ready);
    },
    30_000,
  );
}

/** Status that a pod outside of the mesh gets from the service, in clear; 000 for none. */
async function inClear(mesh: TestMesh): Promise<string> {
  const ask = ['curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', '--max-time', '5', 'http://echo:8000/'];
  return (await exec(mesh, 'plain', ask)).stdout;
}

let killed = 0;
const killControlPlane = async (mesh: TestMesh): Promise<void> => {
  const restarts = async (): Promise<number> =>
    (await mesh.control.status()).pods.find(({ name }) => name.startsWith('istiod'))?.restarts ?? 0;
  const count = await restarts();
  const script = `kill -9 $(cat /proc/*/stat 2>/dev/null | awk '$2 == "(node)" || $2 == "(MainThread)" {print $1}')`;
  await exec(mesh, 'deploy/istiod', ['sh', '-c', script]);
  await until('the control plane was restarted', async () => (await restarts()) > count, 30_000);
  killed += 1;
};

const scenarios: readonly Scenario[] = [
  {
    name: 'subset and route added in one edit, and removed in one edit',
    count: 1_600,
    change: async (mesh) => {
      await mesh.remove('subsets.yaml');
      for (let round = 0; round < 8; round++) {
        const added = round % 2 === 0 ? { [`e${round}`]: 'v2' } : {};
        const [to = 'v1'] = Object.keys(added);
        await mesh.write('route.yaml', `${echoSubsets({ ...subsets, ...added })}---\n${echoRoute({ [to]: 100 })}`);
        await pause(600);
      }
      await mesh.write('route.yaml', echoRoute({ v1: 100 }));
      await mesh.write('subsets.yaml', echoSubsets(subsets));
    },
    proof: (_mesh, result) => assert.ok(answered(result).has('from v2'), 'the new subsets had no request'),
  },
  {
    name: 'a route to a subset that its DestinationRule gets later',
    count: 1_400,
    change: async (mesh) => {
      for (let round = 0; round < 3; round++) {
        await mesh.write('route.yaml', echoRoute({ [`late${round}`]: 100 }));
        await pause(800);
        await mesh.write('subsets.yaml', echoSubsets({ ...subsets, [`late${round}`]: 'v2' }));
        await pause(600);
      }
      await mesh.write('route.yaml', echoRoute({ v1: 100 }));
      await mesh.write('subsets.yaml', echoSubsets(subsets));
    },
    proof: (_mesh, result) => assert.ok(answered(result).has('from v2'), 'the late subsets had no request'),
  },
  {
    name: 'the backend switched, and its clusters changed',
    count: 1_400,
    change: async (mesh) => {
      for (let round = 0; round < 6; round++) {
        await mesh.write('route.yaml', echoRoute(round % 2 === 0 ? { v2: 100 } : { v1: 100 }));
        await mesh.write('subsets.yaml', connectionPool(round + 2));
        await pause(700);
      }
      await mesh.write('subsets.yaml', echoSubsets(subsets));
    },
    proof: (_mesh, result) => assert.equal(answered(result).size, 2),
  },
  {
    name: 'PERMISSIVE to STRICT and back, and a policy that denies something else',
    count: 1_600,
    change: async (mesh) => {
      for (let round = 0; round < 3; round++) {
        await mesh.write('strict.yaml', strict('STRICT'));
        await until('nothing comes in in clear', async () => (await inClear(mesh)) !== '200');
        await pause(200);
        await mesh.write('deny.yaml', denyElsewhere);
        await mesh.write('strict.yaml', strict('PERMISSIVE'));
        await until('what is in clear comes in again', async () => (await inClear(mesh)) === '200');
        await pause(200);
        await mesh.remove('deny.yaml');
      }
      await mesh.remove('strict.yaml');
    },
  },
  {
    name: 'a rolling restart',
    count: 1_000,
    ratePerSecond: 100,
    change: async (mesh) => {
      const old = await echoPods(mesh, 'v1');
      await mesh.write('echo-v1.yaml', echoDeployment('v1', 1, 'again'));
      await until(
        'other pods serve, and the old ones are gone',
        async () => {
          const { pods } = await mesh.control.status();
          const names = pods.filter(({ name }) => name.startsWith('echo-v1')).map(({ name }) => name);
          return (
            names.length > 0 && !names.some((name) => old.includes(name)) && (await echoPods(mesh, 'v1')).length > 0
          );
        },
        30_000,
      );
    },
  },
  {
    name: 'from one pod to five and back to one',
    count: 1_200,
    ratePerSecond: 100,
    change: async (mesh) => {
      await scaled(mesh, 5);
      await pause(500);
      await scaled(mesh, 1);
    },
  },
  {
    name: 'the control plane killed in the middle of edits',
    count: 1_800,
    ratePerSecond: 150,
    change: async (mesh) => {
      await mesh.write('route.yaml', echoRoute({ v1: 50, v2: 50 }));
      await killControlPlane(mesh);
      await mesh.write('subsets.yaml', echoSubsets({ ...subsets, after: 'v2' }));
      await mesh.write('route.yaml', echoRoute({ after: 100 }));
      await until('the proxies are back', async () => (await mesh.control.status()).state === 'ready');
      await pause(500);
      await killControlPlane(mesh);
      await mesh.write('route.yaml', echoRoute({ v1: 100 }));
    },
    proof: (_mesh, result) => {
      assert.equal(killed, 2);
      assert.equal(answered(result).size, 2);
    },
  },
];

describe('a change never costs a request', () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await exclusively(async () =>
      readyBed(await openBed({ files: { ...bedFiles, 'plain.yaml': plainClient } })),
    );
  });
  after(async () => mesh.end());

  for (const scenario of scenarios) {
    test(scenario.name, async (context) => {
      context.diagnostic(`load of the machine: ${loadavg()[0]?.toFixed(1) ?? ''}`);
      const { count, change, ratePerSecond = 200 } = scenario;
      const result = await exclusively(() => underLoad(mesh, { ratePerSecond, count, change }));
      for (const line of resultLines(result)) context.diagnostic(line);
      await scenario.proof?.(mesh, result);
      assert.deepEqual([result.gateway.failed, result.sidecar.failed], [0, 0]);
      await until('everything is settled', async () => (await mesh.control.status()).state === 'ready', 30_000);
    });
  }

  test('no proxy sent a request twice', async () => {
    const { requests, retries } = await countsOf(mesh);
    assert.ok(requests > 15_000, `${requests} requests counted`);
    assert.equal(retries, 0);
  });
});
