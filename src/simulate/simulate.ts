/**
 * What a proxy would do with a request, computed from its resources alone: the listener, the filter chain, the virtual
 * host and the route, or why there is none. Nothing of the mesh is known here, only Envoy's own rules.
 */
import type { JsonObject } from '../base/json.ts';
import { sameAddress } from '../model/address.ts';
import { chooseChain } from './filter-chain.ts';
import { listAt, numberAt, objectAt, textAt } from './members.ts';
import type { ProxyResources, SimulatedError, SimulatedRequest, Verdict } from './request.ts';
import { chooseRoute, chooseVirtualHost } from './route-match.ts';

interface Walk {
  readonly resources: ProxyResources;
  readonly request: SimulatedRequest;
  readonly found: Omit<Verdict, 'error' | 'clusters' | 'reasons'>;
  readonly reasons: readonly string[];
}

/** The verdict on one request. */
export function simulate(resources: ProxyResources, request: SimulatedRequest): Verdict {
  const walk: Walk = { resources, request, found: {}, reasons: [] };
  const listener = chooseListener(resources.listeners, request);
  if (listener === undefined) return ended(walk, 'noListener', `nothing listens for port ${request.port}`);
  const name = textAt(listener, 'name');
  const { chains, reasons } = chooseChain(listener, request);
  const at = step(walk, { listener: name }, `listener ${name} takes the connection`, ...reasons);
  const [chain, another] = chains;
  if (chain === undefined)
    return ended(at, 'noFilterChain', 'no filter chain takes such a connection, so it is closed');
  if (another !== undefined) return ended(at, 'multipleFilterChains', `${chains.length} filter chains match alike`);
  return throughChain(step(at, { chain: textAt(chain, 'name') }), chain);
}

function step(walk: Walk, found: Walk['found'], ...reasons: readonly string[]): Walk {
  return { ...walk, found: { ...walk.found, ...found }, reasons: [...walk.reasons, ...reasons] };
}

function ended(walk: Walk, error: SimulatedError, reason: string): Verdict {
  return { ...walk.found, error, clusters: [], reasons: [...walk.reasons, reason] };
}

function chooseListener(listeners: readonly JsonObject[], request: SimulatedRequest): JsonObject | undefined {
  const byName = (name: string): JsonObject | undefined => listeners.find((each) => textAt(each, 'name') === name);
  if (request.direction === 'inbound') return byName('virtualInbound');
  const on = (matches: (address: string) => boolean): JsonObject | undefined =>
    listeners.find((each) => {
      const socket = objectAt(objectAt(each, 'address'), 'socket_address');
      return numberAt(socket, 'port_value') === request.port && matches(textAt(socket, 'address'));
    });
  const dialled = request.address ?? '';
  return (
    on((address) => address === dialled || sameAddress(address, dialled)) ??
    on((address) => address === '0.0.0.0' || address === '::') ??
    byName('virtualOutbound')
  );
}

function throughChain(walk: Walk, chain: JsonObject): Verdict {
  const trouble = tlsTrouble(walk.request, chain);
  if (trouble !== undefined) return ended(walk, trouble.error, trouble.reason);
  const secured = chain['transport_socket'] !== undefined;
  for (const filter of listAt(chain, 'filters')) {
    const config = objectAt(filter, 'typed_config');
    const type = textAt(config, '@type');
    if (type.endsWith('.HttpConnectionManager')) return throughManager(walk, config, secured);
    if (type.endsWith('.TcpProxy')) return toClusters(walk, config, 'the bytes');
  }
  return ended(walk, 'noFilterChain', 'the filter chain ends without a filter that passes anything on');
}

function tlsTrouble(
  { tls, authority = 'default' }: SimulatedRequest,
  chain: JsonObject,
): { readonly error: SimulatedError; readonly reason: string } | undefined {
  if (chain['transport_socket'] === undefined) return undefined;
  if (tls === 'plaintext') return { error: 'tlsError', reason: 'the filter chain takes TLS only' };
  const config = objectAt(objectAt(chain, 'transport_socket'), 'typed_config');
  const [certificate] = listAt(objectAt(config, 'common_tls_context'), 'tls_certificate_sds_secret_configs');
  const wantsMutual = config['require_client_certificate'] === true && textAt(certificate, 'name') === authority;
  if (wantsMutual === (tls === 'mtls')) return undefined;
  return wantsMutual
    ? { error: 'mtlsError', reason: 'the filter chain asks for a certificate of the mesh' }
    : { error: 'mtlsError', reason: "the filter chain does not speak the mesh's mutual TLS" };
}

function throughManager(walk: Walk, manager: JsonObject, secured: boolean): Verdict {
  const { request, resources } = walk;
  if (request.tls !== 'plaintext' && !secured)
    return ended(walk, 'protocolError', 'it expects HTTP and gets TLS that nobody decrypted');
  if (request.protocol === 'tcp') return ended(walk, 'protocolError', 'it expects HTTP and gets something else');
  const name = textAt(objectAt(manager, 'rds'), 'route_config_name');
  const inline = objectAt(manager, 'route_config');
  const routeConfig = name === '' ? inline : resources.routes.find((each) => textAt(each, 'name') === name);
  const at = step(walk, { routeConfig: name === '' ? textAt(inline, 'name') : name });
  const virtualHost = routeConfig === undefined ? undefined : chooseVirtualHost(routeConfig, request.host);
  if (virtualHost === undefined)
    return ended(at, 'noVirtualHost', `no virtual host of ${name} is for ${JSON.stringify(request.host)}: 404`);
  const hostName = textAt(virtualHost, 'name');
  const chosen = step(at, { virtualHost: hostName }, `${request.host} is virtual host ${hostName}`);
  if (virtualHost['require_tls'] === 'ALL' && request.tls === 'plaintext')
    return ended(chosen, 'tlsRedirect', 'it wants TLS and answers with a redirect');
  return throughRoute(chosen, chooseRoute(virtualHost, request));
}

function throughRoute(walk: Walk, route: JsonObject | undefined): Verdict {
  if (route === undefined) return ended(walk, 'noRoute', `no route matches ${walk.request.path}: 404`);
  const name = textAt(route, 'name');
  const at = step(
    walk,
    { route: name },
    name === '' ? 'its first matching route has no name' : `route ${name} matches`,
  );
  const direct = numberAt(objectAt(route, 'direct_response'), 'status');
  if (direct !== undefined) return answered(at, direct, `the proxy itself answers ${direct}`);
  if (route['redirect'] !== undefined) return answered(at, 301, 'the proxy answers with a redirect');
  return toClusters(at, objectAt(route, 'route'), 'the request');
}

function answered(walk: Walk, status: number, reason: string): Verdict {
  return { ...walk.found, error: undefined, status, clusters: [], reasons: [...walk.reasons, reason] };
}

function toClusters(walk: Walk, config: JsonObject, what: string): Verdict {
  const single = textAt(config, 'cluster');
  const weighted = listAt(objectAt(config, 'weighted_clusters'), 'clusters');
  const clusters =
    single === ''
      ? weighted.map((each) => ({ name: textAt(each, 'name'), weight: numberAt(each, 'weight') ?? 0 }))
      : [{ name: single, weight: 1 }];
  const names = clusters.map(({ name, weight }) => (clusters.length === 1 ? name : `${name} (${weight})`)).join(', ');
  const [first] = clusters;
  return {
    ...walk.found,
    error: undefined,
    ...(first === undefined ? {} : { cluster: first.name }),
    clusters,
    reasons: [...walk.reasons, `${what} goes to ${names}`],
  };
}
