/** What a proxy is sent, as JSON from the bytes: for tests that look at resources, or hand them to Envoy or a simulation. */
import type { Engine, Outcome } from '../../base/engine/index.ts';
import type { JsonObject, JsonValue } from '../../base/json.ts';
import type { ProxyKey } from '../../model/view.ts';
import { decode, typeUrls, type Resource, type XdsType } from '../../proto/index.ts';
import { partNames, partOf, partResource, proxyParts, type ListedType, type MeshType, type Part } from '../proxy.ts';

/** A resource's JSON, from its bytes. */
export function jsonOf(type: XdsType, resource: Resource): JsonObject {
  const parts = [resource.head, ...resource.units.map((unit) => unit.bytes)];
  const bytes = Uint8Array.from(parts.flatMap((part) => [...part]));
  return decode(typeUrls[type].slice('type.googleapis.com/'.length), bytes);
}

/** Names one resource of one proxy. */
export interface ProxyResource {
  readonly proxy: ProxyKey;
  readonly type: MeshType;
  readonly name: string;
}

function partsOf(engine: Engine, proxy: ProxyKey): readonly Part[] {
  return valueOf(engine.peek(proxyParts, proxy)) ?? [];
}

function valueOf<V>(outcome: Outcome<V>): V {
  if (outcome.kind === 'failure') throw new Error(outcome.message);
  return outcome.value;
}

/** One resource of a proxy as JSON; `undefined` if it has none of that name. */
export function resourceJson(engine: Engine, { proxy, type, name }: ProxyResource): JsonObject | undefined {
  const part = partOf(partsOf(engine, proxy), type, name);
  const resource = part === undefined ? undefined : valueOf(engine.peek(partResource, { part, type, name }));
  return resource === undefined ? undefined : jsonOf(type, resource);
}

/** Names of a proxy's clusters or listeners. */
export function namesOf(engine: Engine, proxy: ProxyKey, type: ListedType): readonly string[] {
  return partsOf(engine, proxy).flatMap((part) => valueOf(engine.peek(partNames, { part, type })));
}

/** Everything that a proxy is sent, as JSON by type. */
export function everythingOf(
  engine: Engine,
  proxy: ProxyKey,
): Readonly<Record<'clusters' | 'listeners' | 'routes', readonly JsonObject[]>> {
  const listed = (type: ListedType): readonly JsonObject[] =>
    namesOf(engine, proxy, type).map((name) => resourceJson(engine, { proxy, type, name }) ?? { missing: name });
  const listeners = listed('listener');
  const routes = [...routeNames(listeners)].map(
    (name) => resourceJson(engine, { proxy, type: 'route', name }) ?? { missing: name },
  );
  return { clusters: listed('cluster'), listeners, routes };
}

/** Every resource of a proxy, by `type name`. */
export function resourcesOf(engine: Engine, proxy: ProxyKey): ReadonlyMap<string, Resource> {
  const parts = partsOf(engine, proxy);
  const found = new Map<string, Resource>();
  const add = (type: MeshType, name: string): Resource | undefined => {
    const part = partOf(parts, type, name);
    const resource = part === undefined ? undefined : valueOf(engine.peek(partResource, { part, type, name }));
    if (resource !== undefined) found.set(`${type} ${name}`, resource);
    return resource;
  };
  for (const name of namesOf(engine, proxy, 'cluster')) {
    add('cluster', name);
    add('endpoint', name);
  }
  const listeners = namesOf(engine, proxy, 'listener').flatMap((name) => add('listener', name) ?? []);
  const needs = listeners.flatMap((listener) => [...listener.needs, ...listener.units.flatMap((unit) => unit.needs)]);
  for (const need of needs) if (need.type === 'route') add('route', need.name);
  return found;
}

function routeNames(value: JsonValue, found = new Set<string>()): ReadonlySet<string> {
  if (typeof value !== 'object' || value === null) return found;
  for (const [key, member] of Object.entries(value)) {
    if (key === 'route_config_name' && typeof member === 'string') found.add(member);
    else if (member !== undefined) routeNames(member as JsonValue, found);
  }
  return found;
}
