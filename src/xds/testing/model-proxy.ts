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
class RunningModelProxy implements ModelProxy {
  readonly outbox: GateRequest[] = [];
  readonly clusters = new Map<string, ModelHeldCluster>();
  readonly endpoints = new Map<string, string>();
  readonly #secrets = new Map<string, string>();
  readonly tables = { listener: new Map<string, ModelTable>(), route: new Map<string, ModelTable>() };
  readonly #acked = new Map<XdsType, Map<string, string>>(typeOrder.map((type) => [type, new Map<string, string>()]));
  readonly #wanted = new Map<XdsType, Set<string>>(typeOrder.map((type) => [type, new Set<string>()]));
  readonly #refusedVersions = new Set<string>();
  readonly #refusals = new Map<GateRequest, readonly string[]>();
  readonly #lastUses = new Map<string, number>();
  #withheld: GateRequest[] = [];
  #isStarted = false;
  #isClusterAsked = false;

  constructor() {
    this.#open();
  }

  #request(type: XdsType, fields: Partial<GateRequest>): GateRequest {
    const empty = { subscribe: [], unsubscribe: [], initialVersions: new Map<string, string>(), nonce: '' };
    return { type, ...empty, errorMessage: undefined, ...fields };
  }

  #setOf(type: XdsType): Set<string> {
    return this.#wanted.get(type) ?? new Set();
  }

  #versionsOf(type: XdsType): Map<string, string> {
    return this.#acked.get(type) ?? new Map<string, string>();
  }

  #isWarming(): boolean {
    return [...this.clusters.values()].some((cluster) => cluster.warming !== undefined);
  }

  #want(type: XdsType, names: readonly string[]): void {
    const fresh = names.filter((name) => !this.#setOf(type).has(name));
    for (const name of fresh) this.#setOf(type).add(name);
    if (fresh.length > 0) this.outbox.push(this.#request(type, { subscribe: fresh }));
  }

  #unwant(type: XdsType, name: string): void {
    if (!this.#setOf(type).delete(name)) return;
    this.#versionsOf(type).delete(name);
    this.outbox.push(this.#request(type, { unsubscribe: [name] }));
  }

  #usersOf(cluster: string): boolean {
    return [...this.tables.listener.values(), ...this.tables.route.values()].some((table) =>
      [...table.units.values()].some((unit) => unit.cluster === cluster),
    );
  }

  #noteUses(table: ModelTable | undefined, nowMs: number): void {
    for (const { cluster } of table?.units.values() ?? []) this.#lastUses.set(cluster, nowMs);
  }

  #settleClusters(): void {
    for (const cluster of this.clusters.values()) {
      const { warming } = cluster;
      if (warming === undefined || warming.needsEndpoints || warming.needsCheck) continue;
      if (warming.secret !== undefined && !this.#secrets.has(warming.secret)) continue;
      cluster.active = warming.version;
      cluster.warming = undefined;
    }
    if (this.#isWarming()) return;
    if (!this.#isClusterAsked) {
      this.#isClusterAsked = true;
      this.outbox.push(this.#request('cluster', { initialVersions: new Map(this.#versionsOf('cluster')) }));
    }
    this.outbox.push(...this.#withheld);
    this.#withheld = [];
  }

  #receiveClusters(response: GateResponse): void {
    const errors: string[] = [];
    const bad: string[] = [];
    for (const name of response.removed) {
      assert.ok(!this.#usersOf(name), `cluster ${name} removed while in use`);
      this.clusters.delete(name);
      this.#versionsOf('cluster').delete(name);
      this.endpoints.delete(name);
      this.#unwant('endpoint', name);
    }
    for (const { name, version, head } of response.resources) {
      const content = readHead(head);
      if (content['isBad'] === true) {
        assert.ok(!this.#refusedVersions.has(version), `refused bytes of ${name} sent again`);
        this.#refusedVersions.add(version);
        bad.push(version);
        errors.push(name);
        continue;
      }
      const cluster = this.clusters.get(name) ?? { active: undefined, warming: undefined, readyBy: content['readyBy'] };
      this.clusters.set(name, cluster);
      if ((cluster.warming?.version ?? cluster.active) === version) continue;
      const isByAssignment = content['readyBy'] === 'assignment';
      const secret = typeof content['secret'] === 'string' ? content['secret'] : undefined;
      cluster.readyBy = content['readyBy'];
      cluster.warming = { version, needsEndpoints: isByAssignment, needsCheck: !isByAssignment, secret };
      if (isByAssignment) this.#want('endpoint', [name]);
      else {
        this.endpoints.delete(name);
        this.#unwant('endpoint', name);
      }
      if (secret !== undefined) this.#want('secret', [secret]);
    }
    if (errors.length === 0)
      for (const { name, version } of response.resources) this.#versionsOf('cluster').set(name, version);
    const text = `Error adding/updating cluster(s) ${errors.map((name) => `${name}: no good`).join(', ')}`;
    const answer = this.#request('cluster', {
      nonce: response.nonce,
      errorMessage: errors.length > 0 ? text : undefined,
    });
    this.#refusals.set(answer, bad);
    this.#withheld.push(answer);
    // At start-up the answer is not withheld, but listeners wait.
    if (!this.#isStarted) this.outbox.push(...this.#withheld.splice(0));
  }

  #checkUnits(composite: Composite, old: ModelTable | undefined): Map<string, ModelUnit> {
    const units = new Map<string, ModelUnit>();
    for (const { name, bytes } of composite.units) {
      const unit = readUnit(bytes);
      units.set(name, unit);
      const before = old?.units.get(name);
      if (before?.cluster === unit.cluster) continue;
      assert.ok(
        this.clusters.get(unit.cluster)?.active !== undefined,
        `${composite.name}/${name} to ${unit.cluster}, not ready`,
      );
    }
    return units;
  }

  #receiveTables(type: 'listener' | 'route', response: GateResponse, nowMs: number): void {
    for (const name of response.removed) {
      this.#noteUses(this.tables[type].get(name), nowMs);
      this.tables[type].delete(name);
      this.#versionsOf(type).delete(name);
    }
    for (const composite of response.resources) {
      const { name, version } = composite;
      // What was given up meanwhile is passed over.
      if (type === 'route' && !this.#setOf(type).has(name)) continue;
      const old = this.tables[type].get(name);
      this.#noteUses(old, nowMs);
      const route = type === 'listener' ? String(readHead(composite.head)['route']) : undefined;
      this.tables[type].set(name, { version, route, units: this.#checkUnits(composite, old) });
      this.#versionsOf(type).set(name, version);
    }
    if (type === 'listener') this.#syncRoutes(nowMs);
  }

  #syncRoutes(nowMs: number): void {
    const routes = new Set([...this.tables.listener.values()].map((table) => table.route ?? ''));
    for (const name of this.#setOf('route')) {
      if (routes.has(name)) continue;
      this.#noteUses(this.tables.route.get(name), nowMs);
      this.tables.route.delete(name);
      this.#unwant('route', name);
    }
    this.#want('route', [...routes]);
  }

  #receivePlain(type: 'endpoint' | 'secret', response: GateResponse): void {
    for (const { name, version } of response.resources) {
      if (!this.#setOf(type).has(name)) continue;
      this.#versionsOf(type).set(name, version);
      (type === 'endpoint' ? this.endpoints : this.#secrets).set(name, version);
      const warming = this.clusters.get(name)?.warming;
      if (type === 'endpoint' && warming !== undefined) warming.needsEndpoints = false;
    }
  }

  #afterStart(): void {
    if (this.#isStarted || !this.#isClusterAsked || this.clusters.size === 0 || this.#isWarming()) return;
    this.#isStarted = true;
    this.outbox.push(this.#request('listener', {}));
  }

  #open(): void {
    this.#isClusterAsked = !this.#isWarming() || !this.#isStarted;
    if (this.#isClusterAsked)
      this.outbox.push(this.#request('cluster', { initialVersions: new Map(this.#versionsOf('cluster')) }));
    if (this.#isStarted)
      this.outbox.push(this.#request('listener', { initialVersions: new Map(this.#versionsOf('listener')) }));
    for (const type of ['endpoint', 'secret', 'route'] as const) {
      if (this.#setOf(type).size === 0) continue;
      this.outbox.push(
        this.#request(type, { subscribe: [...this.#setOf(type)], initialVersions: new Map(this.#versionsOf(type)) }),
      );
    }
  }

  lastUseMs(cluster: string, nowMs: number): number | undefined {
    return this.#usersOf(cluster) ? nowMs : this.#lastUses.get(cluster);
  }

  receive(response: GateResponse, nowMs: number): void {
    const { type, nonce } = response;
    if (type === 'cluster') this.#receiveClusters(response);
    else if (type === 'listener' || type === 'route') this.#receiveTables(type, response, nowMs);
    else this.#receivePlain(type, response);
    this.#settleClusters();
    if (type !== 'cluster') this.outbox.push(this.#request(type, { nonce }));
    this.#afterStart();
  }

  expireFetches(): void {
    if (this.#isClusterAsked && this.#isStarted) return;
    for (const cluster of this.clusters.values())
      if (cluster.warming !== undefined) cluster.warming.needsEndpoints = false;
    this.#settleClusters();
    this.#afterStart();
  }

  finishChecks(): void {
    for (const cluster of this.clusters.values()) if (cluster.warming !== undefined) cluster.warming.needsCheck = false;
    this.#settleClusters();
    this.#afterStart();
  }

  reconnect(): void {
    // A refusal that the server never heard of cannot bind it. (Envoy would take the same bytes for good now.)
    for (const lost of [...this.outbox.splice(0), ...this.#withheld.splice(0)]) {
      for (const version of this.#refusals.get(lost) ?? []) this.#refusedVersions.delete(version);
    }
    this.#open();
  }
}

/** A model of Envoy that has just started. */
export function createModelProxy(): ModelProxy {
  return new RunningModelProxy();
}
