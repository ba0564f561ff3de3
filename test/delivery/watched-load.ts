/** Requests on both ways to the service while something changes: through the gateway, and from a client's sidecar. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { withLock } from '../../tools/lock.mjs';
import { projectFolder } from '../demo/by-command.ts';
import { exec, type TestMesh } from '../demo/context.ts';
import { loadLine, openLoop, type LoadResult } from '../load/open-loop.ts';
import { echoHost } from './bed.ts';

/** Runs something while no other process of this checkout does: two loads at once would see each other as delays. */
export function exclusively<T>(work: () => Promise<T>): Promise<T> {
  return withLock(join(projectFolder, 'node_modules/.cache/load.lock'), work, () => undefined);
}

/** How much load, and what changes meanwhile. */
export interface WatchedChange {
  readonly ratePerSecond: number;
  /** Requests on each of the two ways. */
  readonly count: number;
  /** Begins when the load runs; the load goes on for as long as `count` says. */
  readonly change: (mesh: TestMesh) => Promise<void>;
}

/** What both loops saw. */
export interface WatchedResult {
  readonly gateway: LoadResult;
  readonly sidecar: LoadResult;
}

/** Time that the load runs before the change begins, in milliseconds. */
const leadMs = 700;

/** Runs the change under load on both ways at once. */
export async function underLoad(mesh: TestMesh, options: WatchedChange): Promise<WatchedResult> {
  const { ratePerSecond, count, change } = options;
  const url = `${await mesh.gateway()}/`;
  const gateway = openLoop({
    url,
    headers: { host: echoHost },
    ratePerSecond,
    count,
    expectBody: 'from v',
    tally: /from v\d/u,
  });
  const sidecar = loadFromClient(mesh, ratePerSecond, count);
  await new Promise((resolve) => setTimeout(resolve, leadMs));
  const [viaGateway, viaSidecar, changed] = await Promise.allSettled([gateway, sidecar, change(mesh)]);
  if (changed.status === 'rejected') throw new Error(await describe(mesh), { cause: changed.reason });
  if (viaGateway.status === 'rejected') throw viaGateway.reason;
  if (viaSidecar.status === 'rejected') throw viaSidecar.reason;
  return { gateway: viaGateway.value, sidecar: viaSidecar.value };
}

async function describe(mesh: TestMesh): Promise<string> {
  const { generation, pods, proxies, problems } = await mesh.control.status();
  return `the change failed; the mesh: ${JSON.stringify({ generation, pods, proxies, problems }, undefined, 1)}`;
}

async function loadFromClient(mesh: TestMesh, ratePerSecond: number, count: number): Promise<LoadResult> {
  const program = `${mesh.projectFolder}/test/load/open-loop.ts`;
  const flags = {
    url: `http://${echoHost}:8000/`,
    rate: `${ratePerSecond}`,
    count: `${count}`,
    body: 'from v',
    tally: 'from v[0-9]',
  };
  const argv = ['node', program, ...Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value])];
  const { code, stdout, stderr } = await exec(mesh, 'deploy/client', argv);
  assert.equal(code, 0, `the load generator failed: ${stderr}`);
  return JSON.parse(stdout) as LoadResult;
}

/** Lines to print: sent, failed and the bound, for each way. */
export function resultLines({ gateway, sidecar }: WatchedResult): readonly string[] {
  return [`through the gateway: ${loadLine(gateway)}`, `from a sidecar: ${loadLine(sidecar)}`];
}

/** What the proxies counted. */
export interface ProxyCounts {
  readonly requests: number;
  /** Requests that some proxy sent again: none may hide a failure. */
  readonly retries: number;
  /** Clusters that had a request, counted on each proxy. */
  readonly clusters: readonly string[];
}

/** Asks every proxy. */
export async function countsOf(mesh: TestMesh): Promise<ProxyCounts> {
  const script = `fetch('http://127.0.0.1:15000/stats?filter=upstream_rq_(total|retry)').then(async (r) => process.stdout.write(await r.text()))`;
  const { proxies } = await mesh.control.status();
  let [requests, retries] = [0, 0];
  const clusters: string[] = [];
  for (const { pod } of proxies) {
    const { stdout } = await exec(mesh, pod, ['node', '-e', script]);
    for (const line of stdout.split('\n')) {
      const [, cluster = '', counter, value] =
        /^cluster\.((?:inbound|outbound)\|.*)\.upstream_rq_(total|retry): (\d+)$/u.exec(line) ?? [];
      if (counter === 'retry') retries += Number(value);
      if (counter !== 'total' || value === '0') continue;
      requests += Number(value);
      clusters.push(cluster);
    }
  }
  return { requests, retries, clusters };
}
