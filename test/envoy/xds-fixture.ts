/** A real Envoy against our ADS server over loopback, with resources made by hand. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, createServer, request, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { envoyPath } from '../../src/local/envoy-binary.ts';
import type { JsonObject } from '../../src/proto/index.ts';
import type { Resource } from '../../src/proto/resource.ts';
import { envoyResource, type EnvoyResourceFacts } from '../../src/xds/testing/envoy-resource.ts';

const ads = { ads: {}, resource_api_version: 'V3' };
const typed = (name: string): string => `type.googleapis.com/envoy.extensions.${name}`;
export const nodeId = 'sidecar~127.0.0.1~pod.default~default.svc.cluster.local';

/** An HTTP backend that answers with its name, for as long as the test lives. */
export async function startBackend(name: string): Promise<{ readonly port: number; readonly server: Server }> {
  const server = createServer((_, response) => response.end(name));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { port: address.port, server };
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const { port, server } = await startBackend('');
  server.close();
  await once(server, 'close');
  return port;
}

/** A cluster whose endpoints come over ADS. */
export function edsCluster(name: string, json: JsonObject = {}, facts: EnvoyResourceFacts = {}): Resource {
  const body = {
    type: 'EDS',
    connect_timeout: '1s',
    eds_cluster_config: { eds_config: { ...ads, initial_fetch_timeout: '0s' } },
  };
  return envoyResource('cluster', name, { ...body, ...json }, { readyBy: 'assignment', ...facts });
}

/** The endpoints of a cluster, all on loopback. */
export function assignment(cluster: Resource, ports: readonly number[]): Resource {
  const endpoint = (port: number): JsonObject => ({
    endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } },
  });
  const json = { endpoints: [{ lb_endpoints: ports.map(endpoint) }] };
  return envoyResource('endpoint', cluster.name, json, { clusterVersion: cluster.version });
}

/** A transport socket whose trust bundle comes over ADS. */
export function tlsBySecret(secret: string): JsonObject {
  return {
    transport_socket: {
      name: 'envoy.transport_sockets.tls',
      typed_config: {
        '@type': typed('transport_sockets.tls.v3.UpstreamTlsContext'),
        common_tls_context: {
          validation_context_sds_secret_config: { name: secret, sds_config: { ...ads, initial_fetch_timeout: '0s' } },
        },
      },
    },
  };
}

/** A listener on loopback whose routes come over ADS. */
export function httpListener(name: string, port: number, route: string): Resource {
  const manager = {
    '@type': typed('filters.network.http_connection_manager.v3.HttpConnectionManager'),
    stat_prefix: name,
    rds: { route_config_name: route, config_source: ads },
    http_filters: [{ name: 'router', typed_config: { '@type': typed('filters.http.router.v3.Router') } }],
  };
  const chain = { filters: [{ name: 'http', typed_config: manager }] };
  const address = { socket_address: { address: '127.0.0.1', port_value: port } };
  const json = { address, filter_chains: [chain] } as unknown as JsonObject;
  return envoyResource('listener', name, json, { needs: [{ type: 'route', name: route }] });
}

function bootstrap(options: EnvoyOptions, adminSocket: string): JsonObject {
  const { port, caPem, token } = options;
  const xds = {
    name: 'xds_cluster',
    type: 'STATIC',
    connect_timeout: '1s',
    load_assignment: {
      cluster_name: 'xds_cluster',
      endpoints: [
        { lb_endpoints: [{ endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } } }] },
      ],
    },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': typed('upstreams.http.v3.HttpProtocolOptions'),
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
    transport_socket: {
      name: 'envoy.transport_sockets.tls',
      typed_config: {
        '@type': typed('transport_sockets.tls.v3.UpstreamTlsContext'),
        sni: 'localhost',
        common_tls_context: { validation_context: { trusted_ca: { inline_string: caPem } } },
      },
    },
  };
  return {
    node: { id: nodeId, cluster: 'test' },
    admin: { address: { pipe: { path: adminSocket } } },
    dynamic_resources: {
      ads_config: {
        api_type: 'DELTA_GRPC',
        transport_api_version: 'V3',
        set_node_on_first_message_only: true,
        grpc_services: [
          {
            envoy_grpc: { cluster_name: 'xds_cluster' },
            initial_metadata: [{ key: 'authorization', value: `Bearer ${token}` }],
          },
        ],
      },
      cds_config: { ...ads, initial_fetch_timeout: '0s' },
      lds_config: { ...ads, initial_fetch_timeout: '0s' },
    },
    static_resources: { clusters: [xds] },
  } as unknown as JsonObject;
}

/** How an Envoy reaches the server. */
export interface EnvoyOptions {
  readonly port: number;
  readonly caPem: string;
  readonly token: string;
}

/** A running Envoy. */
export interface TestEnvoy {
  readonly process: ChildProcess;
  /** GET on the admin socket. */
  admin(path: string): Promise<{ readonly status: number; readonly text: string }>;
  stop(): Promise<void>;
}

/** Starts Envoy; it is not ready yet. */
export async function startEnvoy(options: EnvoyOptions): Promise<TestEnvoy> {
  const folder = await mkdtemp(join(tmpdir(), 'mizzen-xds-'));
  const socketPath = join(folder, 'admin.sock');
  const args = ['--disable-hot-restart', '--concurrency', '1', '-l', 'error', '--config-yaml'];
  const child = spawn(envoyPath(), [...args, JSON.stringify(bootstrap(options, socketPath))], { stdio: 'ignore' });
  const exited = once(child, 'exit');
  return {
    process: child,
    admin: (path) => get({ socketPath, path }),
    stop: async () => {
      child.kill('SIGKILL');
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

interface Target {
  readonly path: string;
  readonly socketPath?: string;
  readonly port?: number;
  readonly agent?: Agent;
  readonly headers?: Record<string, string>;
}

/** One GET; status 0 where no answer came. */
export function get(target: Target): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve) => {
    const call = request({ host: '127.0.0.1', ...target }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      response.on('error', () => resolve({ status: 0, text: 'cut' }));
    });
    call.on('error', (error) => resolve({ status: 0, text: error.message }));
    call.end();
  });
}

/** What an open loop saw. */
export interface LoadResult {
  readonly sent: number;
  readonly failed: readonly string[];
  /** Body → how often. */
  readonly answers: ReadonlyMap<string, number>;
}

/** 200 requests a second whatever the answers do, without retries, until stopped. */
export function startLoad(port: number, host = 'h'): { stop(): Promise<LoadResult> } {
  const agent = new Agent({ keepAlive: true, maxSockets: 50 });
  const answers = new Map<string, number>();
  const failed: string[] = [];
  const pending: Promise<void>[] = [];
  const send = async (): Promise<void> => {
    const { status, text } = await get({ path: '/', port, agent, headers: { host } });
    if (status === 200) answers.set(text, (answers.get(text) ?? 0) + 1);
    else failed.push(`${status} ${text}`);
  };
  const timer = setInterval(() => pending.push(send()), 5);
  return {
    stop: async () => {
      clearInterval(timer);
      await Promise.all(pending);
      agent.destroy();
      return { sent: pending.length, failed, answers };
    },
  };
}

/** Waits until it is so; fails with what it waited for after 20 s. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = Date.now() + 20_000;
  while (!(await condition())) {
    if (Date.now() > endMs) throw new Error(`not so after 20 s: ${what}`);
    await sleep(10);
  }
}
