/** Pieces that listeners share. */
import type { JsonObject } from '../../base/json.ts';
import { protoDuration } from '../../base/duration.ts';
import type { MeshSettings } from '../../model/settings.ts';
import { compact, extension } from '../any.ts';
import { filters } from '../names.ts';
import { accessLog } from './access-log.ts';

const listenerFilter = (name: string, type: string): JsonObject =>
  extension(`envoy.filters.listener.${name}`, `envoy.extensions.filters.listener.${name}.v3.${type}`);

/** Listener filters by what they find out. */
export const inspectors = {
  originalDestination: listenerFilter('original_dst', 'OriginalDst'),
  tls: listenerFilter('tls_inspector', 'TlsInspector'),
  http: listenerFilter('http_inspector', 'HttpInspector'),
} as const;

/** How long inspectors may wait for the client to speak; Istio's default is for ever. */
export function inspectionLimit(settings: MeshSettings): JsonObject {
  return {
    listener_filters_timeout: protoDuration(settings.protocolDetectionTimeoutMs),
    continue_on_listener_filters_timeout: true,
  };
}

/** A weighted choice of clusters, or one. */
export interface TcpTargets {
  readonly statPrefix: string;
  readonly clusters: readonly { readonly name: string; readonly weight: number }[];
  readonly settings: MeshSettings;
  readonly idleTimeout?: string | undefined;
  readonly hashBySource?: boolean;
  readonly tunnel?: JsonObject | undefined;
}

/** The network filter that passes bytes on. */
export function tcpProxy(targets: TcpTargets): JsonObject {
  const [only] = targets.clusters;
  return extension(
    filters.tcpProxy,
    'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
    compact({
      stat_prefix: targets.statPrefix,
      ...(targets.clusters.length === 1 && only !== undefined
        ? { cluster: only.name }
        : { weighted_clusters: { clusters: targets.clusters.map(({ name, weight }) => ({ name, weight })) } }),
      idle_timeout: targets.idleTimeout,
      hash_policy: targets.hashBySource === true ? [{ source_ip: {} }] : undefined,
      tunneling_config: targets.tunnel,
      access_log: accessLog(targets.settings),
    }),
  );
}

/** A TCP proxy to one cluster. */
export function tcpTo(cluster: string, settings: MeshSettings): JsonObject {
  return tcpProxy({ statPrefix: cluster, clusters: [{ name: cluster, weight: 1 }], settings });
}
