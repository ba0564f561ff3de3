/** Application protocols of service ports (https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection). */

/** `auto` means that the proxy finds out by looking at the first bytes. */
export type Protocol = 'http' | 'http2' | 'grpc' | 'grpc-web' | 'https' | 'tls' | 'tcp' | 'udp' | 'auto';

const byName: Readonly<Record<string, Protocol>> = {
  http: 'http',
  http1: 'http',
  http2: 'http2',
  h2c: 'http2',
  grpc: 'grpc',
  'grpc-web': 'grpc-web',
  https: 'https',
  tls: 'tls',
  tcp: 'tcp',
  udp: 'udp',
  mongo: 'tcp',
  redis: 'tcp',
  mysql: 'tcp',
  hbone: 'tcp',
};

const byAppProtocol: Readonly<Record<string, Protocol>> = {
  ...byName,
  'kubernetes.io/h2c': 'http2',
  'kubernetes.io/ws': 'http',
  'kubernetes.io/wss': 'https',
  ws: 'http',
  wss: 'https',
};

// Servers that speak first never get past an inspector, so Istio takes these well-known ports as TCP.
const serverFirstPorts: ReadonlySet<number> = new Set([25, 53, 3306]);

/** What tells the protocol of a Kubernetes Service's port. */
export interface PortHints {
  readonly port: number;
  readonly name?: string | undefined;
  readonly appProtocol?: string | undefined;
  readonly protocol?: string | undefined;
}

/** Protocol of a Kubernetes Service's port: appProtocol, then the part of the name before the first dash, else sniffed. */
export function servicePortProtocol(hints: PortHints): Protocol {
  if (hints.protocol === 'UDP') return 'udp';
  if (hints.appProtocol !== undefined && hints.appProtocol !== '') {
    return byAppProtocol[hints.appProtocol.toLowerCase()] ?? 'auto';
  }
  const name = (hints.name ?? '').toLowerCase();
  if (name === 'grpc-web' || name.startsWith('grpc-web-')) return 'grpc-web';
  const named = byName[name.split('-', 1)[0] ?? ''];
  if (named !== undefined) return named;
  return serverFirstPorts.has(hints.port) ? 'tcp' : 'auto';
}

/** Protocol of a port of a Gateway or ServiceEntry, which is written out (`HTTP`, `GRPC`, `TLS` …). */
export function declaredProtocol(protocol: string | undefined): Protocol {
  return protocol === undefined ? 'auto' : (byName[protocol.toLowerCase()] ?? 'auto');
}

/** Protocols that the proxy handles request by request. */
export function isHttp(protocol: Protocol): boolean {
  return protocol === 'http' || protocol === 'http2' || protocol === 'grpc' || protocol === 'grpc-web';
}

/** HTTP protocols that run over HTTP/2. */
export function isHttp2(protocol: Protocol): boolean {
  return protocol === 'http2' || protocol === 'grpc' || protocol === 'grpc-web';
}

/** Protocols whose first bytes are a TLS hello with a server name. */
export function isTls(protocol: Protocol): boolean {
  return protocol === 'https' || protocol === 'tls';
}
