import { typed } from './typed.ts';
import type {
  Bootstrap,
  Cluster,
  ClusterLoadAssignment,
  HttpConnectionManager,
  Listener,
  RouteConfiguration,
  Secret,
  VirtualHost,
} from './generated/types.ts';

// Resources such as a sidecar gets, for tests and benchmarks of encoder and decoder.

const ads = { ads: {}, initial_fetch_timeout: '5s', resource_api_version: 'V3' } as const;

const upstreamTls = typed('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', {
  common_tls_context: {
    alpn_protocols: ['istio', 'h2'],
    tls_params: { tls_minimum_protocol_version: 'TLSv1_2' },
    tls_certificate_sds_secret_configs: [{ name: 'default', sds_config: ads }],
    combined_validation_context: {
      default_validation_context: {
        match_typed_subject_alt_names: [
          { san_type: 'URI', matcher: { exact: 'spiffe://cluster.local/ns/default/sa/bookinfo-reviews' } },
        ],
      },
      validation_context_sds_secret_config: { name: 'ROOTCA', sds_config: ads },
    },
  },
  sni: 'outbound_.9080_.v1_.reviews.default.svc.cluster.local',
});

/** An EDS cluster with mutual TLS, circuit breakers, outlier detection, metadata and HTTP options. */
export const sampleCluster: Cluster = {
  name: 'outbound|9080|v1|reviews.default.svc.cluster.local',
  type: 'EDS',
  eds_cluster_config: { eds_config: ads, service_name: 'outbound|9080|v1|reviews.default.svc.cluster.local' },
  connect_timeout: '10s',
  lb_policy: 'LEAST_REQUEST',
  circuit_breakers: { thresholds: [{ max_connections: 4294967295, max_requests: 4294967295, track_remaining: true }] },
  outlier_detection: { consecutive_5xx: 5, interval: '10s', base_ejection_time: '30s', enforcing_success_rate: 0 },
  common_lb_config: { healthy_panic_threshold: {}, locality_weighted_lb_config: {} },
  metadata: {
    filter_metadata: {
      istio: {
        services: [{ name: 'reviews', namespace: 'default', host: 'reviews.default.svc.cluster.local', weight: 1.5 }],
        none: null,
        live: true,
      },
    },
  },
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': typed(
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      {
        common_http_protocol_options: { idle_timeout: '3600s' },
        use_downstream_protocol_config: { http_protocol_options: {}, http2_protocol_options: {} },
      },
    ),
  },
  transport_socket_matches: [
    {
      name: 'tlsMode-istio',
      match: { tlsMode: 'istio' },
      transport_socket: { name: 'envoy.transport_sockets.tls', typed_config: upstreamTls },
    },
    {
      name: 'tlsMode-disabled',
      match: {},
      transport_socket: {
        name: 'envoy.transport_sockets.raw_buffer',
        typed_config: typed('envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer', {}),
      },
    },
  ],
};

const connectionManager: HttpConnectionManager = {
  stat_prefix: 'outbound_0.0.0.0_9080',
  rds: { config_source: ads, route_config_name: '9080' },
  http_filters: [
    {
      name: 'envoy.filters.http.rbac',
      typed_config: typed('envoy.extensions.filters.http.rbac.v3.RBAC', {
        rules: {
          action: 'DENY',
          policies: {
            'ns[default]-policy[deny]-rule[0]': {
              permissions: [
                { and_rules: { rules: [{ header: { name: ':method', string_match: { exact: 'GET' } } }] } },
              ],
              principals: [{ authenticated: { principal_name: { prefix: 'spiffe://cluster.local/' } } }],
            },
          },
        },
      }),
    },
    {
      name: 'envoy.filters.http.fault',
      typed_config: typed('envoy.extensions.filters.http.fault.v3.HTTPFault', {
        delay: { fixed_delay: '2s', percentage: { numerator: 500000, denominator: 'MILLION' } },
        abort: { http_status: 503, percentage: { numerator: 50 } },
      }),
    },
    { name: 'envoy.filters.http.cors', typed_config: typed('envoy.extensions.filters.http.cors.v3.Cors', {}) },
    { name: 'envoy.filters.http.router', typed_config: typed('envoy.extensions.filters.http.router.v3.Router', {}) },
  ],
  tracing: { client_sampling: { value: 100 }, random_sampling: { value: 1 }, overall_sampling: { value: 100 } },
  use_remote_address: false,
  forward_client_cert_details: 'APPEND_FORWARD',
  set_current_client_cert_details: { subject: true, dns: true, uri: true },
  upgrade_configs: [{ upgrade_type: 'websocket' }],
  stream_idle_timeout: '0s',
  normalize_path: true,
  path_with_escaped_slashes_action: 'KEEP_UNCHANGED',
};

/** A listener with inspectors, an HTTP chain (RBAC, fault, CORS, router) and a TCP chain with an access log. */
export const sampleListener: Listener = {
  name: '0.0.0.0_9080',
  address: { socket_address: { address: '0.0.0.0', port_value: 9080 } },
  bind_to_port: false,
  traffic_direction: 'OUTBOUND',
  continue_on_listener_filters_timeout: true,
  listener_filters_timeout: '0s',
  listener_filters: [
    {
      name: 'envoy.filters.listener.tls_inspector',
      typed_config: typed('envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector', {}),
    },
    {
      name: 'envoy.filters.listener.http_inspector',
      typed_config: typed('envoy.extensions.filters.listener.http_inspector.v3.HttpInspector', {}),
      filter_disabled: { destination_port_range: { start: 443, end: 444 } },
    },
  ],
  filter_chains: [
    {
      name: 'http',
      filter_chain_match: { transport_protocol: 'raw_buffer', application_protocols: ['http/1.1', 'h2c'] },
      filters: [
        {
          name: 'envoy.filters.network.http_connection_manager',
          typed_config: typed(
            'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
            connectionManager,
          ),
        },
      ],
    },
  ],
  default_filter_chain: {
    name: 'passthrough',
    filters: [
      {
        name: 'envoy.filters.network.tcp_proxy',
        typed_config: typed('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', {
          stat_prefix: 'PassthroughCluster',
          cluster: 'PassthroughCluster',
          access_log: [
            {
              name: 'envoy.access_loggers.file',
              typed_config: typed('envoy.extensions.access_loggers.file.v3.FileAccessLog', {
                path: '/dev/stdout',
                log_format: { text_format_source: { inline_string: '[%START_TIME%] "%REQ(:METHOD)%"\n' } },
              }),
            },
          ],
        }),
      },
    ],
  },
};

/** A virtual host with a weighted route, matches, a retry policy, header changes and a fallback. */
export function sampleVirtualHost(index: number): VirtualHost {
  const host = `service-${index}.default.svc.cluster.local`;
  return {
    name: `${host}:80`,
    domains: [host, `service-${index}.default.svc`, `service-${index}.default`, `service-${index}`, `10.0.0.${index}`],
    include_request_attempt_count: true,
    routes: [
      {
        name: 'jason',
        match: {
          prefix: '/',
          case_sensitive: true,
          headers: [{ name: 'end-user', string_match: { exact: 'jason' } }],
        },
        route: {
          weighted_clusters: {
            clusters: [
              { name: `outbound|80|v1|${host}`, weight: 80 },
              { name: `outbound|80|v2|${host}`, weight: 20 },
            ],
          },
          timeout: '0s',
          retry_policy: {
            retry_on: 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes',
            num_retries: 2,
            host_selection_retry_max_attempts: '5',
            retriable_status_codes: [503],
          },
          max_stream_duration: { max_stream_duration: '0s' },
        },
        request_headers_to_add: [
          { header: { key: 'x-added', value: 'yes' }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' },
        ],
        decorator: { operation: `${host}:80/*` },
      },
      { name: 'default', match: { prefix: '/' }, route: { cluster: `outbound|80||${host}`, timeout: '0s' } },
    ],
  };
}

/** A route configuration with that many virtual hosts. */
export function sampleRoutes(hosts: number): RouteConfiguration {
  const virtualHosts = Array.from({ length: hosts }, (_, index) => sampleVirtualHost(index));
  return {
    name: '80',
    virtual_hosts: virtualHosts,
    validate_clusters: false,
    max_direct_response_body_size_bytes: 1048576,
  };
}

/** An assignment with that many endpoints in two localities, each with metadata. */
export function sampleAssignment(endpoints: number): ClusterLoadAssignment {
  const localities = ['a', 'b'].map((zone, zoneIndex) => ({
    locality: { region: 'eu', zone },
    load_balancing_weight: endpoints,
    lb_endpoints: Array.from({ length: endpoints / 2 }, (_, index) => ({
      endpoint: {
        address: { socket_address: { address: `10.${zoneIndex}.${index >> 8}.${index & 255}`, port_value: 9080 } },
        hostname: `pod-${index}`,
      },
      health_status: 'HEALTHY' as const,
      load_balancing_weight: 1,
      metadata: {
        filter_metadata: {
          istio: { workload: 'reviews-v1;default;reviews;v1;Kubernetes' },
          'envoy.transport_socket_match': { tlsMode: 'istio' },
        },
      },
    })),
  }));
  return { cluster_name: 'outbound|9080||reviews.default.svc.cluster.local', endpoints: localities };
}

/** A certificate and key given in place. */
export const sampleSecret: Secret = {
  name: 'default',
  tls_certificate: {
    certificate_chain: {
      inline_string: `-----BEGIN CERTIFICATE-----\n${'QUJD'.repeat(400)}\n-----END CERTIFICATE-----\n`,
    },
    private_key: { inline_bytes: 'bm90IGEga2V5' },
  },
};

/** A bootstrap with a static cluster, ADS, admin on a socket and stats settings. */
export const sampleBootstrap: Bootstrap = {
  node: { id: 'sidecar~10.0.0.1~reviews-v1.default~default.svc.cluster.local', cluster: 'reviews.default' },
  admin: { address: { pipe: { path: '/run/mizzen/admin.sock', mode: 384 } }, allow_paths: [{ exact: '/ready' }] },
  dynamic_resources: {
    ads_config: {
      api_type: 'DELTA_GRPC',
      transport_api_version: 'V3',
      set_node_on_first_message_only: true,
      grpc_services: [{ envoy_grpc: { cluster_name: 'xds_cluster' } }],
    },
    cds_config: { ...ads, initial_fetch_timeout: '0s' },
    lds_config: { ...ads, initial_fetch_timeout: '0s' },
  },
  static_resources: { clusters: [sampleCluster] },
  stats_config: {
    use_all_default_tags: false,
    stats_matcher: { inclusion_list: { patterns: [{ prefix: 'listener.' }] } },
  },
  deferred_stat_options: { enable_deferred_creation_stats: true },
  layered_runtime: { layers: [{ name: 'deprecation', static_layer: { 're2.max_program_size.error_level': 32768 } }] },
};
