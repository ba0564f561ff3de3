/** From the HTTP rules of a VirtualService to Envoy's routes. */
import type { Read } from '../../base/engine/index.ts';
import type { JsonObject } from '../../base/json.ts';
import { resolveHost } from '../../model/host.ts';
import { boundGateways, clusterDomain, gatewayKey } from '../../model/inputs.ts';
import { meshSettings } from '../../model/settings.ts';
import { serviceByHost, type View } from '../../model/view.ts';
import { selects } from '../../model/visibility.ts';
import type { Destination, HttpMatch, HttpRoute, VirtualService } from '../../schema/index.ts';
import { compact } from '../any.ts';
import { hashPolicy } from '../cluster/load-balancer.ts';
import { clusterPolicy } from '../cluster/outbound.ts';
import { outboundCluster } from '../names.ts';
import { boundedWeights } from '../weights.ts';
import { directResponse, redirectAction } from './answer.ts';
import { authorityOf, bothHeaderFields, headerFields, oneLine } from './headers.ts';
import { catchesAll, routeMatch } from './match.ts';
import { fraction, perFilterConfig, timeoutOf } from './per-filter.ts';
import { retryPolicy } from './retry.ts';

/** For whom and on which port routes are built. */
export interface RouteScope {
  readonly read: Read;
  readonly view: View;
  /** Port that the client dialled. */
  readonly port: number;
  /** Gateways on which the client is: `mesh`, or the keys of a server's Gateways. */
  readonly gateways: ReadonlySet<string>;
  /** True behind TLS, where a redirect keeps https. */
  readonly tls: boolean;
}

/** The routes of a VirtualService in their order; those behind one that catches everything are left out. */
export function httpRoutes(scope: RouteScope, rule: VirtualService): readonly JsonObject[] {
  const routes: JsonObject[] = [];
  for (const http of rule.spec?.http ?? []) {
    const matches = http.match ?? [];
    if (matches.length === 0) {
      if (!onGateways(scope, boundGateways(rule))) continue;
      routes.push(oneRoute(scope, rule, { http, match: undefined }));
      return routes;
    }
    for (const match of matches.filter((candidate) => applies(scope, rule, candidate))) {
      routes.push(oneRoute(scope, rule, { http, match }));
      if (catchesAll(match)) return routes;
    }
  }
  return routes;
}

function onGateways(scope: RouteScope, names: readonly string[]): boolean {
  return names.some((name) => scope.gateways.has(name));
}

// Conditions on the client and on the port are settled here, once, and not on every request.
function applies(scope: RouteScope, rule: VirtualService, match: HttpMatch): boolean {
  const { view, port } = scope;
  const namespace = rule.metadata.namespace ?? '';
  const names = match.gateways?.map((name) => gatewayKey(name, namespace)) ?? boundGateways(rule);
  if (!onGateways(scope, names)) return false;
  if (match.port !== undefined && match.port !== 0 && match.port !== port) return false;
  if (match.sourceNamespace !== undefined && match.sourceNamespace !== view.namespace) return false;
  return selects(match.sourceLabels, view.labels);
}

interface Entry {
  readonly http: HttpRoute;
  readonly match: HttpMatch | undefined;
}

function oneRoute(scope: RouteScope, rule: VirtualService, { http, match }: Entry): JsonObject {
  const name = [http.name, match?.name].filter((part) => part !== undefined && part !== '').join('.');
  return compact({
    name: name === '' ? undefined : name,
    match: routeMatch(match),
    ...action(scope, rule, { http, match }),
    typed_per_filter_config: perFilterConfig(http),
    metadata: ruleMetadata(rule),
    stat_prefix: match?.statPrefix,
  });
}

/** Metadata by which tools find the VirtualService behind a route. */
export function ruleMetadata(rule: VirtualService): JsonObject {
  const { namespace = '', name } = rule.metadata;
  const config = `/apis/networking.istio.io/v1alpha3/namespaces/${namespace}/virtual-service/${name}`;
  return { filter_metadata: { istio: { config } } };
}

function action(scope: RouteScope, rule: VirtualService, entry: Entry): JsonObject {
  const { http } = entry;
  if (http.redirect !== undefined)
    return { redirect: redirectAction(http.redirect, scope), ...headerFields(http.headers) };
  if (http.directResponse !== undefined) {
    return { direct_response: directResponse(http.directResponse), ...headerFields(http.headers) };
  }
  const destinations = (http.route ?? []).filter((route) => (http.route ?? []).length === 1 || (route.weight ?? 0) > 0);
  const only = destinations.length === 1 ? destinations[0] : undefined;
  const authority = authorityOf(http.headers) ?? (only === undefined ? undefined : authorityOf(only.headers));
  const route = compact({
    ...targets(scope, rule, destinations),
    ...rewriteFields(entry),
    ...(authority === undefined ? {} : { host_rewrite_literal: oneLine(authority) }),
    ...timeLimits(http),
    retry_policy: retryPolicy(http.retries, scope.read.get(meshSettings, '').defaultRetries),
    request_mirror_policies: mirrors(scope, rule, http),
    hash_policy: destinations.flatMap((route) => hashPolicyOf(scope, rule, route.destination)),
  });
  return { route, ...(only === undefined ? headerFields(http.headers) : bothHeaderFields(http.headers, only.headers)) };
}

function timeLimits(http: HttpRoute): JsonObject {
  const timeout = timeoutOf(http.timeout);
  return { timeout, max_stream_duration: { max_stream_duration: '0s', grpc_timeout_header_max: timeout } };
}

type Targets = NonNullable<HttpRoute['route']>;

function targets(scope: RouteScope, rule: VirtualService, destinations: Targets): JsonObject {
  const first = destinations[0];
  // Nothing to send to is what a user wrote who set every weight to nought; a request gets 503 and not silence.
  if (first === undefined) return { cluster: 'BlackHoleCluster' };
  if (destinations.length === 1) return { cluster: clusterOf(scope, rule, first.destination) };
  const weights = boundedWeights(destinations.map((target) => target.weight ?? 0));
  return {
    weighted_clusters: {
      clusters: destinations.map((target, i) =>
        compact({
          name: clusterOf(scope, rule, target.destination),
          weight: weights[i] ?? 0,
          ...headerFields(target.headers),
          host_rewrite_literal: oneLine(authorityOf(target.headers)),
        }),
      ),
    },
  };
}

/** Port of a destination: the one written, the service's only one, else the one that the client dialled. */
export function destinationPort(scope: RouteScope, rule: VirtualService, destination: Destination): number {
  if (destination.port?.number !== undefined) return destination.port.number;
  const ports =
    scope.read.get(serviceByHost, { view: scope.view, host: destinationHost(rule, destination) })?.ports ?? [];
  const only = ports.length === 1 ? ports[0] : undefined;
  return only?.number ?? scope.port;
}

function destinationHost(rule: VirtualService, destination: Destination): string {
  return resolveHost(destination.host, rule.metadata.namespace ?? '', clusterDomain);
}

/** Name of the cluster behind a destination. */
export function clusterOf(scope: RouteScope, rule: VirtualService, destination: Destination): string {
  const port = destinationPort(scope, rule, destination);
  return outboundCluster(port, destination.subset ?? '', destinationHost(rule, destination));
}

function hashPolicyOf(scope: RouteScope, rule: VirtualService, destination: Destination): readonly JsonObject[] {
  const policy = scope.read.get(clusterPolicy, {
    view: scope.view,
    host: destinationHost(rule, destination),
    port: destinationPort(scope, rule, destination),
    subset: destination.subset ?? '',
  });
  return hashPolicy(policy.loadBalancer);
}

function rewriteFields({ http, match }: Entry): JsonObject {
  const rewrite = http.rewrite;
  if (rewrite === undefined) return {};
  const regex = rewrite.uriRegexRewrite;
  return compact({
    host_rewrite_literal: oneLine(rewrite.authority),
    regex_rewrite:
      regex !== undefined
        ? { pattern: { regex: regex.match }, substitution: regex.rewrite }
        : match?.uri?.regex !== undefined && rewrite.uri !== undefined
          ? { pattern: { regex: match.uri.regex }, substitution: rewrite.uri }
          : undefined,
    prefix_rewrite: match?.uri?.regex === undefined && regex === undefined ? rewrite.uri : undefined,
  });
}

function mirrors(scope: RouteScope, rule: VirtualService, http: HttpRoute): readonly JsonObject[] {
  const percent = http.mirrorPercent ?? http.mirror_percent;
  const old = http.mirrorPercentage ?? (percent === undefined ? undefined : { value: percent });
  const single = http.mirror === undefined ? [] : [{ destination: http.mirror, percentage: old }];
  return [...single, ...(http.mirrors ?? [])]
    .filter((mirror) => mirror.percentage === undefined || (mirror.percentage.value ?? 0) > 0)
    .map((mirror) => ({
      cluster: clusterOf(scope, rule, mirror.destination),
      runtime_fraction: { default_value: fraction(mirror.percentage) },
    }));
}
