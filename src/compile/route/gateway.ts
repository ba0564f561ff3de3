/** Route configurations of gateway proxies. */
import { defineQuery, type Read } from '../../base/engine/index.ts';
import type { JsonObject } from '../../base/json.ts';
import { bySpecificity, covers } from '../../model/host.ts';
import { boundRoutes, ingressServers, type Ingress, type IngressServer } from '../../model/ingress.ts';
import { declaredProtocol, isHttp } from '../../model/protocol.ts';
import type { View } from '../../model/view.ts';
import type { Resource } from '../../proto/resource.ts';
import { compact } from '../any.ts';
import { httpPolicy } from '../authz/http.ts';
import { gatewayHttpRoute, gatewayHttpsRoute, virtualHostName } from '../names.ts';
import { assembled, unitOf } from '../resource.ts';
import { httpRoutes, type RouteScope } from './http-route.ts';

/** Names a route configuration of a gateway proxy. */
export interface GatewayRouteKey {
  readonly [key: string]: string | View | Ingress;
  readonly view: View;
  readonly ingress: Ingress;
  readonly name: string;
}

/** True for servers whose requests the gateway reads: plain HTTP, and HTTPS that it decrypts. */
export function readsRequests(server: IngressServer): boolean {
  const protocol = declaredProtocol(server.server.port.protocol);
  if (isHttp(protocol)) return true;
  return protocol === 'https' && isTerminated(server);
}

/** True where the gateway itself speaks TLS with the client. */
export function isTerminated(server: IngressServer): boolean {
  const tls = server.server.tls;
  const mode = tls?.mode;
  return (
    tls !== undefined &&
    !isHttp(declaredProtocol(server.server.port.protocol)) &&
    mode !== 'PASSTHROUGH' &&
    mode !== 'AUTO_PASSTHROUGH'
  );
}

/** Name of the route configuration of a server that reads requests. */
export function routeNameOf(server: IngressServer): string {
  const protocol = declaredProtocol(server.server.port.protocol);
  if (isHttp(protocol)) return gatewayHttpRoute(server.listenPort);
  return gatewayHttpsRoute(server.port, server.server.port.name ?? '', server.gateway);
}

/** A route configuration of a gateway. */
export const gatewayRouteResource = defineQuery<GatewayRouteKey, Resource>('gateway routes', (read, key) => {
  const servers = read
    .get(ingressServers, key.ingress)
    .filter((server) => readsRequests(server) && routeNameOf(server) === key.name);
  const hosts = gatewayHosts(read, key.view, servers);
  const fallback: JsonObject = { name: `blackhole:${servers[0]?.port ?? 0}`, domains: ['*'] };
  const virtualHosts = hosts.length === 0 ? [fallback] : hosts;
  const policy = read.get(httpPolicy, key.ingress.workload);
  return assembled(
    'route',
    {
      name: key.name,
      validate_clusters: false,
      ignore_port_in_host_matching: true,
      max_direct_response_body_size_bytes: 1_048_576,
      ...(Object.keys(policy).length === 0 ? {} : { typed_per_filter_config: policy }),
    },
    virtualHosts.map((json) => unitOf('route', json)),
  );
});

interface HostRoutes {
  readonly routes: JsonObject[];
  port: number;
  redirects: boolean;
}

function gatewayHosts(read: Read, view: View, servers: readonly IngressServer[]): readonly JsonObject[] {
  const byHost = new Map<string, HostRoutes>();
  for (const server of servers) collectServer(read, view, { server, byHost });
  return [...byHost]
    .toSorted(([a], [b]) => bySpecificity(a, b))
    .map(([host, found]) =>
      compact({
        name: virtualHostName(host, found.port),
        domains: [host],
        routes: catchAllLast(found.routes),
        require_tls: found.redirects ? 'ALL' : undefined,
        include_request_attempt_count: true,
      }),
    );
}

function collectServer(
  read: Read,
  view: View,
  into: { readonly server: IngressServer; readonly byHost: Map<string, HostRoutes> },
): void {
  const { server, byHost } = into;
  const redirects = server.server.tls?.httpsRedirect === true;
  const scope: RouteScope = {
    read,
    view,
    port: server.port,
    gateways: new Set([server.gateway]),
    tls: isTerminated(server),
  };
  for (const bound of boundRoutes(read, server)) {
    const routes = httpRoutes(scope, bound.rule);
    if (routes.length === 0) continue;
    for (const written of bound.hosts) {
      // Envoy compares hosts without regard to case.
      const host = written.toLowerCase();
      const found = byHost.get(host) ?? { routes: [], port: server.port, redirects: false };
      found.routes.push(...routes);
      found.redirects ||= redirects;
      byHost.set(host, found);
    }
  }
  if (!redirects) return;
  for (const host of server.hosts.map((written) => written.toLowerCase())) {
    const covered = [...byHost.keys()].filter((known) => covers(host, known));
    for (const known of covered) redirect(byHost, known);
    if (!byHost.has(host)) byHost.set(host, { routes: [], port: server.port, redirects: true });
  }
}

function redirect(byHost: Map<string, HostRoutes>, host: string): void {
  const found = byHost.get(host);
  if (found !== undefined) found.redirects = true;
}

// Several VirtualServices may share a host of a gateway: none of them may hide the others' routes.
function catchAllLast(routes: readonly JsonObject[]): readonly JsonObject[] {
  const isCatchAll = (route: JsonObject): boolean => {
    const match = route['match'] as JsonObject;
    return match['prefix'] === '/' && match['headers'] === undefined && match['query_parameters'] === undefined;
  };
  return [...routes.filter((route) => !isCatchAll(route)), ...routes.filter(isCatchAll)];
}
