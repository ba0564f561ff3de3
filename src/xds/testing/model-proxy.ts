import assert from 'node:assert/strict';
import type { XdsType } from '../../proto/resource.ts';
import type { Composite } from '../composite.ts';
import type { GateRequest, GateResponse } from '../message.ts';
import { typeOrder } from '../source.ts';
import { readHead, readUnit, type ModelUnit } from './model-source.ts';

interface ModelWarming {
  readonly version: string;
  needsEndpoints: boolean;
  /** A name lookup or health check; `finishChecks` ends it. */
  needsCheck: boolean;
  readonly secret: string | undefined;
}

interface ModelHeldCluster {
  active: string | undefined;
  warming: ModelWarming | undefined;
  readyBy: unknown;
}

interface ModelTable {
  readonly version: string;
  readonly route: string | undefined;
  readonly units: ReadonlyMap<string, ModelUnit>;
}

/** What the model shares with the one who plays the network. */
export interface ModelProxy {
  /** Messages to the server, oldest first. */
  readonly outbox: GateRequest[];
  readonly clusters: ReadonlyMap<string, ModelHeldCluster>;
  readonly tables: Readonly<Record<'listener' | 'route', ReadonlyMap<string, ModelTable>>>;
  readonly endpoints: ReadonlyMap<string, string>;
  /** When a route or filter chain last used a cluster. */
  lastUseMs(cluster: string, nowMs: number): number | undefined;
  receive(response: GateResponse, nowMs: number): void;
  finishChecks(): void;
  /** The fetch timeout: what warms since an earlier stream takes the endpoints that it has. */
  expireFetches(): void;
  /** The stream is gone; a new one begins. */
  reconnect(): void;
}

/**
 * Envoy as far as delivery goes, by what was seen of the real one: clusters warm until their endpoints come again;
 * their ACK is withheld meanwhile, but not at start-up; listeners are asked for when all are warm; a refused cluster
 * that comes again with the same bytes is taken for good though it does not exist; what a response removes goes first.
 * Throws an assertion where a server breaks a promise that the proxy can see.
 */
export function createModelProxy(): ModelProxy {
  const outbox: GateRequest[] = [];
  const clusters = new Map<string, ModelHeldCluster>();
  const endpoints = new Map<string, string>();
  const secrets = new Map<string, string>();
  const tables = { listener: new Map<string, ModelTable>(), route: new Map<string, ModelTable>() };
  const acked = new Map<XdsType, Map<string, string>>(typeOrder.map((type) => [type, new Map<string, string>()]));
  const wanted = new Map<XdsType, Set<string>>(typeOrder.map((type) => [type, new Set<string>()]));
  const refusedVersions = new Set<string>();
  const refusals = new Map<GateRequest, readonly string[]>();
  const lastUses = new Map<string, number>();
  let withheld: GateRequest[] = [];
  let isStarted = false;
  let isClusterAsked = false;

  const request = (type: XdsType, fields: Partial<GateRequest>): GateRequest => {
    const empty = { subscribe: [], unsubscribe: [], initialVersions: new Map<string, string>(), nonce: '' };
    return { type, ...empty, errorMessage: undefined, ...fields };
  };
  const setOf = (type: XdsType): Set<string> => wanted.get(type) ?? new Set();
  const versionsOf = (type: XdsType): Map<string, string> => acked.get(type) ?? new Map<string, string>();
  const isWarming = (): boolean => [...clusters.values()].some((cluster) => cluster.warming !== undefined);
  const want = (type: XdsType, names: readonly string[]): void => {
    const fresh = names.filter((name) => !setOf(type).has(name));
    for (const name of fresh) setOf(type).add(name);
    if (fresh.length > 0) outbox.push(request(type, { subscribe: fresh }));
  };
  const unwant = (type: XdsType, name: string): void => {
    if (!setOf(type).delete(name)) return;
    versionsOf(type).delete(name);
    outbox.push(request(type, { unsubscribe: [name] }));
  };
  const usersOf = (cluster: string): boolean =>
    [...tables.listener.values(), ...tables.route.values()].some((table) =>
      [...table.units.values()].some((unit) => unit.cluster === cluster),
    );
  const noteUses = (table: ModelTable | undefined, nowMs: number): void => {
    for (const { cluster } of table?.units.values() ?? []) lastUses.set(cluster, nowMs);
  };

  const settleClusters = (): void => {
    for (const cluster of clusters.values()) {
      const { warming } = cluster;
      if (warming === undefined || warming.needsEndpoints || warming.needsCheck) continue;
      if (warming.secret !== undefined && !secrets.has(warming.secret)) continue;
      cluster.active = warming.version;
      cluster.warming = undefined;
    }
    if (isWarming()) return;
    if (!isClusterAsked) {
      isClusterAsked = true;
      outbox.push(request('cluster', { initialVersions: new Map(versionsOf('cluster')) }));
    }
    outbox.push(...withheld);
    withheld = [];
  };

  const receiveClusters = (response: GateResponse): void => {
    const errors: string[] = [];
    const bad: string[] = [];
    for (const name of response.removed) {
      assert.ok(!usersOf(name), `cluster ${name} removed while in use`);
      clusters.delete(name);
      versionsOf('cluster').delete(name);
      endpoints.delete(name);
      unwant('endpoint', name);
    }
    for (const { name, version, head } of response.resources) {
      const content = readHead(head);
      if (content['isBad'] === true) {
        assert.ok(!refusedVersions.has(version), `refused bytes of ${name} sent again`);
        refusedVersions.add(version);
        bad.push(version);
        errors.push(name);
        continue;
      }
      const cluster = clusters.get(name) ?? { active: undefined, warming: undefined, readyBy: content['readyBy'] };
      clusters.set(name, cluster);
      if ((cluster.warming?.version ?? cluster.active) === version) continue;
      const isByAssignment = content['readyBy'] === 'assignment';
      const secret = typeof content['secret'] === 'string' ? content['secret'] : undefined;
      cluster.readyBy = content['readyBy'];
      cluster.warming = { version, needsEndpoints: isByAssignment, needsCheck: !isByAssignment, secret };
      if (isByAssignment) want('endpoint', [name]);
      else {
        endpoints.delete(name);
        unwant('endpoint', name);
      }
      if (secret !== undefined) want('secret', [secret]);
    }
    if (errors.length === 0)
      for (const { name, version } of response.resources) versionsOf('cluster').set(name, version);
    const text = `Error adding/updating cluster(s) ${errors.map((name) => `${name}: no good`).join(', ')}`;
    const answer = request('cluster', { nonce: response.nonce, errorMessage: errors.length > 0 ? text : undefined });
    refusals.set(answer, bad);
    withheld.push(answer);
    // At start-up the answer is not withheld, but listeners wait.
    if (!isStarted) outbox.push(...withheld.splice(0));
  };

  const checkUnits = (composite: Composite, old: ModelTable | undefined): Map<string, ModelUnit> => {
    const units = new Map<string, ModelUnit>();
    for (const { name, bytes } of composite.units) {
      const unit = readUnit(bytes);
      units.set(name, unit);
      const before = old?.units.get(name);
      if (before?.cluster === unit.cluster) continue;
      assert.ok(
        clusters.get(unit.cluster)?.active !== undefined,
        `${composite.name}/${name} to ${unit.cluster}, not ready`,
      );
    }
    return units;
  };

  const receiveTables = (type: 'listener' | 'route', response: GateResponse, nowMs: number): void => {
    for (const name of response.removed) {
      noteUses(tables[type].get(name), nowMs);
      tables[type].delete(name);
      versionsOf(type).delete(name);
    }
    for (const composite of response.resources) {
      const { name, version } = composite;
      // What was given up meanwhile is passed over.
      if (type === 'route' && !setOf(type).has(name)) continue;
      const old = tables[type].get(name);
      noteUses(old, nowMs);
      const route = type === 'listener' ? String(readHead(composite.head)['route']) : undefined;
      tables[type].set(name, { version, route, units: checkUnits(composite, old) });
      versionsOf(type).set(name, version);
    }
    if (type === 'listener') syncRoutes(nowMs);
  };

  const syncRoutes = (nowMs: number): void => {
    const routes = new Set([...tables.listener.values()].map((table) => table.route ?? ''));
    for (const name of setOf('route')) {
      if (routes.has(name)) continue;
      noteUses(tables.route.get(name), nowMs);
      tables.route.delete(name);
      unwant('route', name);
    }
    want('route', [...routes]);
  };

  const receivePlain = (type: 'endpoint' | 'secret', response: GateResponse): void => {
    for (const { name, version } of response.resources) {
      if (!setOf(type).has(name)) continue;
      versionsOf(type).set(name, version);
      (type === 'endpoint' ? endpoints : secrets).set(name, version);
      const warming = clusters.get(name)?.warming;
      if (type === 'endpoint' && warming !== undefined) warming.needsEndpoints = false;
    }
  };

  const afterStart = (): void => {
    if (isStarted || !isClusterAsked || clusters.size === 0 || isWarming()) return;
    isStarted = true;
    outbox.push(request('listener', {}));
  };

  const open = (): void => {
    isClusterAsked = !isWarming() || !isStarted;
    if (isClusterAsked) outbox.push(request('cluster', { initialVersions: new Map(versionsOf('cluster')) }));
    if (isStarted) outbox.push(request('listener', { initialVersions: new Map(versionsOf('listener')) }));
    for (const type of ['endpoint', 'secret', 'route'] as const) {
      if (setOf(type).size === 0) continue;
      outbox.push(request(type, { subscribe: [...setOf(type)], initialVersions: new Map(versionsOf(type)) }));
    }
  };

  open();
  return {
    outbox,
    clusters,
    tables,
    endpoints,
    lastUseMs: (cluster, nowMs) => (usersOf(cluster) ? nowMs : lastUses.get(cluster)),
    receive: (response, nowMs) => {
      const { type, nonce } = response;
      if (type === 'cluster') receiveClusters(response);
      else if (type === 'listener' || type === 'route') receiveTables(type, response, nowMs);
      else receivePlain(type, response);
      settleClusters();
      if (type !== 'cluster') outbox.push(request(type, { nonce }));
      afterStart();
    },
    expireFetches: () => {
      if (isClusterAsked && isStarted) return;
      for (const cluster of clusters.values())
        if (cluster.warming !== undefined) cluster.warming.needsEndpoints = false;
      settleClusters();
      afterStart();
    },
    finishChecks: () => {
      for (const cluster of clusters.values()) if (cluster.warming !== undefined) cluster.warming.needsCheck = false;
      settleClusters();
      afterStart();
    },
    reconnect: () => {
      // A refusal that the server never heard of cannot bind it. (Envoy would take the same bytes for good now.)
      for (const lost of [...outbox.splice(0), ...withheld.splice(0)]) {
        for (const version of refusals.get(lost) ?? []) refusedVersions.delete(version);
      }
      open();
    },
  };
}
