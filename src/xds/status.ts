import type { XdsType } from '../proto/resource.ts';
import type { GateState } from './gate-state.ts';
import { causeOf } from './readiness.ts';
import { typeOrder } from './source.ts';

/**
 * How a proxy stands to its configuration. SYNCED: it acknowledged all of it. STALE: something is on its way. WARMING:
 * something waits for a cluster, a secret or a route. REJECTED: Envoy refused something that it still should have.
 * (DISCONNECTED is said by whoever knows which proxies there should be.)
 */
export type SyncState = 'SYNCED' | 'STALE' | 'WARMING' | 'REJECTED';

/** One type's counts. */
export interface TypeStatus {
  /** Names that the proxy should have. */
  readonly subscribed: number;
  /** Names of which it acknowledged some form. */
  readonly acked: number;
  /** Names under way. */
  readonly inFlight: number;
}

/** A unit that waits. */
export interface WaitStatus {
  readonly type: 'listener' | 'route';
  readonly name: string;
  /** The virtual host or filter chain; empty for the head of the resource. */
  readonly unit: string;
  readonly forMs: number;
  readonly clusters: readonly { readonly cluster: string; readonly cause: string }[];
}

/** A resource whose wanted form Envoy refused. */
export interface RefusalStatus {
  readonly type: XdsType;
  readonly name: string;
  /** Envoy's text. */
  readonly message: string;
}

/** What the gate of a stream says of its proxy. */
export interface GateStatus {
  readonly state: SyncState;
  /** One line; empty when SYNCED. */
  readonly reason: string;
  readonly types: Readonly<Record<XdsType, TypeStatus>>;
  readonly waits: readonly WaitStatus[];
  readonly refused: readonly RefusalStatus[];
}

/** The state of a stream at this moment. */
export function statusOf(state: GateState, nowMs: number): GateStatus {
  const waits = waitsOf(state, nowMs);
  const refused = [...state.refused].map(([key, message]) => ({ ...splitKey(key), message }));
  const types = Object.fromEntries(typeOrder.map((type) => [type, typeStatus(state, type)])) as Record<
    XdsType,
    TypeStatus
  >;
  return { ...judge(state, waits, refused), types, waits, refused };
}

function judge(
  state: GateState,
  waits: readonly WaitStatus[],
  refused: readonly RefusalStatus[],
): Pick<GateStatus, 'state' | 'reason'> {
  const [refusal] = refused;
  if (refusal !== undefined) {
    return { state: 'REJECTED', reason: `Envoy refused ${refusal.type} ${refusal.name}: ${refusal.message}` };
  }
  const warming = waits[0] === undefined ? warmingReason(state) : waitReason(waits[0]);
  if (warming !== undefined) return { state: 'WARMING', reason: warming };
  const pending = pendingReason(state);
  return pending === undefined ? { state: 'SYNCED', reason: '' } : { state: 'STALE', reason: pending };
}

function waitReason(wait: WaitStatus): string {
  const [first] = wait.clusters;
  const what = wait.unit === '' ? wait.name : `${wait.unit} of ${wait.name}`;
  return first === undefined
    ? `${wait.type} ${what} waits`
    : `${wait.type} ${what} waits: cluster ${first.cluster} ${first.cause}`;
}

/** Why something that the proxy has is not warm there; undefined if all is. */
function warmingReason(state: GateState): string | undefined {
  const [warming] = state.applied.warming.values();
  if (warming !== undefined) {
    if (warming.type === 'cluster') return `cluster ${warming.name} ${causeOf(state, warming.name)}`;
    return `${warming.type} ${warming.name} waits for ${missingPart(state, warming.type, warming.name)}`;
  }
  for (const flight of state.ledgers.cluster.flights) {
    for (const name of flight.added.keys()) {
      if (!state.readiness.ready.has(name)) return `cluster ${name} ${causeOf(state, name)}`;
    }
  }
  return undefined;
}

function missingPart(state: GateState, type: XdsType, name: string): string {
  const content = state.ledgers[type].acked.get(name)?.content;
  const secret = content?.secrets.find((each) => !state.ledgers.secret.acked.has(each));
  if (secret !== undefined) return `the secret ${secret}`;
  const route = content?.routes.find((each) => !state.ledgers.route.acked.has(each));
  return route === undefined ? 'an acknowledgement' : `the route configuration ${route}`;
}

function pendingReason(state: GateState): string | undefined {
  for (const type of typeOrder) {
    const ledger = state.ledgers[type];
    if (ledger.flights.length > 0) return `waits for Envoy to acknowledge its ${type} resources`;
  }
  if (!state.ledgers.cluster.isSolicited) return 'has not asked for clusters yet';
  if (!state.ledgers.listener.isSolicited) return 'has not asked for listeners yet';
  const [pending] = state.applied.pending.keys();
  if (pending === undefined) return undefined;
  const { type, name } = splitKey(pending);
  return `${type} ${name} is not acknowledged yet`;
}

function typeStatus(state: GateState, type: XdsType): TypeStatus {
  const ledger = state.ledgers[type];
  const inFlight = new Set(ledger.flights.flatMap((flight) => [...flight.added.keys(), ...flight.removed.keys()]));
  const subscribed = ledger.isWildcard ? state.source.list(type).length : ledger.names.size;
  return { subscribed, acked: ledger.acked.size, inFlight: inFlight.size };
}

function waitsOf(state: GateState, nowMs: number): WaitStatus[] {
  const waits: WaitStatus[] = [];
  for (const { type, name, units } of state.waits.values()) {
    for (const [unit, { sinceMs, clusters }] of units) {
      const causes = clusters.map((cluster) => ({ cluster, cause: causeOf(state, cluster) }));
      waits.push({ type, name, unit, forMs: nowMs - sinceMs, clusters: causes });
    }
  }
  return waits;
}

function splitKey(key: string): { readonly type: XdsType; readonly name: string } {
  const at = key.indexOf('\n');
  const type = typeOrder.find((each) => each === key.slice(0, at));
  if (type === undefined) throw new TypeError(`not a resource key: ${key}`);
  return { type, name: key.slice(at + 1) };
}
