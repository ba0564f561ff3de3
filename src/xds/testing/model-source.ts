import { hashText } from '../../base/hash.ts';
import type { Need, Resource, Unit, XdsType } from '../../proto/resource.ts';
import { keyOf, type ResourceKey, type ResourceSource, type SourceChange } from '../source.ts';

/** A cluster of the model. */
export interface ModelCluster {
  readonly revision: number;
  readonly readyBy: 'assignment' | 'cds';
  /** The model proxy refuses it. */
  readonly isBad: boolean;
  readonly secret: string | undefined;
}

/** A virtual host or filter chain of the model. */
export interface ModelUnit {
  readonly name: string;
  readonly revision: number;
  readonly cluster: string;
}

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder();

function unitOf(unit: ModelUnit): Unit {
  const text = JSON.stringify(unit);
  const needs: Need[] = [{ type: 'cluster', name: unit.cluster }];
  return { name: unit.name, bytes: textEncoder.encode(text), version: hashText(text), needs, drainMs: 45_000 };
}

/** What a model unit's bytes say. */
export function readUnit(bytes: Uint8Array): ModelUnit {
  return JSON.parse(textDecoder.decode(bytes)) as ModelUnit;
}

/** What a model resource's head says. */
export function readHead(head: Uint8Array): Record<string, unknown> {
  return JSON.parse(textDecoder.decode(head)) as Record<string, unknown>;
}

function resourceOf(name: string, head: unknown, units: readonly Unit[], needs: readonly Need[]): Resource {
  const text = JSON.stringify(head);
  const version = hashText([text, ...units.map((unit) => unit.version)].join(' '));
  return { name, version, head: textEncoder.encode(text), needs, units };
}

/** A cluster as a resource. */
export function clusterOf(name: string, cluster: ModelCluster): Resource {
  const needs: Need[] = cluster.secret === undefined ? [] : [{ type: 'secret', name: cluster.secret }];
  return { ...resourceOf(name, { name, ...cluster }, [], needs), readyBy: cluster.readyBy };
}

/** A route configuration as a resource. */
export function routeOf(name: string, units: readonly ModelUnit[], head: object = {}): Resource {
  return resourceOf(name, { name, ...head }, units.map(unitOf), []);
}

/** A listener that names one route configuration and has filter chains. */
export function listenerOf(name: string, route: string, units: readonly ModelUnit[]): Resource {
  return resourceOf(name, { name, route }, units.map(unitOf), [{ type: 'route', name: route }]);
}

/** Endpoints or a secret: a revision, and for endpoints the version of their cluster. */
export function plainOf(name: string, revision: number, clusterVersion = ''): Resource {
  return resourceOf(name, { name, revision, clusterVersion }, [], []);
}

/** A source whose resources a test sets; each `edit` is one generation. */
export interface ModelSource extends ResourceSource {
  edit(change: (set: (type: XdsType, name: string, resource: Resource | undefined) => void) => void): void;
  readonly subscribed: ReadonlySet<string>;
}

/** An empty source at generation 1. */
export function createModelSource(proxy = 'pod.default'): ModelSource {
  const resources = new Map<string, Resource>();
  const subscribed = new Set<string>();
  const listeners = new Set<(change: SourceChange) => void>();
  let generation = 1;
  const namesOf = (type: XdsType): string[] =>
    [...resources.keys()].filter((key) => key.startsWith(`${type}\n`)).map((key) => key.slice(type.length + 1));
  return {
    proxy,
    get generation() {
      return generation;
    },
    subscribed,
    list: namesOf,
    read: (type, name) => resources.get(keyOf(type, name)),
    subscribe: (type, name) => void subscribed.add(keyOf(type, name)),
    unsubscribe: (type, name) => void subscribed.delete(keyOf(type, name)),
    onChange: (listener) => void listeners.add(listener),
    close: () => listeners.clear(),
    edit: (change) => {
      const changed: ResourceKey[] = [];
      change((type, name, resource) => {
        const key = keyOf(type, name);
        if (resources.get(key)?.version === resource?.version) return;
        if (resource === undefined) resources.delete(key);
        else resources.set(key, resource);
        changed.push({ type, name });
      });
      generation++;
      for (const listener of listeners) listener({ generation, changed });
    },
  };
}
