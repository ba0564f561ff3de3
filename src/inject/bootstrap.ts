/** Bootstrap of a proxy: stock Envoy that asks the control plane for everything else. No agent stands beside it. */
import type { JsonObject } from '../base/json.ts';
import { bootstrapListeners } from './bootstrap-listeners.ts';
import type { ProbeTarget } from './probes.ts';
import { proxyUser, type InjectionSettings } from './settings.ts';

/** Paths inside the proxy's container. */
export const proxyPaths = {
  token: '/var/run/secrets/tokens/istio-token',
  tokenSecret: '/etc/istio/pod/token-secret.json',
  rootCertificate: '/var/run/secrets/istio/root-cert.pem',
  adminSocket: '/etc/istio/proxy/admin.sock',
} as const;

/** Name of the secret by which Envoy reads its own token, so that a rotated one is seen. */
const tokenSecretName = 'xds-token';

const v3 = 'type.googleapis.com/envoy.extensions';
const httpOptions = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/**
 * The discovery response file that points Envoy at the token's file. It travels in an annotation of the pod, which the
 * kubelet writes into a file.
 */
export const tokenSecretFile: string = JSON.stringify({
  resources: [
    {
      '@type': `${v3}.transport_sockets.tls.v3.Secret`,
      name: tokenSecretName,
      generic_secret: { secret: { filename: proxyPaths.token } },
    },
  ],
});

/** What differs between the bootstraps of one installation. */
export interface BootstrapParts {
  readonly type: 'sidecar' | 'router';
  readonly settings: InjectionSettings;
  readonly probes: readonly ProbeTarget[];
  /** `region/zone/subzone` of the pod; empty where unknown. */
  readonly locality: string;
}

/** The bootstrap; `$(NAME)` in it is filled in from the container's environment. */
export function bootstrap(parts: BootstrapParts): JsonObject {
  const { settings, type, locality } = parts;
  const zoned = type === 'sidecar' && locality !== '';
  const listeners = bootstrapListeners(parts.probes);
  return {
    node: {
      id: `${type}~$(INSTANCE_IP)~$(POD_NAME).$(POD_NAMESPACE)~$(POD_NAMESPACE).svc.cluster.local`,
      cluster: '$(WORKLOAD_NAME).$(POD_NAMESPACE)',
      ...(locality === '' ? {} : { locality: localityOf(locality) }),
      metadata: {
        NAME: '$(POD_NAME)',
        NAMESPACE: '$(POD_NAMESPACE)',
        SERVICE_ACCOUNT: '$(SERVICE_ACCOUNT)',
        WORKLOAD_NAME: '$(WORKLOAD_NAME)',
        CLUSTER_ID: 'Kubernetes',
        INTERCEPTION_MODE: type === 'sidecar' ? 'REDIRECT' : 'NONE',
      },
    },
    admin: { address: { pipe: { path: proxyPaths.adminSocket, mode: 384 } } },
    dynamic_resources: {
      ads_config: {
        api_type: 'DELTA_GRPC',
        transport_api_version: 'V3',
        set_node_on_first_message_only: true,
        grpc_services: [{ envoy_grpc: { cluster_name: 'xds_cluster' } }],
      },
      cds_config: { ads: {}, resource_api_version: 'V3', initial_fetch_timeout: '0s' },
      lds_config: { ads: {}, resource_api_version: 'V3', initial_fetch_timeout: '0s' },
    },
    static_resources: {
      clusters: [xdsCluster(settings), adminCluster, ...(zoned ? [localCluster] : []), ...listeners.clusters],
      listeners: listeners.listeners,
    },
    stats_config: { stats_matcher: { inclusion_list: { patterns: statsPatterns } } },
    deferred_stat_options: { enable_deferred_creation_stats: true },
    overload_manager: {
      resource_monitors: [
        {
          name: 'envoy.resource_monitors.global_downstream_max_connections',
          typed_config: {
            '@type': `${v3}.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig`,
            max_active_downstream_connections: 50_000,
          },
        },
      ],
    },
    ...(type === 'sidecar' ? { layered_runtime: sidecarRuntime } : {}),
    cluster_manager: {
      ...(settings.interceptBy === 'mark' ? { upstream_bind_config: markedBind } : {}),
      ...(zoned ? { local_cluster_name: localCluster.name } : {}),
    },
  };
}

function localityOf(text: string): JsonObject {
  const [region = '', zone = '', subzone = ''] = text.split('/');
  return { region, zone, sub_zone: subzone };
}

/** The workload itself, whose endpoints come like all others; by it Envoy knows its zone's share (zone-aware routing). */
const localCluster = {
  name: 'local_cluster',
  type: 'EDS',
  connect_timeout: '1s',
  eds_cluster_config: { eds_config: { ads: {}, resource_api_version: 'V3', initial_fetch_timeout: '5s' } },
} as const satisfies JsonObject;

// An application is told why TLS to its destination failed, as Istio's users are; whoever stands outside of a gateway is not.
const sidecarRuntime: JsonObject = {
  layers: [
    {
      name: 'mizzen',
      static_layer: { 'envoy.reloadable_features.hide_transport_failure_reason_in_response_body': false },
    },
  ],
};

// Interception knows the proxy's connections by this mark where it cannot know them by their user.
const markedBind: JsonObject = {
  source_address: { address: '0.0.0.0', port_value: 0 },
  socket_options: [{ level: 1, name: 36, int_value: proxyUser, state: 'STATE_PREBIND' }],
};

const statsPatterns: readonly JsonObject[] = [
  { prefix: 'cluster_manager.' },
  { prefix: 'listener_manager.' },
  { prefix: 'server.' },
  { prefix: 'cluster.xds_cluster.' },
  { prefix: 'istio' },
  // The filter that answers rewritten TCP and gRPC probes reads its clusters' membership from these.
  { prefix: 'cluster.probe|' },
  { suffix: 'ssl.handshake' },
  { suffix: 'ssl.connection_error' },
  { suffix: 'ssl.fail_verify_san' },
  { suffix: 'no_filter_chain_match' },
  { suffix: 'upstream_rq_retry' },
  { suffix: 'upstream_rq_total' },
  { suffix: 'upstream_cx_total' },
  { suffix: 'upstream_cx_active' },
  { suffix: 'downstream_cx_total' },
  { suffix: 'downstream_cx_active' },
  { suffix: 'downstream_rq_total' },
  { contains: '.rbac.' },
];

/** Cluster of Envoy's own admin interface, which only answers on a Unix socket. */
export const adminCluster: JsonObject = {
  name: 'agent',
  type: 'STATIC',
  connect_timeout: '1s',
  load_assignment: {
    cluster_name: 'agent',
    endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path: proxyPaths.adminSocket } } } }] }],
  },
};

function xdsCluster(settings: InjectionSettings): JsonObject {
  const colon = settings.discoveryAddress.lastIndexOf(':');
  const host = settings.discoveryAddress.slice(0, colon);
  const address = { address: host, port_value: Number(settings.discoveryAddress.slice(colon + 1)) };
  return {
    name: 'xds_cluster',
    type: 'STRICT_DNS',
    dns_lookup_family: 'V4_ONLY',
    connect_timeout: '2s',
    load_assignment: {
      cluster_name: 'xds_cluster',
      endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: address } } }] }],
    },
    upstream_connection_options: { tcp_keepalive: { keepalive_time: 30, keepalive_interval: 10, keepalive_probes: 3 } },
    typed_extension_protocol_options: { [httpOptions]: xdsHttpOptions },
    transport_socket: {
      name: 'envoy.transport_sockets.tls',
      typed_config: {
        '@type': `${v3}.transport_sockets.tls.v3.UpstreamTlsContext`,
        sni: host,
        common_tls_context: {
          alpn_protocols: ['h2'],
          validation_context: {
            trusted_ca: { filename: proxyPaths.rootCertificate },
            match_typed_subject_alt_names: [{ san_type: 'DNS', matcher: { exact: host } }],
          },
        },
      },
    },
  };
}

const xdsHttpOptions: JsonObject = {
  '@type': `${v3}.upstreams.http.v3.HttpProtocolOptions`,
  explicit_http_config: {
    http2_protocol_options: {
      connection_keepalive: { interval: '30s', timeout: '5s' },
      initial_stream_window_size: 1_048_576,
      initial_connection_window_size: 1_048_576,
    },
  },
  http_filters: [
    {
      name: 'envoy.filters.http.credential_injector',
      typed_config: {
        '@type': `${v3}.filters.http.credential_injector.v3.CredentialInjector`,
        overwrite: true,
        credential: {
          name: 'envoy.http.injected_credentials.generic',
          typed_config: {
            '@type': `${v3}.http.injected_credentials.generic.v3.Generic`,
            credential: {
              name: tokenSecretName,
              sds_config: { path_config_source: { path: proxyPaths.tokenSecret }, resource_api_version: 'V3' },
            },
            header: 'authorization',
            header_value_prefix: 'Bearer ',
          },
        },
      },
    },
    {
      name: 'envoy.filters.http.upstream_codec',
      typed_config: { '@type': `${v3}.filters.http.upstream_codec.v3.UpstreamCodec` },
    },
  ],
};
