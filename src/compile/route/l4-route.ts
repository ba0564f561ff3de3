/** From the TCP and TLS rules of a VirtualService to filter chains. */
import type { JsonObject } from '../../base/json.ts';
import { boundGateways, gatewayKey } from '../../model/inputs.ts';
import { selects } from '../../model/visibility.ts';
import { meshSettings } from '../../model/settings.ts';
import { covers, resolveHost } from '../../model/host.ts';
import { clusterDomain } from '../../model/inputs.ts';
import type { L4Match, RouteDestination, TlsMatch, VirtualService } from '../../schema/index.ts';
import { compact } from '../any.ts';
import { optionalSeconds } from '../cluster/policy.ts';
import { clusterPolicy } from '../cluster/outbound.ts';
import { cidr } from '../authz/match.ts';
import { outboundCluster } from '../names.ts';
import { tcpProxy } from '../listener/parts.ts';
import { boundedWeights } from '../weights.ts';
import { destinationPort, type RouteScope } from './http-route.ts';

/** A filter chain in the making: what it matches, and what it does. */
export interface L4Chain {
  readonly serverNames: readonly string[];
  readonly ranges: readonly string[];
  readonly filters: readonly JsonObject[];
}

/** Chains of a rule's `tcp` routes for this client, in order; those behind one that takes everything are left out. */
export function tcpChains(scope: RouteScope, rule: VirtualService): readonly L4Chain[] {
  const chains: L4Chain[] = [];
  for (const route of rule.spec?.tcp ?? []) {
    const filters = [proxyTo(scope, rule, route.route ?? [])];
    const matches = route.match ?? [];
    if (matches.length === 0) return [...chains, { serverNames: [], ranges: [], filters }];
    for (const match of matches.filter((candidate) => applies(scope, rule, candidate))) {
      const ranges = match.destinationSubnets ?? [];
      chains.push({ serverNames: [], ranges, filters });
      if (ranges.length === 0) return chains;
    }
  }
  return chains;
}

/** Chains of a rule's `tls` routes for this client, chosen by the server name in the hello. */
export function tlsChains(scope: RouteScope, rule: VirtualService): readonly L4Chain[] {
  return (rule.spec?.tls ?? []).flatMap((route) =>
    (route.match ?? [])
      .filter((match) => applies(scope, rule, match))
      .map((match: TlsMatch) => ({
        serverNames: serverNames(match.sniHosts),
        ranges: match.destinationSubnets ?? [],
        filters: [proxyTo(scope, rule, route.route ?? [])],
      })),
  );
}

/** The chain of a service that no rule routes. */
export function serviceChain(scope: RouteScope, host: string, serverNames: readonly string[]): L4Chain {
  return { serverNames, ranges: [], filters: [toClusters(scope, [{ host, subset: '', port: scope.port, weight: 1 }])] };
}

// The gateways of a match stand for those of the rule; what the client is, is settled here once.
function applies(scope: RouteScope, rule: VirtualService, match: L4Match | TlsMatch): boolean {
  const namespace = rule.metadata.namespace ?? '';
  const names = match.gateways?.map((name) => gatewayKey(name, namespace)) ?? boundGateways(rule);
  if (!names.some((name) => scope.gateways.has(name))) return false;
  if (match.port !== undefined && match.port !== 0 && match.port !== scope.port) return false;
  if (match.sourceNamespace !== undefined && match.sourceNamespace !== scope.view.namespace) return false;
  return selects(match.sourceLabels, scope.view.labels);
}

interface Target {
  readonly host: string;
  readonly subset: string;
  readonly port: number;
  readonly weight: number;
}

function proxyTo(scope: RouteScope, rule: VirtualService, routes: readonly RouteDestination[]): JsonObject {
  const used = routes.length === 1 ? routes : routes.filter((route) => (route.weight ?? 0) > 0);
  return toClusters(
    scope,
    used.map((route) => ({
      host: resolveHost(route.destination.host, rule.metadata.namespace ?? '', clusterDomain),
      subset: route.destination.subset ?? '',
      port: destinationPort(scope, rule, route.destination),
      weight: route.weight ?? 1,
    })),
  );
}

function toClusters(scope: RouteScope, targets: readonly Target[]): JsonObject {
  const first = targets[0];
  const { read } = scope;
  const policy =
    first === undefined
      ? {}
      : read.get(clusterPolicy, { view: scope.view, host: first.host, port: first.port, subset: first.subset });
  const name = first === undefined ? 'BlackHoleCluster' : outboundCluster(first.port, first.subset, first.host);
  const weights = boundedWeights(targets.map((target) => target.weight));
  const clusters =
    first === undefined
      ? [{ name, weight: 1 }]
      : targets.map((target, i) => ({
          name: outboundCluster(target.port, target.subset, target.host),
          weight: weights[i] ?? 0,
        }));
  return tcpProxy({
    statPrefix: name,
    clusters,
    settings: read.get(meshSettings, ''),
    idleTimeout: optionalSeconds(policy.connectionPool?.tcp?.idleTimeout),
    hashBySource: policy.loadBalancer?.consistentHash?.useSourceIp === true,
    tunnel: tunnelOf(policy.tunnel),
  });
}

function tunnelOf(
  tunnel: { readonly protocol?: string; readonly targetHost?: string; readonly targetPort?: number } | undefined,
): JsonObject | undefined {
  if (tunnel === undefined) return undefined;
  return compact({
    hostname: `${tunnel.targetHost ?? ''}:${tunnel.targetPort ?? 0}`,
    use_post: tunnel.protocol === 'POST' ? true : undefined,
  });
}

/** `FilterChainMatch` fields of a chain. */
export function chainMatch(chain: L4Chain): JsonObject {
  return compact({ server_names: chain.serverNames, prefix_ranges: chain.ranges.map(cidr) });
}

/** Server names of a match; none, which is any, where a star stands among them. */
export function serverNames(names: readonly string[]): readonly string[] {
  return names.includes('*') ? [] : names;
}

/** True if a server name belongs to one of a server's hosts. */
export function namedBy(hosts: readonly string[], serverName: string): boolean {
  return hosts.some((host) => covers(host, serverName));
}
