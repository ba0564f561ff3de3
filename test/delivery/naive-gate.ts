/** The naive way, to show what the gate is good for: everything goes at once, and what is gone is removed at once. */
import type { XdsType } from '../../src/proto/resource.ts';
import { wholeOf, type Composite } from '../../src/xds/composite.ts';
import type { CreateGate, Gate, GateOptions } from '../../src/xds/gate.ts';
import type { GateRequest, GateResponse } from '../../src/xds/message.ts';
import { isListType, typeOrder, type GateSource, type ResourceKey } from '../../src/xds/source.ts';
import { emptyAssignment, emptyRoutes } from '../../src/xds/stand-in.ts';
import type { GateStatus, TypeStatus } from '../../src/xds/status.ts';

interface NaiveLedger {
  readonly type: XdsType;
  isRequested: boolean;
  readonly names: Set<string>;
  /** Name → version as it was sent last. */
  readonly sent: Map<string, string>;
  readonly dirty: Set<string>;
  readonly nonces: Set<string>;
}

interface NaiveState {
  readonly source: GateSource;
  readonly noncePrefix: string;
  readonly ledgers: Readonly<Record<XdsType, NaiveLedger>>;
  sequence: number;
}

/** A gate that lets everything through in the usual order of types and waits for nothing. */
export const createNaiveGate: CreateGate = (options) => gateOf(stateOf(options));

function stateOf({ source, noncePrefix }: GateOptions): NaiveState {
  const ledgers = Object.fromEntries(typeOrder.map((type) => [type, ledgerOf(type)]));
  return { source, noncePrefix, ledgers: ledgers as Record<XdsType, NaiveLedger>, sequence: 0 };
}

function ledgerOf(type: XdsType): NaiveLedger {
  return { type, isRequested: false, names: new Set(), sent: new Map(), dirty: new Set(), nonces: new Set() };
}

function gateOf(state: NaiveState): Gate {
  const ledgers = Object.values(state.ledgers);
  const isSettled = (): boolean => ledgers.every(({ dirty, nonces }) => dirty.size === 0 && nonces.size === 0);
  return {
    request: (request) => takeRequest(state, request),
    change: (changed) => noteChange(state, changed),
    take: () => take(state),
    wakeMs: () => undefined,
    overdue: () => [],
    status: () => statusOf(state, isSettled()),
    applied: () => (state.ledgers.listener.isRequested && isSettled() ? state.source.generation : 0),
    subscriptions: () => ledgers.reduce((sum, { names }) => sum + names.size, 0),
  };
}

function takeRequest({ source, ledgers }: NaiveState, request: GateRequest): ReturnType<Gate['request']> {
  const { type } = request;
  const ledger = ledgers[type];
  if (!ledger.isRequested) {
    ledger.isRequested = true;
    for (const [name, version] of request.initialVersions) ledger.sent.set(name, version);
    if (isListType(type)) for (const name of [...ledger.sent.keys(), ...source.list(type)]) ledger.dirty.add(name);
  }
  for (const name of request.subscribe) {
    if (name === '*') continue;
    if (!isListType(type)) source.subscribe(type, name);
    ledger.names.add(name);
    ledger.sent.delete(name);
    ledger.dirty.add(name);
  }
  for (const name of request.unsubscribe) {
    if (!ledger.names.delete(name)) continue;
    if (!isListType(type)) source.unsubscribe(type, name);
    ledger.sent.delete(name);
    ledger.dirty.delete(name);
  }
  if (request.nonce === '') return 'none';
  if (!ledger.nonces.delete(request.nonce)) return 'stale';
  return request.errorMessage === undefined ? 'ack' : 'nack';
}

function noteChange({ ledgers }: NaiveState, changed: readonly ResourceKey[]): boolean {
  let concerns = false;
  for (const { type, name } of changed) {
    const ledger = ledgers[type];
    if (!ledger.isRequested || !(isListType(type) || ledger.names.has(name))) continue;
    ledger.dirty.add(name);
    concerns = true;
  }
  return concerns;
}

function take(state: NaiveState): GateResponse | undefined {
  for (const type of typeOrder) {
    const response = responseOf(state, state.ledgers[type]);
    if (response !== undefined) return response;
  }
  return undefined;
}

function responseOf(state: NaiveState, ledger: NaiveLedger): GateResponse | undefined {
  const { type, sent, dirty } = ledger;
  const resources: Composite[] = [];
  const removed: string[] = [];
  for (const name of dirty) {
    const target = targetOf(state, type, name);
    if (target === undefined) {
      if (sent.delete(name) || !isListType(type)) removed.push(name);
    } else if (sent.get(name) !== target.version) {
      sent.set(name, target.version);
      resources.push(target);
    }
    if (type === 'cluster') resendEndpoints(state, name);
  }
  dirty.clear();
  if (resources.length === 0 && removed.length === 0) return undefined;
  const nonce = `${state.noncePrefix}${++state.sequence}`;
  ledger.nonces.add(nonce);
  return { type, nonce, resources, removed };
}

/** A changed cluster warms until its endpoints come again; that much even the naive know. */
function resendEndpoints({ ledgers }: NaiveState, cluster: string): void {
  if (!ledgers.endpoint.names.has(cluster)) return;
  ledgers.endpoint.sent.delete(cluster);
  ledgers.endpoint.dirty.add(cluster);
}

function targetOf({ source }: NaiveState, type: XdsType, name: string): Composite | undefined {
  const resource = source.read(type, name);
  if (resource !== undefined) return wholeOf(resource, 0);
  if (type === 'endpoint') return wholeOf(emptyAssignment(name, source.read('cluster', name)?.version ?? ''), 0);
  return type === 'route' ? wholeOf(emptyRoutes(name), 0) : undefined;
}

function statusOf({ ledgers }: NaiveState, isSettled: boolean): GateStatus {
  const types = typeOrder.map((type): [XdsType, TypeStatus] => {
    const { names, sent, nonces } = ledgers[type];
    return [type, { subscribed: names.size, acked: sent.size, inFlight: nonces.size }];
  });
  return {
    state: isSettled ? 'SYNCED' : 'STALE',
    reason: isSettled ? '' : 'something is on its way',
    types: Object.fromEntries(types) as Record<XdsType, TypeStatus>,
    waits: [],
    refused: [],
  };
}
