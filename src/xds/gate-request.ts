import type { XdsType } from '../proto/resource.ts';
import { drop, touch } from './applied.ts';
import { adopt, clearHeld, endUse, retryWarming, setHeld, settleWarm, type GateState } from './gate-state.ts';
import { force, isWanted, latestOf, type Flight, type Ledger } from './ledger.ts';
import type { GateRequest } from './message.ts';
import { findCulprits, rememberRefusal } from './proxy-memory.ts';
import { loseAssignment, noteSecret, noteSignal } from './readiness.ts';
import { isListType, keyOf } from './source.ts';
import { release } from './usage.ts';

/** What a request was besides its subscriptions. */
export type Answer = 'none' | 'ack' | 'nack' | 'stale';

/** Takes a proxy's message: its answer to a response first, then what it asks for. */
export function takeRequest(state: GateState, request: GateRequest, nowMs: number): Answer {
  state.firstRequestMs ??= nowMs;
  const ledger = state.ledgers[request.type];
  const answer = takeAnswer(state, ledger, request, nowMs);
  const isFirst = !ledger.isSolicited;
  if (isFirst) begin(state, ledger, request);
  for (const name of request.subscribe) subscribe(state, ledger, name, isFirst);
  for (const name of request.unsubscribe) unsubscribe(state, ledger, name, nowMs);
  retryWarming(state);
  return answer;
}

/** The first request of a type on a stream: how it is asked for, and what the proxy has of it. */
function begin(state: GateState, ledger: Ledger, request: GateRequest): void {
  const { type } = ledger;
  ledger.isSolicited = true;
  ledger.isRequested = true;
  const isList = isListType(type);
  if (isList && request.subscribe.every((name) => name === '*')) ledger.isWildcard = true;
  if (request.initialVersions.size > 0) state.isReconnected = true;
  const named = new Set(request.subscribe);
  for (const [name, version] of request.initialVersions) {
    // Envoy also lists what it no longer uses; only what is asked for counts. What was sent unasked is known better.
    if (!(ledger.isWildcard || named.has(name)) || ledger.acked.has(name)) continue;
    if (!isList) state.source.subscribe(type, name);
    adopt(state, ledger, name, version);
    ledger.dirty.add(name);
    if (type === 'endpoint') noteSignal(state, 'assigned', name, 0);
    if (type === 'cluster') noteSignal(state, 'acknowledged', name, 0);
  }
  if (type === 'secret') noteSecret(state);
  if (!ledger.isWildcard) return;
  demandAll(state, ledger);
  for (const key of state.memory.unsure) {
    const name = key.slice(type.length + 1);
    if (key === keyOf(type, name)) ledger.dirty.add(name);
  }
}

/** Marks every name of a type that is taken whole, and none of them as applied yet. */
export function demandAll(state: GateState, ledger: Ledger): void {
  for (const name of state.source.list(ledger.type)) {
    ledger.dirty.add(name);
    touch(state.applied, { type: ledger.type, name }, 1);
  }
}

function subscribe(state: GateState, ledger: Ledger, name: string, isFirst: boolean): void {
  const { type } = ledger;
  if (name === '*') {
    if (!isListType(type) || ledger.isWildcard) return;
    ledger.isWildcard = true;
    demandAll(state, ledger);
    return;
  }
  if (!isListType(type) && !ledger.names.has(name)) state.source.subscribe(type, name);
  ledger.names.add(name);
  touch(state.applied, { type, name }, isFirst ? 1 : state.source.generation);
  // On a new stream what the proxy has counts; later every name that is asked for is answered.
  if (isFirst && ledger.acked.has(name)) ledger.dirty.add(name);
  else force(ledger, name);
}

function unsubscribe(state: GateState, ledger: Ledger, name: string, nowMs: number): void {
  const { type } = ledger;
  if (name === '*') {
    ledger.isWildcard = false;
    for (const held of ledger.acked.keys()) if (!ledger.names.has(held)) abandon(state, ledger, held, nowMs);
    return;
  }
  const wasNamed = ledger.names.delete(name);
  if (ledger.isWildcard) {
    // The proxy must not read the silence as a removal (Envoy's xDS protocol, "unsubscribing from resources").
    force(ledger, name);
    return;
  }
  if (!wasNamed) return;
  abandon(state, ledger, name, nowMs);
  if (isListType(type)) return;
  state.source.unsubscribe(type, name);
  if (type === 'endpoint') loseAssignment(state, name);
}

function abandon(state: GateState, ledger: Ledger, name: string, nowMs: number): void {
  clearHeld(state, ledger, name, nowMs);
  for (const names of [ledger.dirty, ledger.forced, ledger.suspects]) names.delete(name);
  drop(state.applied, ledger.type, name);
  state.refused.delete(keyOf(ledger.type, name));
  state.waits.delete(keyOf(ledger.type, name));
}

function takeAnswer(state: GateState, ledger: Ledger, request: GateRequest, nowMs: number): Answer {
  if (request.nonce === '') return 'none';
  const index = ledger.flights.findIndex((flight) => flight.nonce === request.nonce);
  const flight = ledger.flights[index];
  if (flight === undefined) return 'stale';
  state.hasAnswered = true;
  ledger.flights.splice(index, 1);
  const later = ledger.flights.slice(index);
  if (request.errorMessage !== undefined) {
    refuse(state, ledger, { flight, later, message: request.errorMessage, nowMs });
    return 'nack';
  }
  for (const [name, composite] of flight.added) {
    state.memory.unsure.delete(keyOf(ledger.type, name));
    const isOverridden = later.some((each) => each.removed.has(name));
    if (isOverridden || !isWanted(ledger, name)) {
      release(state.usage, composite, nowMs);
      continue;
    }
    clearHeld(state, ledger, name, nowMs);
    setHeld(state, ledger, { name, version: composite.version, content: composite });
    noteAcknowledged(state, ledger.type, name, flight.sequence);
    if (composite.isWhole) settleWarm(state, ledger.type, name, flight.generation);
    // It changed meanwhile, perhaps back to what was just acknowledged.
    if (state.applied.pending.has(keyOf(ledger.type, name))) ledger.dirty.add(name);
  }
  for (const [name, held] of flight.removed) {
    state.memory.unsure.delete(keyOf(ledger.type, name));
    endUse(state, ledger.type, held, nowMs);
    if (latestOf(ledger, name) === undefined && !ledger.dirty.has(name)) drop(state.applied, ledger.type, name);
  }
  if (ledger.type === 'secret') noteSecret(state);
  return 'ack';
}

function noteAcknowledged(state: GateState, type: XdsType, name: string, sequence: number): void {
  if (type === 'cluster') noteSignal(state, 'acknowledged', name, sequence);
  if (type === 'endpoint') noteSignal(state, 'assigned', name, sequence);
}

/**
 * A refused response. What the text names is not sent again until it changes; the rest is, for a refusal opens no gate.
 * Where it names nothing, each name goes by itself to find the bad one.
 */
function refuse(
  state: GateState,
  ledger: Ledger,
  refusal: {
    readonly flight: Flight;
    readonly later: readonly Flight[];
    readonly message: string;
    readonly nowMs: number;
  },
): void {
  const { flight, later, message, nowMs } = refusal;
  const culprits = new Set(findCulprits([...flight.added.keys()], message));
  const { type } = ledger;
  for (const [name, composite] of flight.added) {
    release(state.usage, composite, nowMs);
    if (!isWanted(ledger, name)) continue;
    if (culprits.has(name)) {
      rememberRefusal(state.memory, type, composite, message);
      // Not refused any more if another version is wanted by now: looking again tells.
      ledger.dirty.add(name);
      continue;
    }
    // Good ones of a refused response are applied: if it is gone meanwhile, it drains like any other.
    if (type === 'cluster') ledger.acked.set(name, { version: '', content: composite });
    if (later.some((each) => each.added.has(name))) ledger.dirty.add(name);
    else if (culprits.size > 0) force(ledger, name);
    else ledger.suspects.add(name);
  }
  for (const [name, held] of flight.removed) {
    if (type !== 'listener') continue;
    // Whether it is gone is not known: an empty version makes sure that it is removed, or sent, again.
    ledger.acked.set(name, { version: '', content: held.content });
    ledger.dirty.add(name);
  }
}
