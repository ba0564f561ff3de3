import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { TestMesh } from '../demo/context.ts';
import { bedFiles, openBed, readyBed } from './bed.ts';
import { subsetsComeAndGo } from './bursts.ts';
import { countsOf, exclusively, resultLines, underLoad, type ProxyCounts, type WatchedResult } from './watched-load.ts';

let mesh: TestMesh | undefined;
after(() => mesh?.end());

/** The same mesh and the same edits, with the product's control plane or with one that waits for nothing. */
async function run(controlPlane?: string): Promise<WatchedResult & { readonly counts: ProxyCounts }> {
  mesh = await readyBed(await openBed({ files: bedFiles, ...(controlPlane === undefined ? {} : { controlPlane }) }));
  const result = await underLoad(mesh, { ratePerSecond: 250, count: 4_000, change: subsetsComeAndGo });
  const counts = await countsOf(mesh);
  assert.equal(counts.retries, 0);
  await mesh.end();
  mesh = undefined;
  return { ...result, counts };
}

test('40 subsets that come and go under load cost nothing; without the gate the same load sees failures', async (context) => {
  const gated = await exclusively(() => run());
  for (const line of resultLines(gated)) context.diagnostic(`with the gate, ${line}`);
  const naive = await exclusively(() => run(join(import.meta.dirname, 'naive-main.ts')));
  for (const line of resultLines(naive)) context.diagnostic(`naive, ${line}`);
  assert.deepEqual([gated.gateway.failed, gated.sidecar.failed], [0, 0]);
  // Each request is one at the client's proxy and one at the server's; clusters that leave are still there to be asked.
  assert.ok(gated.counts.requests >= 2 * (gated.gateway.sent + gated.sidecar.sent), `${gated.counts.requests} counted`);
  const used = gated.counts.clusters.filter((cluster) => /\|s\d+\|/u.test(cluster)).length;
  context.diagnostic(`with the gate, ${used} of 2 × 40 new subsets had requests`);
  assert.ok(used >= 60, 'the edits hardly reached the proxies: nothing is shown');
  const refused = [naive.gateway, naive.sidecar].map(({ reasons }) => reasons['status 503'] ?? 0);
  assert.ok(Math.max(...refused) > 0, 'the naive way failed nothing: this load would see nothing');
});
