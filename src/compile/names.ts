/**
 * Every name that Envoy sees. They are Istio's, because EnvoyFilters, Kiali, `proxy-config` and people depend on them
 * (https://istio.io/latest/docs/ops/diagnostic-tools/proxy-cmd). A name comes from content, never from an index.
 */

export const blackHoleCluster = 'BlackHoleCluster';
export const passthroughCluster = 'PassthroughCluster';
export const inboundPassthroughCluster = 'InboundPassthroughCluster';
/** Cluster of the bootstrap that stands for the proxy's own workload. */
export const localCluster = 'local_cluster';
export const virtualOutbound = 'virtualOutbound';
export const virtualInbound = 'virtualInbound';
export const inboundBlackHoleChain = 'virtualInbound-blackhole';
export const inboundCatchAllHttpChain = 'virtualInbound-catchall-http';

/** Ports of a sidecar (https://istio.io/latest/docs/ops/deployment/application-requirements). */
export const ports = {
  outbound: 15001,
  inbound: 15006,
  status: 15021,
  metrics: 15020,
  prometheus: 15090,
  admin: 15000,
} as const;

/** Secrets that every proxy has: its own certificate, and the roots it trusts. */
export const workloadSecret = 'default';
export const rootSecret = 'ROOTCA';

/** Secret of a gateway's or client's `credentialName`. */
export function credentialSecret(name: string): string {
  return name.includes('://') ? name : `kubernetes://${name}`;
}

/** Secret of the certificate authority that belongs to a credential. */
export function credentialCaSecret(name: string): string {
  return `${credentialSecret(name)}-cacert`;
}

/** What a cluster's name says. */
export interface ClusterName {
  readonly direction: 'outbound' | 'inbound';
  readonly port: number;
  readonly subset: string;
  readonly host: string;
}

/** `outbound|9080|v1|reviews.default.svc.cluster.local`. */
export function outboundCluster(port: number, subset: string, host: string): string {
  return `outbound|${port}|${subset}|${host}`;
}

/** `inbound|9080||`. */
export function inboundCluster(port: number): string {
  return `inbound|${port}||`;
}

/** Route configuration of an inbound port; it carries the workload's HTTP policy. */
export function inboundRoute(port: number): string {
  return `inbound|${port}||`;
}

/** Route configuration of inbound HTTP on ports that no service names. */
export const inboundPassthroughRoute = inboundPassthroughCluster;

/** Reads a cluster's name; `undefined` for one that is none of ours (`BlackHoleCluster`). */
export function parseClusterName(name: string): ClusterName | undefined {
  const [direction, port, subset, host] = name.split('|');
  if ((direction !== 'outbound' && direction !== 'inbound') || port === undefined) return undefined;
  return { direction, port: Number(port), subset: subset ?? '', host: host ?? '' };
}

/** Server name of a cluster in the TLS hello: `outbound_.9080_.v1_.reviews.default.svc.cluster.local`, `._.` without a subset. */
export function clusterSni(port: number, subset: string, host: string): string {
  return `outbound_.${port}_.${subset}_.${host}`;
}

/** Listener of an address and port: `10.96.0.10_3306`, `0.0.0.0_9080`. */
export function listenerName(address: string, port: number): string {
  return `${address}_${port}`;
}

/** Route configuration of plain HTTP on a port of the mesh (`9080`), or of one sniffed service (`host:port`). */
export function outboundRoute(port: number, host?: string): string {
  return host === undefined ? String(port) : `${host}:${port}`;
}

/** Route configuration of a gateway's plain HTTP port: `http.8080`. */
export function gatewayHttpRoute(port: number): string {
  return `http.${port}`;
}

/** Route configuration of one HTTPS server: `https.443.name.gateway.namespace`. */
export function gatewayHttpsRoute(port: number, portName: string, gateway: string): string {
  const [namespace = '', name = ''] = gateway.split('/');
  return `https.${port}.${portName}.${name}.${namespace}`;
}

/** Virtual host of a service or of a VirtualService's host. */
export function virtualHostName(host: string, port: number): string {
  return `${host}:${port}`;
}

/** Policy of an authorization rule, as `authz check` of Istio's tools reads it. */
export function rbacPolicyName(namespace: string, policy: string, rule: number): string {
  return `ns[${namespace}]-policy[${policy}]-rule[${rule}]`;
}

/** HTTP filters in their order, and the two network filters that policy needs. */
export const filters = {
  rbacDeny: 'envoy.filters.http.rbac.deny',
  rbacAllow: 'envoy.filters.http.rbac',
  fault: 'envoy.filters.http.fault',
  cors: 'envoy.filters.http.cors',
  alpn: 'envoy.filters.http.set_filter_state.alpn',
  router: 'envoy.filters.http.router',
  grpcStats: 'envoy.filters.http.grpc_stats',
  httpConnectionManager: 'envoy.filters.network.http_connection_manager',
  tcpProxy: 'envoy.filters.network.tcp_proxy',
  networkRbacDeny: 'envoy.filters.network.rbac.deny',
  networkRbacAllow: 'envoy.filters.network.rbac',
} as const;

/** ALPN by which sidecars know each other, as clients send it and as filter chains match it. */
export const alpn = {
  clientTcp: ['istio'],
  clientHttp1: ['istio-http/1.1', 'istio', 'http/1.1'],
  clientHttp2: ['istio-h2', 'istio', 'h2'],
  meshHttp: ['istio-http/1.0', 'istio-http/1.1', 'istio-h2'],
  meshTcp: ['istio-peer-exchange', 'istio'],
  mesh: ['istio', 'istio-peer-exchange', 'istio-http/1.0', 'istio-http/1.1', 'istio-h2'],
  plainHttp: ['http/1.0', 'http/1.1', 'h2c'],
  outboundHttp: ['http/1.1', 'h2c'],
  // The server's own list must not name `istio`: Envoy would take an unknown protocol for HTTP/1.
  server: ['h2', 'http/1.1'],
} as const;
