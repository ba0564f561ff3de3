/** Clusters that every sidecar has, and those of a workload's own ports. */
import { defineQuery } from '../../base/engine/index.ts';
import type { JsonObject } from '../../base/json.ts';
import { protoDuration } from '../../base/duration.ts';
import type { ServiceName } from '../../model/inbound.ts';
import { isHttp2, type Protocol } from '../../model/protocol.ts';
import { meshSettings, type MeshSettings } from '../../model/settings.ts';
import type { Resource } from '../../proto/resource.ts';
import { compact } from '../any.ts';
import { blackHoleCluster, inboundCluster, inboundPassthroughCluster, passthroughCluster } from '../names.ts';
import { clusterResource } from '../resource.ts';
import { circuitBreakers } from './policy.ts';
import { protocolOptions } from './protocol-options.ts';
import { socketAddress } from '../socket-address.ts';

/** By which kind of source address Envoy's way to its own application is told from the application's way out. */
const inboundSource = '127.0.0.6';

/** Linux' SO_MARK on SOL_SOCKET: how interception knows the proxy's sockets where there is no user id to tell by. */
const proxyMark: JsonObject = { level: 1, name: 36, int_value: 1_337, state: 'STATE_PREBIND' };

/** Bind configuration of connections to the application. */
function inboundBind(marksSockets: boolean): JsonObject {
  return {
    source_address: { address: inboundSource, port_value: 0 },
    ...(marksSockets ? { socket_options: [proxyMark] } : {}),
  };
}

/** The clusters without an endpoint of the mesh that a proxy may be sent to. */
export const fixedClusters = defineQuery<'sidecar' | 'router', readonly Resource[]>('fixed clusters', (read, type) => {
  const settings = read.get(meshSettings, '');
  const blackHole = {
    name: blackHoleCluster,
    type: 'STATIC',
    connect_timeout: protoDuration(settings.connectTimeoutMs),
  };
  return [blackHole, ...(type === 'sidecar' ? [passthrough(settings)] : [])].map(clusterResource);
});

function passthrough(settings: MeshSettings): JsonObject {
  return {
    name: passthroughCluster,
    type: 'ORIGINAL_DST',
    lb_policy: 'CLUSTER_PROVIDED',
    connect_timeout: protoDuration(settings.connectTimeoutMs),
    circuit_breakers: circuitBreakers({}),
    ...protocolOptions('downstream', {}),
  };
}

/** Key of the cluster to one port of the workload itself. */
export interface InboundClusterKey {
  readonly [key: string]: number | string | boolean | readonly ServiceName[];
  /** 0 for the ports that no service names. */
  readonly port: number;
  readonly protocol: Protocol;
  readonly marksSockets: boolean;
  /** Where a Sidecar sends it; empty for the address that the client dialled. */
  readonly endpoint: string;
  /** The services behind the port, for telemetry. */
  readonly services: readonly ServiceName[];
}

/** The way from the proxy to its own application. */
export const inboundClusterResource = defineQuery<InboundClusterKey, Resource>('inbound cluster', (read, key) => {
  const settings = read.get(meshSettings, '');
  return clusterResource(
    compact({
      name: key.port === 0 ? inboundPassthroughCluster : inboundCluster(key.port),
      ...inboundTarget(key, settings),
      connect_timeout: protoDuration(settings.connectTimeoutMs),
      circuit_breakers: circuitBreakers({}),
      upstream_bind_config: inboundBind(key.marksSockets),
      ...protocolOptions(isHttp2(key.protocol) ? 'http2' : key.protocol === 'auto' ? 'downstream' : 'http1', {}),
      metadata: key.services.length === 0 ? undefined : { filter_metadata: { istio: { services: key.services } } },
    }),
  );
});

const toDialled: JsonObject = { type: 'ORIGINAL_DST', lb_policy: 'CLUSTER_PROVIDED' };

function inboundTarget(key: InboundClusterKey, settings: MeshSettings): JsonObject {
  const local = settings.inboundToLocalhost && key.port !== 0 ? `127.0.0.1:${key.port}` : '';
  const endpoint = key.endpoint === '' ? local : key.endpoint;
  if (endpoint === '') return toDialled;
  const name = inboundCluster(key.port);
  const at = (address: JsonObject): JsonObject => ({
    type: 'STATIC',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
  });
  if (endpoint.startsWith('unix://')) return at({ pipe: { path: endpoint.slice('unix://'.length) } });
  const colon = endpoint.lastIndexOf(':');
  const [host, port] = [endpoint.slice(0, colon), Number(endpoint.slice(colon + 1))];
  // The pod's own address is what was dialled; only the port may be another.
  if (host === '0.0.0.0' || host === '[::]' || host === '::')
    return port === key.port ? toDialled : { ...toDialled, original_dst_lb_config: { upstream_port_override: port } };
  return at(socketAddress(host === '[::1]' || host === '::1' ? '::1' : '127.0.0.1', port));
}
