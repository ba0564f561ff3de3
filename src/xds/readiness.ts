import { latestOf } from './ledger.ts';
import type { GateState } from './gate-state.ts';
import type { Resource } from '../proto/resource.ts';
import { keyOf } from './source.ts';

/** True if requests that a proxy sends to this cluster find it usable there. */
export function isClusterReady(state: GateState, cluster: string): boolean {
  return state.readiness.ready.has(cluster) || state.bootstrapClusters.has(cluster);
}

/** A cluster is new on the proxy in this response: what was known of one of the same name is void. */
export function expectCluster(state: GateState, cluster: string, sequence: number): void {
  loseCluster(state, cluster);
  state.readiness.addedSequence.set(cluster, sequence);
}

/** The cluster is no longer on the proxy, or on its way out. */
export function loseCluster(state: GateState, cluster: string): void {
  const { ready, assigned, acknowledged, lackSecret } = state.readiness;
  for (const names of [ready, assigned, acknowledged, lackSecret]) names.delete(cluster);
}

/** The proxy gave up its endpoints: an assignment acknowledged before proves nothing any more. */
export function loseAssignment(state: GateState, cluster: string): void {
  state.readiness.assigned.delete(cluster);
  if (clusterOn(state, cluster)?.readyBy === 'assignment') state.readiness.ready.delete(cluster);
}

/** The proxy acknowledged the assignment (`assigned`) or the cluster (`acknowledged`) in response `sequence`. */
export function noteSignal(
  state: GateState,
  signal: 'assigned' | 'acknowledged',
  cluster: string,
  sequence: number,
): void {
  if (sequence < (state.readiness.addedSequence.get(cluster) ?? 0)) return;
  state.readiness[signal].add(cluster);
  evaluate(state, cluster);
}

/** The proxy acknowledged a secret: clusters that lacked it may be ready. */
export function noteSecret(state: GateState): void {
  for (const cluster of state.readiness.lackSecret) evaluate(state, cluster);
}

function evaluate(state: GateState, cluster: string): void {
  const { ready, lackSecret } = state.readiness;
  if (ready.has(cluster)) return;
  const resource = clusterOn(state, cluster);
  if (resource === undefined || !hasSignal(state, cluster, resource)) return;
  if (missingSecret(state, resource) !== undefined) {
    lackSecret.add(cluster);
    return;
  }
  lackSecret.delete(cluster);
  ready.add(cluster);
  for (const wait of state.waits.values()) {
    const isAwaited = [...wait.units.values()].some((unit) => unit.clusters.includes(cluster));
    if (isAwaited) state.ledgers[wait.type].dirty.add(wait.name);
  }
}

function hasSignal(state: GateState, cluster: string, resource: Resource): boolean {
  return state.readiness[resource.readyBy === 'assignment' ? 'assigned' : 'acknowledged'].has(cluster);
}

function missingSecret(state: GateState, resource: Resource): string | undefined {
  return resource.needs.find((need) => need.type === 'secret' && !state.ledgers.secret.acked.has(need.name))?.name;
}

/** The cluster as it is on the proxy, or as it should be where the proxy has an unknown form. */
function clusterOn(state: GateState, cluster: string): Resource | undefined {
  const held = latestOf(state.ledgers.cluster, cluster);
  return held === undefined ? undefined : (held.content?.resource ?? state.source.read('cluster', cluster));
}

/** What an unready cluster waits for, as the end of a sentence that begins with its name. */
export function causeOf(state: GateState, cluster: string): string {
  const refusal = state.refused.get(keyOf('cluster', cluster));
  if (refusal !== undefined) return `was refused by Envoy: ${refusal}`;
  const resource = clusterOn(state, cluster);
  if (resource === undefined) {
    const exists = state.source.read('cluster', cluster) !== undefined;
    return exists ? 'is not sent yet' : 'does not exist in the view of this proxy';
  }
  if (!hasSignal(state, cluster, resource)) {
    if (resource.readyBy !== 'assignment')
      return 'is not acknowledged: it waits for a name lookup, a health check or another cluster';
    const isAsked = state.ledgers.endpoint.names.has(cluster);
    return isAsked
      ? 'waits for its endpoints to be acknowledged'
      : 'was sent, but Envoy has not asked for its endpoints: it is still at work or refused it';
  }
  const secret = missingSecret(state, resource);
  return secret === undefined ? 'is warming' : `waits for the secret ${secret}`;
}
