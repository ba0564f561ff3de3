/** Listeners of gateway proxies. */
import { defineQuery, type Read } from '../../base/engine/index.ts';
import type { JsonObject } from '../../base/json.ts';
import { boundRoutes, ingressServers, type Ingress, type IngressServer } from '../../model/ingress.ts';
import { declaredProtocol, isHttp } from '../../model/protocol.ts';
import { meshSettings, type MeshSettings } from '../../model/settings.ts';
import type { View } from '../../model/view.ts';
import type { Resource } from '../../proto/resource.ts';
import { compact } from '../any.ts';
import { networkPolicy } from '../authz/network.ts';
import { listenerName } from '../names.ts';
import { assembled, unitOf } from '../resource.ts';
import { isTerminated, readsRequests, routeNameOf } from '../route/gateway.ts';
import type { RouteScope } from '../route/http-route.ts';
import { chainMatch, namedBy, serverNames, tcpChains, tlsChains, type L4Chain } from '../route/l4-route.ts';
import { gatewayServerTls } from '../tls.ts';
import { socketAddress } from '../socket-address.ts';
import { distinctChains } from './distinct-chains.ts';
import { httpManager } from './http.ts';
import { inspectors } from './parts.ts';

/** Names a listener of gateway proxies. */
export interface GatewayListenerKey {
  readonly [key: string]: string | View | Ingress;
  readonly view: View;
  readonly ingress: Ingress;
  readonly name: string;
}

const nameOf = (server: IngressServer): string => listenerName(server.bind, server.listenPort);

/** Names of a gateway proxy's listeners, sorted. */
export const gatewayListenerNames = defineQuery<Ingress, readonly string[]>('gateway listener names', (read, ingress) =>
  [...new Set(read.get(ingressServers, ingress).map(nameOf))].toSorted(),
);

/** One listener; `undefined` where no server has anything behind it that could take a connection. */
export const gatewayListenerResource = defineQuery<GatewayListenerKey, Resource | undefined>(
  'gateway listener',
  (read, key) => {
    const onPort = read.get(ingressServers, key.ingress).filter((server) => nameOf(server) === key.name);
    const first = onPort[0];
    if (first === undefined) return undefined;
    // Plain HTTP and TLS cannot be told apart on one port, so the oldest server's kind has it.
    const servers = onPort.filter((server) => isPlain(server) === isPlain(first));
    const chains = distinctChains(servers.flatMap((server) => serverChains(read, key, server)));
    if (chains.length === 0) return undefined;
    return assembled(
      'listener',
      compact({
        name: key.name,
        address: socketAddress(first.bind, first.listenPort),
        traffic_direction: 'OUTBOUND',
        listener_filters: isPlain(first) ? undefined : [inspectors.tls],
      }),
      chains.map((chain) => unitOf('listener', chain)),
    );
  },
);

function isPlain(server: IngressServer): boolean {
  const protocol = declaredProtocol(server.server.port.protocol);
  return isHttp(protocol) || protocol === 'tcp' || protocol === 'auto';
}

function serverChains(read: Read, key: GatewayListenerKey, server: IngressServer): readonly JsonObject[] {
  const settings = read.get(meshSettings, '');
  if (readsRequests(server)) return [httpServer(settings, server)];
  const scope: RouteScope = { read, view: key.view, port: server.port, gateways: new Set([server.gateway]), tls: true };
  const policy = read.get(networkPolicy, key.ingress.workload);
  const opaque = declaredProtocol(server.server.port.protocol) !== 'tcp' && !isTerminated(server);
  return boundRoutes(read, server)
    .flatMap((bound) => (opaque ? tlsChains(scope, bound.rule) : tcpChains(scope, bound.rule)))
    .filter(
      (chain) =>
        !opaque || chain.serverNames.length === 0 || chain.serverNames.some((name) => namedBy(server.hosts, name)),
    )
    .map((chain) => l4Server(settings, server, { ...chain, filters: [...policy, ...chain.filters] }));
}

function httpServer(settings: MeshSettings, server: IngressServer): JsonObject {
  return compact({
    name: isTerminated(server) ? routeNameOf(server) : undefined,
    filter_chain_match: isTerminated(server) ? chainMatch(named(server)) : {},
    filters: [
      httpManager({
        role: 'gateway',
        statPrefix: server.server.name ?? `outbound_${nameOf(server)};`,
        routeName: routeNameOf(server),
        settings,
      }),
    ],
    transport_socket: transportOf(settings, server),
  });
}

function named(server: IngressServer): L4Chain {
  return { serverNames: serverNames(server.hosts), ranges: [], filters: [] };
}

function l4Server(settings: MeshSettings, server: IngressServer, chain: L4Chain): JsonObject {
  const match =
    isTerminated(server) && chain.serverNames.length === 0
      ? { ...chain, serverNames: named(server).serverNames }
      : chain;
  return compact({
    name: nameOf(server),
    filter_chain_match: chainMatch(match),
    filters: [...chain.filters],
    transport_socket: transportOf(settings, server),
  });
}

function transportOf(settings: MeshSettings, server: IngressServer): JsonObject | undefined {
  const tls = server.server.tls;
  if (tls === undefined || !isTerminated(server)) return undefined;
  return gatewayServerTls(tls, [settings.trustDomain, ...settings.trustDomainAliases]);
}
