import type { XdsType } from '../proto/resource.ts';
import { drop, touch } from './applied.ts';
import { compose, isSameContent, type Composite, type Composition } from './composite.ts';
import { clearHeld, setHeld, settleWarm, targetOf, type GateState, type ResourceWait } from './gate-state.ts';
import { force, isWanted, latestOf, type Held, type Ledger } from './ledger.ts';
import type { GateResponse } from './message.ts';
import { refusalOf } from './proxy-memory.ts';
import { expectCluster, isClusterReady, loseCluster } from './readiness.ts';
import { isListType, keyOf } from './source.ts';
import { forget, removalMs, retain } from './usage.ts';

/** How many cluster responses may be unanswered at once. */
const flightsLimit = 64;
/** The longest that one unanswered cluster response delays the next. */
const overtakeLimitMs = 5_000;

/** What a response will hold. */
interface Draft {
  readonly added: Map<string, Composite>;
  readonly removed: Map<string, Held>;
  /** Removed though never held: the answer to a name that does not exist. */
  readonly absent: string[];
}

/** The next response of a type; undefined if nothing needs to go, or it may not go yet. */
export function planType(state: GateState, type: XdsType, nowMs: number): GateResponse | undefined {
  const ledger = state.ledgers[type];
  if (!ledger.isRequested || (sendableMs(state, ledger) ?? Infinity) > nowMs) return undefined;
  const draft: Draft = { added: new Map(), removed: new Map(), absent: [] };
  if (ledger.suspects.size > 0) draftSuspect(state, ledger, draft, nowMs);
  else {
    // A copy: looking at a name may mark it again.
    const names = [...ledger.dirty];
    for (const name of names) examine(state, ledger, { name, draft, nowMs });
    if (type === 'cluster') draftRemovals(state, draft, nowMs);
  }
  if (draft.added.size === 0 && draft.removed.size === 0 && draft.absent.length === 0) return undefined;
  return send(state, ledger, draft, nowMs);
}

/** From when the next response of a type may go; undefined while it must wait for an answer. */
export function sendableMs(state: GateState, ledger: Ledger): number | undefined {
  const count = ledger.flights.length;
  if (count === 0) return 0;
  // Only clusters: their answer is withheld while anything warms, and what it warms for may be in the next response.
  if (ledger.type !== 'cluster' || count >= flightsLimit) return undefined;
  const last = ledger.flights.at(-1)?.sentMs ?? 0;
  return last + Math.min(state.timing.overtakeMs * 2 ** (count - 1), overtakeLimitMs);
}

/** When a leaving cluster may be removed; undefined while something uses it, or might. */
export function clusterRemovalMs(state: GateState, cluster: string): number | undefined {
  if (state.unknownUsers > 0) return undefined;
  // A proxy names all it holds before it answers anything; one without listeners by then has none.
  if (state.isReconnected && !state.hasAnswered && !state.ledgers.listener.isRequested) return undefined;
  if (isAwaitingRoutes(state)) return undefined;
  return removalMs(state.usage, cluster, state.knownSinceMs, state.timing.drainMs);
}

/** True while the proxy has listeners whose routes it has not asked for on this stream: it may hold older ones. */
function isAwaitingRoutes(state: GateState): boolean {
  const { listener, route } = state.ledgers;
  for (const { content } of listener.acked.values()) {
    if (content?.routes.some((name) => !route.names.has(name)) === true) return true;
  }
  return false;
}

function draftSuspect(state: GateState, ledger: Ledger, draft: Draft, nowMs: number): void {
  for (const name of ledger.suspects) {
    ledger.suspects.delete(name);
    if (!isWanted(ledger, name)) continue;
    force(ledger, name);
    examine(state, ledger, { name, draft, nowMs });
    if (draft.added.size > 0 || draft.removed.size > 0) return;
  }
}

interface Examination {
  readonly name: string;
  readonly draft: Draft;
  readonly nowMs: number;
}

/** Decides what is to be done about one name. */
function examine(state: GateState, ledger: Ledger, work: Examination): void {
  const { name, draft, nowMs } = work;
  const { type } = ledger;
  const isForced = ledger.forced.has(name);
  ledger.dirty.delete(name);
  ledger.forced.delete(name);
  const target = isWanted(ledger, name) ? targetOf(state, type, name) : undefined;
  if (target === undefined) {
    examineGone(state, ledger, { ...work, isForced });
    return;
  }
  if (type === 'cluster') state.usage.leaving.delete(name);
  const composite = composed(state, ledger, target, nowMs);
  if (composite === undefined) {
    if (isForced) ledger.forced.add(name);
    return;
  }
  const refusal = refusalOf(state.memory, type, composite);
  if (refusal !== undefined) {
    state.refused.set(keyOf(type, name), refusal);
    return;
  }
  state.refused.delete(keyOf(type, name));
  const latest = latestOf(ledger, name);
  if (isForced || latest === undefined || !isHeldAlready(latest, composite)) {
    // Sent before, overtaken, and not answered: if it is refused, the same bytes must not come again.
    if (ledger.flights.some((flight) => flight.added.get(name)?.version === composite.version)) return;
    draft.added.set(name, composite);
    return;
  }
  if (latest.content === undefined) {
    // Only its version was known; now it is clear what it uses.
    retain(state.usage, composite);
    clearHeld(state, ledger, name, nowMs);
    setHeld(state, ledger, { name, version: composite.version, content: composite });
  }
  // What is under way is looked at again when it is answered.
  const isUnderWay = ledger.flights.some((flight) => flight.added.has(name));
  if (composite.isWhole && !isUnderWay) settleWarm(state, type, name, state.source.generation);
}

function isHeldAlready(latest: Held, composite: Composite): boolean {
  if (latest.version === composite.version) return true;
  return latest.version !== '' && latest.content !== undefined && isSameContent(latest.content, composite);
}

function examineGone(state: GateState, ledger: Ledger, work: Examination & { readonly isForced: boolean }): void {
  const { name, draft, nowMs, isForced } = work;
  const { type } = ledger;
  const key = keyOf(type, name);
  state.waits.delete(key);
  state.refused.delete(key);
  if (latestOf(ledger, name) === undefined && state.memory.unsure.has(key)) {
    // It may be there, and must then go the way of everything that is gone.
    setHeld(state, ledger, { name, version: '', content: undefined });
  }
  const held = latestOf(ledger, name);
  if (held === undefined) {
    drop(state.applied, type, name);
    if (isForced) draft.absent.push(name);
    return;
  }
  // Gone though held: only listeners and clusters are removed, the others end with what uses them.
  if (type === 'listener') {
    draft.removed.set(name, held);
    return;
  }
  drop(state.applied, type, name);
  if (type === 'cluster') {
    if (!state.usage.leaving.has(name)) state.usage.leaving.set(name, nowMs);
  } else if (isForced) draft.absent.push(name);
}

/** The form of a target that may go now; undefined if all of it waits. */
function composed(state: GateState, ledger: Ledger, target: Composite, nowMs: number): Composite | undefined {
  const { type } = ledger;
  if (type !== 'listener' && type !== 'route') return target;
  const key = keyOf(type, target.name);
  const earlier = state.waits.get(key);
  const held = latestOf(ledger, target.name);
  const composition = compose(target.resource, {
    type,
    isReady: (cluster) => isClusterReady(state, cluster),
    last: held === undefined ? undefined : (held.content ?? 'unknown'),
    isPatient: nowMs < waitingSinceMs(earlier, nowMs) + state.timing.patienceMs,
    headDrainMs: state.timing.drainMs,
  });
  if (composition.held.length === 0) state.waits.delete(key);
  else state.waits.set(key, waitOf(type, target.name, { composition, earlier, nowMs }));
  return composition.kind === 'send' ? composition.composite : undefined;
}

function waitingSinceMs(wait: ResourceWait | undefined, nowMs: number): number {
  let since = nowMs;
  for (const unit of wait?.units.values() ?? []) since = Math.min(since, unit.sinceMs);
  return since;
}

function waitOf(
  type: 'listener' | 'route',
  name: string,
  facts: { readonly composition: Composition; readonly earlier: ResourceWait | undefined; readonly nowMs: number },
): ResourceWait {
  const { composition, earlier, nowMs } = facts;
  const units = new Map(
    composition.held.map(({ unit, clusters }) => [
      unit,
      { sinceMs: earlier?.units.get(unit)?.sinceMs ?? nowMs, clusters },
    ]),
  );
  const isNew = composition.held.some(({ unit }) => earlier?.units.has(unit) !== true);
  return { type, name, units, isHeld: composition.kind === 'hold', isReported: !isNew && earlier?.isReported === true };
}

/** Clusters whose drain is over. They are gone from here when they are sent: nothing may be routed to them any more. */
function draftRemovals(state: GateState, draft: Draft, nowMs: number): void {
  const ledger = state.ledgers.cluster;
  for (const name of state.usage.leaving.keys()) {
    if ((clusterRemovalMs(state, name) ?? Infinity) > nowMs) continue;
    const held = latestOf(ledger, name);
    if (held === undefined) forget(state.usage, name);
    else draft.removed.set(name, held);
  }
  for (const { name, dueMs } of ignoredClusters(state)) {
    const held = latestOf(ledger, name);
    if (dueMs <= nowMs && held !== undefined && !draft.added.has(name)) draft.removed.set(name, held);
  }
}

/**
 * New clusters that Envoy does not ask endpoints for. It refused them late in loading, keeps them warming all the same,
 * and withholds every answer about clusters until they are gone: they are taken back when the patience ends.
 */
export function* ignoredClusters(state: GateState): Generator<{ readonly name: string; readonly dueMs: number }> {
  const { cluster, endpoint } = state.ledgers;
  for (const flight of cluster.flights) {
    for (const [name, { resource }] of flight.added) {
      if (resource.readyBy !== 'assignment' || endpoint.names.has(name) || cluster.acked.has(name)) continue;
      if (latestOf(cluster, name)?.version !== resource.version) continue;
      // Like any removal: not while something of an earlier stream may use one of that name.
      const removableMs = clusterRemovalMs(state, name);
      if (removableMs === undefined) continue;
      yield { name, dueMs: Math.max(removableMs, flight.sentMs + state.timing.patienceMs) };
    }
  }
}

function send(state: GateState, ledger: Ledger, draft: Draft, nowMs: number): GateResponse {
  const { type } = ledger;
  const sequence = ++state.sequence;
  for (const [name, composite] of draft.added) {
    retain(state.usage, composite);
    if (isListType(type)) state.memory.unsure.add(keyOf(type, name));
    if (type === 'cluster') noteClusterSent(state, name, sequence);
  }
  for (const name of draft.removed.keys()) {
    // What a removed listener uses is released by the answer, so the entry goes and its use stays.
    ledger.acked.delete(name);
    if (type === 'listener') state.memory.held.delete(keyOf(type, name));
    if (type !== 'cluster') continue;
    loseCluster(state, name);
    forget(state.usage, name);
    state.ledgers.endpoint.acked.delete(name);
  }
  const nonce = `${state.noncePrefix}${sequence}`;
  ledger.flights.push({
    nonce,
    sequence,
    sentMs: nowMs,
    generation: state.source.generation,
    added: draft.added,
    removed: draft.removed,
  });
  return { type, nonce, resources: [...draft.added.values()], removed: [...draft.removed.keys(), ...draft.absent] };
}

/**
 * A cluster that was sent warms, and waits for its endpoints though they did not change: they go again behind it.
 * (Envoy asks for them only where the name is new to it.)
 */
function noteClusterSent(state: GateState, name: string, sequence: number): void {
  if (latestOf(state.ledgers.cluster, name) === undefined) expectCluster(state, name, sequence);
  const { endpoint } = state.ledgers;
  if (!endpoint.names.has(name)) return;
  force(endpoint, name);
  touch(state.applied, { type: 'endpoint', name }, state.source.generation);
}
