/** Protocols of ports by their names (https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/). */

const http: ReadonlySet<string> = new Set(['HTTP', 'HTTP2', 'HTTP_PROXY', 'GRPC', 'GRPC-WEB']);
const tls: ReadonlySet<string> = new Set(['HTTPS', 'TLS', 'HBONE']);
const other: ReadonlySet<string> = new Set(['TCP', 'UDP', 'MONGO', 'REDIS', 'MYSQL', 'DOUBLE-HBONE']);

/** What kind of protocol a name means, in any case; `unknown` for a name that is none. */
export function protocolKind(name: string): 'http' | 'tls' | 'other' | 'unknown' {
  const upper = name.toUpperCase();
  if (http.has(upper)) return 'http';
  if (tls.has(upper)) return 'tls';
  return other.has(upper) ? 'other' : 'unknown';
}

/** The names that people should use. */
export const protocolNames = 'HTTP, HTTPS, HTTP2, GRPC, GRPC-WEB, TCP, TLS, MONGO, REDIS, MYSQL';
