/** Route configurations of sidecars: virtual hosts of the services and rules that a view sees on a port. */
import { defineQuery, type Read } from '../../base/engine/index.ts';
import type { JsonObject } from '../../base/json.ts';
import { covers, isWildcard } from '../../model/host.ts';
import { clusterDomain } from '../../model/inputs.ts';
import { isHttp } from '../../model/protocol.ts';
import { routedHosts, routeRuleFor } from '../../model/rules.ts';
import type { MeshService } from '../../model/service.ts';
import { meshSettings } from '../../model/settings.ts';
import { serviceByHost, visibleServices, type View } from '../../model/view.ts';
import type { Resource, Unit } from '../../proto/resource.ts';
import { compact } from '../any.ts';
import { hashPolicy } from '../cluster/load-balancer.ts';
import { clusterPolicy } from '../cluster/outbound.ts';
import { outboundCluster, outboundRoute, virtualHostName } from '../names.ts';
import { assembled, unitOf } from '../resource.ts';
import { httpRoutes, type RouteScope } from './http-route.ts';
import { retryPolicy } from './retry.ts';
import { unknownTarget } from './unknown-target.ts';

/** Names a route configuration: all hosts of a port, or one sniffed service. */
export interface OutboundRouteKey {
  readonly [key: string]: string | number | View;
  readonly view: View;
  readonly port: number;
  /** Empty for all hosts. */
  readonly host: string;
}

const meshGateway: ReadonlySet<string> = new Set(['mesh']);

/** A route configuration of a view. */
export const outboundRouteResource = defineQuery<OutboundRouteKey, Resource>('outbound routes', (read, key) => {
  const { view, port, host } = key;
  const hosts = host === '' ? read.get(domainsOnPort, { view, port }).map((entry) => entry.host) : [host];
  const units = hosts.flatMap(
    (name) => read.get(virtualHostUnit, { view, port, host: name, alone: host !== '' }) ?? [],
  );
  const rest = host === '' ? [read.get(catchAllUnit, view)] : [];
  return assembled(
    'route',
    {
      name: outboundRoute(port, host === '' ? undefined : host),
      validate_clusters: false,
      ignore_port_in_host_matching: true,
      max_direct_response_body_size_bytes: 1_048_576,
    },
    [...units, ...rest],
  );
});

function hostsOnPort(read: Read, view: View, port: number): readonly string[] {
  const hosts = read
    .get(visibleServices, view)
    .filter((service) => carriesHttp(service, port))
    .map((service) => service.host);
  // Hosts that only a rule knows are served where plain HTTP is expected; a wildcard only where it is no service's (Istio).
  const isAlone = (host: string): boolean =>
    isWildcard(host) ? !hosts.some((service) => covers(host, service)) : !isService(read, view, host);
  return [...hosts, ...(port === 80 ? read.get(routedHosts, view).filter(isAlone) : [])];
}

function carriesHttp(service: MeshService, port: number): boolean {
  return service.ports.some(
    (candidate) => candidate.number === port && (isHttp(candidate.protocol) || candidate.protocol === 'auto'),
  );
}

function isService(read: Read, view: View, host: string): boolean {
  return read.get(serviceByHost, { view, host }) !== undefined;
}

interface VirtualHostKey {
  readonly [key: string]: string | number | boolean | View;
  readonly view: View;
  readonly port: number;
  readonly host: string;
  /** True if it is the only one of its route configuration, whose listener already chose the service. */
  readonly alone: boolean;
}

/** One virtual host as JSON; `undefined` where a rule leaves this client nothing. */
export const virtualHostJson = defineQuery<VirtualHostKey, JsonObject | undefined>('virtual host', (read, key) => {
  const { view, port, host } = key;
  const rule = read.get(routeRuleFor, { view, host });
  const service = read.get(serviceByHost, { view, host });
  const scope: RouteScope = { read, view, port, gateways: meshGateway, tls: false };
  const ruled = rule === undefined || (rule.spec?.http ?? []).length === 0 ? undefined : httpRoutes(scope, rule);
  if (ruled?.length === 0) return undefined;
  const routes = ruled ?? (service === undefined ? [] : [defaultRoute(scope, service)]);
  if (routes.length === 0) return undefined;
  return {
    name: virtualHostName(host, port),
    domains: key.alone
      ? ['*']
      : (read.get(domainsOnPort, { view, port }).find((entry) => entry.host === host)?.domains ?? []),
    routes,
    include_request_attempt_count: true,
  };
});

const virtualHostUnit = defineQuery<VirtualHostKey, Unit | undefined>('virtual host bytes', (read, key) => {
  const json = read.get(virtualHostJson, key);
  return json === undefined ? undefined : unitOf('route', json);
});

function defaultRoute(scope: RouteScope, service: MeshService): JsonObject {
  const { read, view, port } = scope;
  const policy = read.get(clusterPolicy, { view, host: service.host, port, subset: '' });
  return {
    name: 'default',
    match: { prefix: '/' },
    route: compact({
      cluster: outboundCluster(port, '', service.host),
      timeout: '0s',
      max_stream_duration: { max_stream_duration: '0s', grpc_timeout_header_max: '0s' },
      retry_policy: retryPolicy(undefined, read.get(meshSettings, '').defaultRetries),
      hash_policy: hashPolicy(policy.loadBalancer),
    }),
  };
}

/** Names of one host on a port. */
interface HostDomains {
  readonly host: string;
  readonly domains: readonly string[];
}

/** Hosts of a port with their domains. Envoy refuses a domain that stands twice, so the first host to claim one has it. */
const domainsOnPort = defineQuery<{ readonly view: View; readonly port: number }, readonly HostDomains[]>(
  'domains',
  (read, key) => {
    const claimed = new Set<string>();
    return hostsOnPort(read, key.view, key.port).flatMap((host) => {
      const service = read.get(serviceByHost, { view: key.view, host });
      const domains = domainsOf(host, service, key.view).filter((domain) => !claimed.has(domain.toLowerCase()));
      for (const domain of domains) claimed.add(domain.toLowerCase());
      return domains.length === 0 || (domains.length === 1 && domains[0] === '*') ? [] : [{ host, domains }];
    });
  },
);

/** Every name by which a client of this view may call a host: the full one, the short ones, and the addresses. */
export function domainsOf(host: string, service: MeshService | undefined, view: View): readonly string[] {
  const names = [host, ...shortNames(host, view.namespace)];
  // Pods of a headless service have names of their own below it.
  const below = service?.headless === true ? names.map((name) => `*.${name}`) : [];
  return [...new Set([...names, ...below, ...(service?.addresses ?? []).filter(isAddress).map(asDomain)])];
}

// As it stands in a request's authority.
function asDomain(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

function isAddress(address: string): boolean {
  return !address.includes('/');
}

// The resolver's search list knows `reviews` in the own namespace, and `reviews.other` and `reviews.other.svc` everywhere.
function shortNames(host: string, namespace: string): readonly string[] {
  const suffix = `.svc.${clusterDomain}`;
  if (!host.endsWith(suffix) || isWildcard(host)) return [];
  const local = host.slice(0, -suffix.length);
  const [name = '', owner = ''] = local.split('.');
  return [...(owner === namespace ? [name] : []), local, `${local}.svc`];
}

/** Where requests for unknown hosts go: to the address that was dialled, or nowhere. */
const catchAllUnit = defineQuery<View, Unit>('catch-all virtual host', (read, view) => {
  const cluster = read.get(unknownTarget, view);
  const name = cluster === undefined ? 'block_all' : 'allow_any';
  const route: JsonObject =
    cluster === undefined
      ? { name, match: { prefix: '/' }, direct_response: { status: 502 } }
      : { name, match: { prefix: '/' }, route: { cluster, timeout: '0s' } };
  return unitOf('route', { name, domains: ['*'], routes: [route], include_request_attempt_count: true });
});
