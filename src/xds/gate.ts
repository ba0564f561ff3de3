import { appliedGeneration, drop, touch } from './applied.ts';
import { clusterRemovalMs, ignoredClusters, planType, sendableMs } from './gate-plan.ts';
import { demandAll, takeRequest, type Answer } from './gate-request.ts';
import { createGateState, defaultTiming, type GateParts, type GateState, type GateTiming } from './gate-state.ts';
import { isWanted, latestOf } from './ledger.ts';
import type { GateRequest, GateResponse } from './message.ts';
import { createProxyMemory, type ProxyMemory } from './proxy-memory.ts';
import { isListType, typeOrder, type GateSource, type ResourceKey } from './source.ts';
import { statusOf, type GateStatus } from './status.ts';

/** What a gate decides over. */
export interface GateOptions {
  readonly source: GateSource;
  /** Makes nonces unique among streams, for the logs; any text. */
  readonly noncePrefix: string;
  /** Carried from one stream of a proxy to the next; by default nothing is known. */
  readonly memory?: ProxyMemory;
  /** By default `defaultTiming`. */
  readonly timing?: Partial<GateTiming>;
  /** Clusters of the proxy's bootstrap, always ready. None by default. */
  readonly bootstrapClusters?: ReadonlySet<string>;
}

/** Names that were awaited for longer than the patience allows. */
export interface WaitNotice {
  readonly type: 'listener' | 'route';
  readonly name: string;
  readonly unit: string;
  readonly clusters: readonly string[];
}

/**
 * Decides what one proxy is sent, and when: a state machine over one stream without clock or network. Feed it what
 * happens, then take responses until there are none, and come back at `wakeMs`.
 */
export interface Gate {
  request(request: GateRequest, nowMs: number): Answer;
  /** The source changed. False if nothing of it concerns this proxy: there is nothing to take. */
  change(changed: readonly ResourceKey[]): boolean;
  /** The next response to send; undefined if nothing may go now. */
  take(nowMs: number): GateResponse | undefined;
  /** When there may be something to take though nothing happens; undefined for never. */
  wakeMs(): number | undefined;
  /** Waits that became overdue since the last call. */
  overdue(nowMs: number): readonly WaitNotice[];
  status(nowMs: number): GateStatus;
  /** The newest generation that is applied on the proxy; 0 for none. */
  applied(): number;
  /** How many names the proxy asks for. */
  subscriptions(): number;
}

/** Makes the gate of a stream that begins now. */
export type CreateGate = (options: GateOptions, nowMs: number) => Gate;

/** A gate for a stream that begins now. */
export function createGate(options: GateOptions, nowMs: number): Gate {
  const parts: GateParts = {
    source: options.source,
    noncePrefix: options.noncePrefix,
    memory: options.memory ?? createProxyMemory(),
    timing: { ...defaultTiming, ...options.timing },
    bootstrapClusters: options.bootstrapClusters ?? new Set(),
  };
  const state = createGateState(parts, nowMs);
  return {
    request: (request, now) => takeRequest(state, request, now),
    change: (changed) => noteChange(state, changed),
    take: (now) => take(state, now),
    wakeMs: () => wakeMs(state),
    overdue: (now) => overdue(state, now),
    status: (now) => statusOf(state, now),
    applied: () => applied(state),
    subscriptions: () => typeOrder.reduce((sum, type) => sum + state.ledgers[type].names.size, 0),
  };
}

function applied(state: GateState): number {
  const { cluster, listener } = state.ledgers;
  if (!cluster.isSolicited || !listener.isSolicited) return 0;
  return appliedGeneration(state.applied, state.source.generation);
}

function noteChange(state: GateState, changed: readonly ResourceKey[]): boolean {
  let concerns = false;
  for (const { type, name } of changed) {
    const ledger = state.ledgers[type];
    if (!ledger.isRequested || !isWanted(ledger, name)) continue;
    concerns = true;
    ledger.dirty.add(name);
    if (isListType(type) && state.source.read(type, name) === undefined && latestOf(ledger, name) === undefined) {
      drop(state.applied, type, name);
    } else touch(state.applied, { type, name }, state.source.generation);
    if (type === 'cluster') wakeWaiting(state, name);
  }
  return concerns;
}

/** A cluster that comes or goes may change whether its name gets an empty assignment. */
function wakeWaiting(state: GateState, cluster: string): void {
  const { endpoint } = state.ledgers;
  if (endpoint.names.has(cluster)) endpoint.dirty.add(cluster);
}

function take(state: GateState, nowMs: number): GateResponse | undefined {
  if (isUnsolicitedDue(state, nowMs)) {
    const { cluster } = state.ledgers;
    cluster.isRequested = true;
    cluster.isWildcard = true;
    demandAll(state, cluster);
  }
  for (const wait of state.waits.values()) {
    if (wait.isHeld && nowMs >= earliestMs(wait.units) + state.timing.patienceMs)
      state.ledgers[wait.type].dirty.add(wait.name);
  }
  for (const type of typeOrder) {
    const response = planType(state, type, nowMs);
    if (response !== undefined) return response;
  }
  return undefined;
}

/**
 * Envoy asks for no clusters on a new stream while one of an earlier stream warms; what it warms for may need a cluster
 * that it does not have. It takes one that comes unasked.
 */
function isUnsolicitedDue(state: GateState, nowMs: number): boolean {
  if (state.ledgers.cluster.isRequested || !state.isReconnected || state.firstRequestMs === undefined) return false;
  return nowMs >= state.firstRequestMs + state.timing.unsolicitedMs;
}

function wakeMs(state: GateState): number | undefined {
  const times: number[] = [];
  const { cluster } = state.ledgers;
  if (!cluster.isRequested && state.isReconnected && state.firstRequestMs !== undefined) {
    times.push(state.firstRequestMs + state.timing.unsolicitedMs);
  }
  const clustersFromMs = sendableMs(state, cluster);
  if (clustersFromMs !== undefined && cluster.isRequested) {
    if (clustersFromMs > 0 && cluster.dirty.size + cluster.suspects.size > 0) times.push(clustersFromMs);
    for (const name of state.usage.leaving.keys()) {
      const removalMs = clusterRemovalMs(state, name);
      if (removalMs !== undefined) times.push(Math.max(removalMs, clustersFromMs));
    }
    for (const { dueMs } of ignoredClusters(state)) times.push(Math.max(dueMs, clustersFromMs));
  }
  for (const wait of state.waits.values()) {
    // What is held goes when its time is up; if it could not, only an event helps.
    if (!wait.isReported) times.push(earliestMs(wait.units) + state.timing.patienceMs);
  }
  return times.length === 0 ? undefined : Math.min(...times);
}

function overdue(state: GateState, nowMs: number): readonly WaitNotice[] {
  const notices: WaitNotice[] = [];
  for (const wait of state.waits.values()) {
    if (wait.isReported || nowMs < earliestMs(wait.units) + state.timing.patienceMs) continue;
    wait.isReported = true;
    for (const [unit, { clusters }] of wait.units) notices.push({ type: wait.type, name: wait.name, unit, clusters });
  }
  return notices;
}

function earliestMs(units: ReadonlyMap<string, { readonly sinceMs: number }>): number {
  return Math.min(...[...units.values()].map((unit) => unit.sinceMs));
}
