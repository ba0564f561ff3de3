import type { XdsType } from '../proto/resource.ts';
import { createApplied, settle, type Applied } from './applied.ts';
import { wholeOf, type Composite } from './composite.ts';
import { createLedger, latestOf, type Held, type Ledger } from './ledger.ts';
import type { ProxyMemory } from './proxy-memory.ts';
import { isListType, keyOf, type GateSource } from './source.ts';
import { emptyAssignment, emptyRoutes } from './stand-in.ts';
import { createUsage, release, retain, type Usage } from './usage.ts';

/** The gate's times, in milliseconds. */
export interface GateTiming {
  /** After this a wait is reported, and a resource that waits as a whole goes without its missing units. */
  readonly patienceMs: number;
  /** The least that a cluster stays after its last user was acknowledged gone. */
  readonly drainMs: number;
  /** How long a cluster response may be unanswered before the next goes all the same; doubled with each, 5 s at most. */
  readonly overtakeMs: number;
  /** How long a reconnected proxy that asks for other types may not ask for clusters before they go unasked. */
  readonly unsolicitedMs: number;
}

/** Istio's drain; the others from what real Envoys need. */
export const defaultTiming: GateTiming = Object.freeze({
  patienceMs: 5_000,
  drainMs: 45_000,
  overtakeMs: 100,
  unsolicitedMs: 1_000,
});

/** Units of one resource that wait. */
export interface ResourceWait {
  readonly type: 'listener' | 'route';
  readonly name: string;
  /** Unit (empty for the head) → since when and for which clusters. */
  readonly units: ReadonlyMap<string, { readonly sinceMs: number; readonly clusters: readonly string[] }>;
  /** True if nothing of the resource goes meanwhile. */
  readonly isHeld: boolean;
  isReported: boolean;
}

/** Which clusters a proxy can use, and what showed it. */
export interface Readiness {
  /** Usable, until removed: a changed cluster warms while its old form serves. */
  readonly ready: Set<string>;
  /** The assignment was acknowledged after the cluster was sent. */
  readonly assigned: Set<string>;
  /** The cluster itself was acknowledged. */
  readonly acknowledged: Set<string>;
  /** The response in which a cluster was new; answers to older ones say nothing about it. */
  readonly addedSequence: Map<string, number>;
  /** Clusters that show their signal and lack only a secret. */
  readonly lackSecret: Set<string>;
}

/** Everything the gate knows of one stream. */
export interface GateState {
  readonly source: GateSource;
  readonly timing: GateTiming;
  readonly memory: ProxyMemory;
  readonly noncePrefix: string;
  readonly bootstrapClusters: ReadonlySet<string>;
  readonly ledgers: Readonly<Record<XdsType, Ledger>>;
  readonly usage: Usage;
  readonly readiness: Readiness;
  readonly applied: Applied;
  readonly waits: Map<string, ResourceWait>;
  /** Names whose wanted version the proxy refused, with Envoy's text. */
  readonly refused: Map<string, string>;
  sequence: number;
  firstRequestMs: number | undefined;
  /** True if the proxy came with something from an earlier stream. */
  isReconnected: boolean;
  /** True once the proxy answered a response of this stream. */
  hasAnswered: boolean;
  /** Listeners and routes on the proxy of which only the version is known; what they use is not known either. */
  unknownUsers: number;
  /** Since when all users are known. */
  knownSinceMs: number;
}

/** What a gate is made of besides its times. */
export type GateParts = Pick<GateState, 'source' | 'timing' | 'memory' | 'noncePrefix' | 'bootstrapClusters'>;

/** A stream on which nothing happened yet. */
export function createGateState(parts: GateParts, nowMs: number): GateState {
  return {
    ...parts,
    ledgers: {
      cluster: createLedger('cluster'),
      endpoint: createLedger('endpoint'),
      listener: createLedger('listener'),
      route: createLedger('route'),
      secret: createLedger('secret'),
    },
    usage: createUsage(),
    readiness: {
      ready: new Set(),
      assigned: new Set(),
      acknowledged: new Set(),
      addedSequence: new Map(),
      lackSecret: new Set(),
    },
    applied: createApplied(),
    waits: new Map(),
    refused: new Map(),
    sequence: 0,
    firstRequestMs: undefined,
    isReconnected: false,
    hasAnswered: false,
    unknownUsers: 0,
    knownSinceMs: nowMs,
  };
}

/**
 * What the proxy should have under a name it asked for; undefined where it should have nothing. A name that the view
 * does not have gets a stand-in, so that nothing warms for ever, but never over something that the proxy still uses.
 */
export function targetOf(state: GateState, type: XdsType, name: string): Composite | undefined {
  const resource = state.source.read(type, name);
  if (resource !== undefined) return wholeOf(resource, state.timing.drainMs);
  if (isListType(type) || type === 'secret') return undefined;
  const held = latestOf(state.ledgers[type], name);
  const cluster = type === 'endpoint' ? state.source.read('cluster', name) : undefined;
  // A cluster that is leaving keeps its endpoints, a listener that is leaving its routes.
  if (held !== undefined && cluster === undefined) return held.content;
  const standIn = type === 'endpoint' ? emptyAssignment(name, cluster?.version ?? '') : emptyRoutes(name);
  return wholeOf(standIn, state.timing.drainMs);
}

/** The proxy is known to hold `content` under this name, or only a version of it. */
export function setHeld(
  state: GateState,
  ledger: Ledger,
  held: { readonly name: string; readonly version: string; readonly content: Composite | undefined },
): void {
  ledger.acked.set(held.name, { version: held.version, content: held.content });
  if (ledger.type !== 'listener' && ledger.type !== 'route') return;
  if (held.content === undefined) state.unknownUsers++;
  else state.memory.held.set(keyOf(ledger.type, held.name), held.content);
}

/** The proxy no longer holds what it held under this name. */
export function clearHeld(state: GateState, ledger: Ledger, name: string, nowMs: number): void {
  const held = ledger.acked.get(name);
  if (held === undefined) return;
  ledger.acked.delete(name);
  endUse(state, ledger.type, held, nowMs);
  state.memory.held.delete(keyOf(ledger.type, name));
}

/** What a proxy no longer holds uses nothing any more. */
export function endUse(state: GateState, type: XdsType, held: Held, nowMs: number): void {
  if (held.content !== undefined) release(state.usage, held.content, nowMs);
  else if (type === 'listener' || type === 'route') {
    state.unknownUsers--;
    if (state.unknownUsers === 0) state.knownSinceMs = nowMs;
  }
}

/** Takes over what a proxy says it holds from an earlier stream. */
export function adopt(state: GateState, ledger: Ledger, name: string, version: string): void {
  const target = targetOf(state, ledger.type, name);
  const remembered = state.memory.held.get(keyOf(ledger.type, name));
  const content = [target, remembered].find((candidate) => candidate?.version === version);
  if (content !== undefined) retain(state.usage, content);
  setHeld(state, ledger, { name, version, content });
}

/** Counts a name as applied if the proxy has what it must warm with; else it is tried again at the next answer. */
export function settleWarm(state: GateState, type: XdsType, name: string, generation: number): void {
  if (isWarm(state, type, name)) settle(state.applied, { type, name }, generation);
  else state.applied.warming.set(keyOf(type, name), { type, name, generation });
}

/** Tries the names again that were acknowledged and not warm. */
export function retryWarming(state: GateState): void {
  for (const { type, name, generation } of state.applied.warming.values()) settleWarm(state, type, name, generation);
}

function isWarm(state: GateState, type: XdsType, name: string): boolean {
  if (type === 'cluster') return state.readiness.ready.has(name);
  const content = state.ledgers[type].acked.get(name)?.content;
  if (content === undefined) return true;
  const { secret, route } = state.ledgers;
  return (
    content.secrets.every((each) => secret.acked.has(each)) && content.routes.every((each) => route.acked.has(each))
  );
}
