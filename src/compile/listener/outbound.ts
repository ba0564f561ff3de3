/** Outbound listeners of sidecars. */
import { defineQuery, type Read } from '../../base/engine/index.ts';
import type { JsonObject } from '../../base/json.ts';
import { isTls } from '../../model/protocol.ts';
import { routeRuleFor } from '../../model/rules.ts';
import { meshSettings, type MeshSettings } from '../../model/settings.ts';
import type { View } from '../../model/view.ts';
import type { Resource } from '../../proto/resource.ts';
import { compact } from '../any.ts';
import { alpn, blackHoleCluster, outboundRoute, ports, virtualOutbound } from '../names.ts';
import { assembled, unitOf } from '../resource.ts';
import type { RouteScope } from '../route/http-route.ts';
import { chainMatch, serviceChain, tcpChains, tlsChains, type L4Chain } from '../route/l4-route.ts';
import { unknownTarget } from '../route/unknown-target.ts';
import { socketAddress } from '../socket-address.ts';
import { distinctChains } from './distinct-chains.ts';
import { httpManager } from './http.ts';
import { listenerPlan, outboundPlan, type Behind, type ListenerPlan } from './outbound-plan.ts';
import { inspectionLimit, inspectors, tcpTo } from './parts.ts';

/** Names of a view's outbound listeners, sorted. */
export const outboundListenerNames = defineQuery<View, readonly string[]>('outbound listener names', (read, view) => [
  ...Object.keys(read.get(outboundPlan, view)).toSorted(),
  virtualOutbound,
]);

/** The listener on 15001, which takes what no other listener knows. */
export const virtualOutboundResource = defineQuery<View, Resource>('virtual outbound', (read, view) => {
  const settings = read.get(meshSettings, '');
  const chains = [
    {
      name: 'virtualOutbound-blackhole',
      filter_chain_match: { destination_port: ports.outbound },
      filters: [tcpTo(blackHoleCluster, settings)],
    },
    { name: 'virtualOutbound-catchall-tcp', filters: [tcpTo(unknownCluster(read, view), settings)] },
  ];
  return assembled(
    'listener',
    {
      name: virtualOutbound,
      address: socketAddress('0.0.0.0', ports.outbound),
      traffic_direction: 'OUTBOUND',
      use_original_dst: true,
      listener_filters: [inspectors.originalDestination],
    },
    chains.map((chain) => unitOf('listener', chain)),
  );
});

function unknownCluster(read: Read, view: View): string {
  return read.get(unknownTarget, view) ?? blackHoleCluster;
}

/** One outbound listener by name; `undefined` if the view has none of that name. */
export const outboundListenerResource = defineQuery<
  { readonly view: View; readonly name: string },
  Resource | undefined
>('outbound listener', (read, { view, name }) => {
  const plan = read.get(listenerPlan, { view, name });
  if (plan === undefined) return undefined;
  const settings = read.get(meshSettings, '');
  const chains = distinctChains([
    ...httpChains(read, plan),
    ...plan.behind.flatMap((behind) => l4Chains(read, view, { plan, behind })),
  ]);
  // A chain that asks for nothing is not looked for once another has the connection's transport protocol.
  const open = chains.length > 1 ? chains.find((chain) => chain['filter_chain_match'] === undefined) : undefined;
  const takesAll = chains.length === 1 && chains[0]?.['filter_chain_match'] === undefined;
  const fallback = { name: 'PassthroughFilterChain', filters: [tcpTo(unknownCluster(read, view), settings)] };
  return assembled(
    'listener',
    compact({
      name,
      address: socketAddress(plan.address, plan.port),
      traffic_direction: 'OUTBOUND',
      bind_to_port: false,
      listener_filters: filtersOf(plan),
      ...inspectionLimit(settings),
      default_filter_chain: takesAll ? undefined : (open ?? fallback),
    }),
    chains.filter((chain) => chain !== open).map((chain) => unitOf('listener', chain)),
  );
});

// Inspectors hold a connection until the client speaks, so pure TCP listeners have none.
function filtersOf(plan: ListenerPlan): readonly JsonObject[] {
  const sniffs = plan.http || plan.behind.some((behind) => behind.protocol === 'auto');
  if (sniffs) return [inspectors.tls, inspectors.http];
  return plan.behind.some((behind) => isTls(behind.protocol)) ? [inspectors.tls] : [];
}

function httpChains(read: Read, plan: ListenerPlan): readonly JsonObject[] {
  const settings = read.get(meshSettings, '');
  if (plan.http)
    return [httpChain(settings, plan, { routeName: outboundRoute(plan.port), versions: alpn.outboundHttp })];
  const sniffed = plan.behind.find((behind) => behind.protocol === 'auto');
  if (sniffed === undefined) return [];
  const single = plan.address !== '0.0.0.0';
  const routeName = single ? outboundRoute(sniffed.port, sniffed.host) : outboundRoute(sniffed.port);
  if (sniffed.external) return [httpChain(settings, plan, { routeName, versions: alpn.outboundHttp })];
  return [
    httpChain(settings, plan, { routeName, versions: ['http/1.1'], sniffedAs: 'http1' }),
    httpChain(settings, plan, { routeName, versions: ['h2c'], sniffedAs: 'http2' }),
  ];
}

function httpChain(
  settings: MeshSettings,
  plan: ListenerPlan,
  chain: { readonly routeName: string; readonly versions: readonly string[]; readonly sniffedAs?: 'http1' | 'http2' },
): JsonObject {
  const { routeName, sniffedAs } = chain;
  const manager = { role: 'outbound', statPrefix: `outbound_${plan.name};`, routeName, settings } as const;
  return {
    name: plan.name,
    filter_chain_match: { transport_protocol: 'raw_buffer', application_protocols: [...chain.versions] },
    filters: [httpManager(sniffedAs === undefined ? manager : { ...manager, sniffedAs })],
  };
}

const meshGateway: ReadonlySet<string> = new Set(['mesh']);

function l4Chains(
  read: Read,
  view: View,
  at: { readonly plan: ListenerPlan; readonly behind: Behind },
): readonly JsonObject[] {
  const { plan, behind } = at;
  const scope: RouteScope = { read, view, port: behind.port, gateways: meshGateway, tls: false };
  const shared = plan.address === '0.0.0.0';
  return ruledChains(scope, behind, shared).flatMap((chain) => {
    const ranged = chain.ranges.length === 0 ? { ...chain, ranges: behind.ranges } : chain;
    const match = chainMatch(ranged);
    // Without a range or a name a sniffed service of a shared listener cannot be told from the rest.
    if (Object.keys(match).length === 0 && shared && (behind.protocol === 'auto' || plan.http)) return [];
    return [compact({ name: plan.name, filter_chain_match: match, filters: [...chain.filters] })];
  });
}

function ruledChains(scope: RouteScope, behind: Behind, shared: boolean): readonly L4Chain[] {
  const rule = scope.read.get(routeRuleFor, { view: scope.view, host: behind.host });
  const serverNames = shared && isTls(behind.protocol) && behind.ranges.length === 0 ? [behind.host] : [];
  const ruled = rule === undefined ? [] : isTls(behind.protocol) ? tlsChains(scope, rule) : tcpChains(scope, rule);
  return ruled.length > 0 ? ruled : [serviceChain(scope, behind.host, serverNames)];
}
