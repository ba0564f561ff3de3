/** Bursts of edits that a proxy survives only if each step waits for the one before. */
import { setTimeout as pause } from 'node:timers/promises';
import type { TestMesh } from '../demo/context.ts';
import { echoRoute, echoSubsets } from './bed.ts';

/** How many subsets come and go, and how long each state stands, in milliseconds. */
const [rounds, stepMs] = [40, 115];

/** Adds a subset that is new and the route to it, and takes both away again, forty times. */
export async function subsetsComeAndGo(mesh: TestMesh): Promise<void> {
  for (let round = 1; round <= rounds; round++) {
    const subset = `s${round}`;
    await mesh.write('subsets.yaml', echoSubsets({ v1: 'v1', v2: 'v2', [subset]: 'v1' }));
    await mesh.write('route.yaml', echoRoute({ [subset]: 100 }));
    await pause(stepMs);
    await mesh.write('route.yaml', echoRoute({ v1: 100 }));
    await mesh.write('subsets.yaml', echoSubsets({ v1: 'v1', v2: 'v2' }));
    await pause(stepMs);
  }
}
