/** A proxy's resources as one static bootstrap, by which a real Envoy judges them. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Engine, Outcome } from '../../src/base/engine/index.ts';
import type { JsonObject, JsonValue } from '../../src/base/json.ts';
import {
  partNames,
  partOf,
  partResource,
  proxyParts,
  type ListedType,
  type MeshType,
  type Part,
} from '../../src/compile/proxy.ts';
import type { ProxyKey } from '../../src/model/view.ts';
import { decode, typeUrls, type Resource, type XdsType } from '../../src/proto/index.ts';

/** A resource's JSON, from its bytes. */
export function jsonOf(type: XdsType, resource: Resource): JsonObject {
  const bytes = Buffer.concat([resource.head, ...resource.units.map((unit) => unit.bytes)]);
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

/** A bootstrap of these resources, with a stream that they may name and that is never opened. */
export function bootstrapOf(clusters: readonly JsonObject[], listeners: readonly JsonObject[]): JsonObject {
  return {
    node: { id: 'test', cluster: 'test' },
    dynamic_resources: {
      ads_config: {
        api_type: 'DELTA_GRPC',
        transport_api_version: 'V3',
        grpc_services: [{ envoy_grpc: { cluster_name: 'xds' } }],
      },
    },
    static_resources: {
      clusters: [{ name: 'xds', type: 'STATIC', typed_extension_protocol_options: http2 }, ...clusters],
      listeners: [...listeners],
    },
  };
}

/** Everything that a proxy is sent as one static bootstrap, routes within their listeners. */
export function renderedProxy(engine: Engine, proxy: ProxyKey): JsonObject {
  const { clusters, listeners, routes } = everythingOf(engine, proxy);
  return bootstrapOf(
    clusters,
    listeners.map((listener) => inline(listener, routes)),
  );
}

const run = promisify(execFile);

/** Envoy's word on a proxy's resources: an empty text if it takes them. Nothing is opened or dialled. */
export async function validate(envoy: string, engine: Engine, proxy: ProxyKey): Promise<string> {
  const bootstrap = renderedProxy(engine, proxy);
  const folder = await mkdtemp(join(tmpdir(), 'mizzen-validate-'));
  try {
    const file = join(folder, 'envoy.json');
    await writeFile(file, JSON.stringify(bootstrap));
    await run(envoy, ['--mode', 'validate', '-c', file, '-l', 'error', '--disable-hot-restart']);
    return '';
  } catch (error) {
    return String((error as { stderr?: string }).stderr ?? error);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const http2 = {
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
    '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
    explicit_http_config: { http2_protocol_options: {} },
  },
};

/** The value with each route configuration in the place that names it: Envoy checks a route only where it stands in its listener. */
export function inline<T>(value: T, routes: readonly JsonObject[]): T {
  if (Array.isArray(value)) return value.map((member: unknown) => inline(member, routes)) as T;
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, member]): [string, unknown] => {
    if (key !== 'rds') return [key, inline(member, routes)];
    const name = (member as JsonObject)['route_config_name'];
    return ['route_config', routes.find((route) => route['name'] === name)];
  });
  return Object.fromEntries(entries) as T;
}
