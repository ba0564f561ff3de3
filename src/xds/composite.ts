import { hashBytes, hashText } from '../base/hash.ts';
import type { Need, Resource, Unit } from '../proto/resource.ts';

/** A resource as it is sent to one proxy: the source's, or one in which some units are not the newest. */
export interface Composite {
  readonly name: string;
  /** On the wire. Equal to the source's version if nothing is held back. */
  readonly version: string;
  readonly head: Uint8Array;
  readonly units: readonly Unit[];
  /** Clusters that it uses, and for each how long it must outlive this user, in milliseconds. */
  readonly uses: ReadonlyMap<string, number>;
  readonly secrets: readonly string[];
  readonly routes: readonly string[];
  /** What it was made from. */
  readonly resource: Resource;
  /** False if a unit was held back. */
  readonly isWhole: boolean;
}

/** A unit that waits, and the clusters it waits for. */
export interface HeldUnit {
  readonly unit: string;
  readonly clusters: readonly string[];
}

/** What may go of a resource now: `hold` means nothing of it. */
export type Composition =
  | { readonly kind: 'send'; readonly composite: Composite; readonly held: readonly HeldUnit[] }
  | { readonly kind: 'hold'; readonly held: readonly HeldUnit[] };

/** What composing depends on besides the resource. */
export interface ComposeOptions {
  readonly type: 'listener' | 'route';
  readonly isReady: (cluster: string) => boolean;
  /** What the proxy holds under this name; `unknown` where only its version is known. */
  readonly last: Composite | 'unknown' | undefined;
  /** True while the whole resource may wait for the sake of a unit that has no older form. */
  readonly isPatient: boolean;
  /** How long what the head uses outlives it, in milliseconds. */
  readonly headDrainMs: number;
}

const wholes = new WeakMap<Resource, Composite>();

/** The resource as the source has it; made once for all proxies. */
export function wholeOf(resource: Resource, headDrainMs: number): Composite {
  let whole = wholes.get(resource);
  if (whole === undefined) {
    whole = build(resource, resource.units, { version: resource.version, headDrainMs, isWhole: true });
    wholes.set(resource, whole);
  }
  return whole;
}

/** True if a proxy that holds one would not gain by the other. */
export function isSameContent(a: Composite, b: Composite): boolean {
  if (a.version === b.version) return true;
  // A whole resource's version speaks for its bytes; a secret's stands for more than its bytes.
  return !(a.isWhole && b.isWhole) && contentKey(a) === contentKey(b);
}

/**
 * What of a resource may be sent to a proxy on which only some clusters are ready. A unit that waits travels with the
 * bytes that the proxy has; one that it never had is left out, or replaced by its fallback.
 */
export function compose(resource: Resource, options: ComposeOptions): Composition {
  const whole = wholeOf(resource, options.headDrainMs);
  if (areAllReady(whole, options.isReady)) return { kind: 'send', composite: whole, held: [] };
  const known = options.last === 'unknown' ? undefined : options.last;
  const older = new Map(known?.units.map((unit) => [unit.name, unit]));
  const { units, held, isGap } = chooseUnits(resource, older, options.isReady);
  const headClusters = unready(resource.needs, options.isReady);
  if (headClusters.length > 0) held.push({ unit: '', clusters: headClusters });
  if (held.length === 0) return { kind: 'send', composite: whole, held };
  // A unit without older form may stand for one that is gone (a rename), or for one whose bytes are not known here.
  const isReplacing = isGap && (options.last === 'unknown' || hasVanished(resource, older));
  if (options.isPatient && (headClusters.length > 0 || isReplacing)) return { kind: 'hold', held };
  // Envoy refuses a listener without filter chains.
  if (options.type === 'listener' && units.length === 0 && resource.units.length > 0) return { kind: 'hold', held };
  return { kind: 'send', composite: partial(resource, units, options.headDrainMs), held };
}

/** Each unit in its newest form that may go; `isGap` if one of them has no such form. */
function chooseUnits(
  resource: Resource,
  older: ReadonlyMap<string, Unit>,
  isReady: (cluster: string) => boolean,
): { readonly units: Unit[]; readonly held: HeldUnit[]; readonly isGap: boolean } {
  const held: HeldUnit[] = [];
  const units: Unit[] = [];
  let isGap = false;
  for (const unit of resource.units) {
    const clusters = unready(unit.needs, isReady);
    const old = older.get(unit.name);
    if (clusters.length === 0 || old?.version === unit.version) {
      units.push(unit);
      continue;
    }
    held.push({ unit: unit.name, clusters });
    const substitute = old ?? fallbackOf(unit);
    if (old === undefined) isGap = true;
    if (substitute !== undefined) units.push(substitute);
  }
  return { units, held, isGap };
}

function areAllReady(whole: Composite, isReady: (cluster: string) => boolean): boolean {
  for (const cluster of whole.uses.keys()) if (!isReady(cluster)) return false;
  return true;
}

function hasVanished(resource: Resource, older: ReadonlyMap<string, Unit>): boolean {
  const names = new Set(resource.units.map((unit) => unit.name));
  return [...older.keys()].some((name) => !names.has(name));
}

function unready(needs: readonly Need[], isReady: (cluster: string) => boolean): string[] {
  return needs.filter((need) => need.type === 'cluster' && !isReady(need.name)).map((need) => need.name);
}

function fallbackOf(unit: Unit): Unit | undefined {
  if (unit.fallback === undefined) return undefined;
  return { name: unit.name, bytes: unit.fallback, version: hashBytes(unit.fallback), needs: [], drainMs: 0 };
}

function partial(resource: Resource, units: readonly Unit[], headDrainMs: number): Composite {
  const isWhole =
    units.length === resource.units.length && units.every((unit, index) => unit === resource.units[index]);
  if (isWhole) return wholeOf(resource, headDrainMs);
  return build(resource, units, { version: hashText(keyOfParts(resource.head, units)), headDrainMs, isWhole: false });
}

const contentKeys = new WeakMap<Composite, string>();

function contentKey(composite: Composite): string {
  let key = contentKeys.get(composite);
  if (key === undefined) {
    key = keyOfParts(composite.head, composite.units);
    contentKeys.set(composite, key);
  }
  return key;
}

const headHashes = new WeakMap<Uint8Array, string>();

function keyOfParts(head: Uint8Array, units: readonly Unit[]): string {
  let hash = headHashes.get(head);
  if (hash === undefined) {
    hash = hashBytes(head);
    headHashes.set(head, hash);
  }
  return [hash, ...units.map((unit) => unit.version)].join(' ');
}

function build(
  resource: Resource,
  units: readonly Unit[],
  facts: { readonly version: string; readonly headDrainMs: number; readonly isWhole: boolean },
): Composite {
  const uses = new Map<string, number>();
  const secrets = new Set<string>();
  const routes = new Set<string>();
  const note = (needs: readonly Need[], drainMs: number): void => {
    for (const { type, name } of needs) {
      if (type === 'secret') secrets.add(name);
      else if (type === 'route') routes.add(name);
      else uses.set(name, Math.max(uses.get(name) ?? 0, drainMs));
    }
  };
  note(resource.needs, facts.headDrainMs);
  for (const unit of units) note(unit.needs, unit.drainMs);
  return Object.freeze({
    name: resource.name,
    version: facts.version,
    head: resource.head,
    units,
    uses,
    secrets: [...secrets],
    routes: [...routes],
    resource,
    isWhole: facts.isWhole,
  });
}
