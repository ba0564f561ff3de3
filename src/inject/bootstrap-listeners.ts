/** Listeners that a proxy has from the start: readiness, rewritten probes, metrics, and the door to the admin interface. */
import type { JsonObject } from '../base/json.ts';
import type { ProbeTarget } from './probes.ts';
import { adminPort, metricsPort, probePort, statusPort } from './settings.ts';

/** Clusters and listeners of the bootstrap. */
export interface StaticParts {
  readonly clusters: readonly JsonObject[];
  readonly listeners: readonly JsonObject[];
}

const v3 = 'type.googleapis.com/envoy.extensions.filters';
const admin = 'agent';

/** The static listeners; probes of the application are answered on a port that mutual TLS does not close. */
export function bootstrapListeners(probes: readonly ProbeTarget[]): StaticParts {
  const stats = [exact('/stats/prometheus', { cluster: admin, prefix_rewrite: '/stats/prometheus?usedonly' })];
  const ready = [exact('/healthz/ready', { cluster: admin, prefix_rewrite: '/ready' })];
  return {
    clusters: probes.map(probeCluster),
    listeners: [
      listener({ name: 'status', address: '0.0.0.0', port: statusPort, routes: ready }),
      listener({
        name: 'probes',
        address: '0.0.0.0',
        port: probePort,
        routes: [...ready, ...stats, ...probes.filter(isHttp).map(httpProbeRoute)],
        checks: probes.filter((probe) => !isHttp(probe)),
      }),
      listener({ name: 'prometheus', address: '0.0.0.0', port: metricsPort, routes: stats }),
      listener({ name: 'admin', address: '127.0.0.1', port: adminPort, routes: adminRoutes, domains: adminDomains }),
    ],
  };
}

const adminDomains = [`127.0.0.1:${adminPort}`, '127.0.0.1', `localhost:${adminPort}`, 'localhost'];

// Reads, and the log level: nothing that changes what the proxy does.
const adminRoutes: readonly JsonObject[] = [
  ...['/config_dump', '/clusters', '/listeners', '/stats', '/stats/prometheus', '/certs', '/server_info', '/ready'].map(
    (path) => ({
      match: { path, headers: [method('GET')] },
      route: { cluster: admin, timeout: '30s' },
    }),
  ),
  { match: { path: '/logging', headers: [method('POST')] }, route: { cluster: admin, timeout: '5s' } },
];

function method(name: string): JsonObject {
  return { name: ':method', string_match: { exact: name } };
}

function exact(path: string, route: JsonObject): JsonObject {
  return { match: { path }, route: { timeout: '5s', ...route } };
}

interface StaticListener {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly routes: readonly JsonObject[];
  readonly domains?: readonly string[];
  readonly checks?: readonly ProbeTarget[];
}

function listener(parts: StaticListener): JsonObject {
  return {
    name: parts.name,
    address: { socket_address: { address: parts.address, port_value: parts.port } },
    filter_chains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.http_connection_manager',
            typed_config: {
              '@type': `${v3}.network.http_connection_manager.v3.HttpConnectionManager`,
              stat_prefix: parts.name,
              normalize_path: true,
              merge_slashes: true,
              path_with_escaped_slashes_action: 'REJECT_REQUEST',
              http_filters: [
                ...(parts.checks ?? []).map(healthCheckFilter),
                { name: 'envoy.filters.http.router', typed_config: { '@type': `${v3}.http.router.v3.Router` } },
              ],
              route_config: { name: parts.name, virtual_hosts: virtualHosts(parts) },
            },
          },
        ],
      },
    ],
  };
}

function virtualHosts(parts: StaticListener): readonly JsonObject[] {
  if (parts.domains === undefined) return [{ name: parts.name, domains: ['*'], routes: parts.routes }];
  const refused = { match: { prefix: '/' }, direct_response: { status: 403 } };
  return [
    { name: parts.name, domains: parts.domains, routes: [...parts.routes, refused] },
    // A page in a browser may call loopback under its own name: it gets nothing.
    { name: 'foreign', domains: ['*'], routes: [refused] },
  ];
}

function isHttp(probe: ProbeTarget): boolean {
  return probe.kind === 'http';
}

function clusterName(probe: ProbeTarget): string {
  return `probe|${probe.path}`;
}

function httpProbeRoute(probe: ProbeTarget): JsonObject {
  const { request } = probe;
  return {
    match: { path: probe.path },
    route: {
      cluster: clusterName(probe),
      timeout: `${probe.timeoutSeconds}s`,
      prefix_rewrite: request?.path ?? '/',
      ...(request?.host === undefined ? {} : { host_rewrite_literal: request.host }),
    },
    request_headers_to_add: (request?.headers ?? []).map((header) => ({
      header: { key: header.name, value: header.value },
      append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
    })),
  };
}

function probeCluster(probe: ProbeTarget): JsonObject {
  const name = clusterName(probe);
  return {
    name,
    type: 'STATIC',
    connect_timeout: `${probe.timeoutSeconds}s`,
    load_assignment: {
      cluster_name: name,
      endpoints: [
        {
          lb_endpoints: [
            { endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: probe.port } } } },
          ],
        },
      ],
    },
    ...(probe.kind === 'http' ? {} : { health_checks: [healthCheck(probe)] }),
    ...(probe.kind === 'grpc' ? { typed_extension_protocol_options: http2 } : {}),
    ...(probe.request?.tls === true ? { transport_socket: unverifiedTls } : {}),
  };
}

// Envoy does not start with a gRPC health check of a cluster that might speak anything else.
const http2: JsonObject = {
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
    '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
    explicit_http_config: { http2_protocol_options: {} },
  },
};

// The kubelet does not verify certificates of HTTPS probes either.
const unverifiedTls: JsonObject = {
  name: 'envoy.transport_sockets.tls',
  typed_config: { '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext' },
};

function healthCheck(probe: ProbeTarget): JsonObject {
  // Without an authority the cluster's name is sent, and a server may refuse a request with such characters in it.
  const authority = `127.0.0.1:${probe.port}`;
  const check =
    probe.kind === 'grpc'
      ? { grpc_health_check: { service_name: probe.service ?? '', authority } }
      : { tcp_health_check: {} };
  return {
    timeout: `${probe.timeoutSeconds}s`,
    interval: '1s',
    no_traffic_interval: '1s',
    unhealthy_threshold: 1,
    healthy_threshold: 1,
    ...check,
  };
}

function healthCheckFilter(probe: ProbeTarget): JsonObject {
  return {
    name: `envoy.filters.http.health_check.${probe.path}`,
    typed_config: {
      '@type': `${v3}.http.health_check.v3.HealthCheck`,
      pass_through_mode: false,
      headers: [{ name: ':path', string_match: { exact: probe.path } }],
      cluster_min_healthy_percentages: { [clusterName(probe)]: { value: 100 } },
    },
  };
}
