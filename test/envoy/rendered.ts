/** A proxy's resources as one static bootstrap, by which a real Envoy judges them. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Engine } from '../../src/base/engine/index.ts';
import type { JsonObject } from '../../src/base/json.ts';
import { everythingOf } from '../../src/compile/testing/proxy-json.ts';
import type { ProxyKey } from '../../src/model/view.ts';

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
