/** Clusters of the services that a view sees: one a port and subset. */
import { defineQuery, type Read } from '../../base/engine/index.ts';
import type { JsonObject } from '../../base/json.ts';
import { protoDuration } from '../../base/duration.ts';
import { endpointsOf, identitiesOf, type PortKey } from '../../model/endpoint.ts';
import { isHttp2, isTls, type Protocol } from '../../model/protocol.ts';
import { destinationRuleFor, type MergedRule } from '../../model/rules.ts';
import type { MeshService, Resolution, ServicePort } from '../../model/service.ts';
import { meshSettings, type MeshSettings } from '../../model/settings.ts';
import { serviceByHost, visibleServices, type View } from '../../model/view.ts';
import type { Resource } from '../../proto/resource.ts';
import { compact, extension } from '../any.ts';
import { localityEndpoints } from '../endpoint/locality.ts';
import { alpn, outboundCluster } from '../names.ts';
import { clusterResource } from '../resource.ts';
import { ads, meshClientTls, originationTls, rawBuffer } from '../tls.ts';
import { loadBalancing } from './load-balancer.ts';
import { circuitBreakers, connection, outlierDetection, portPolicy, type PortPolicy } from './policy.ts';
import { protocolOptions, speechOf, type Speech } from './protocol-options.ts';

/** Names one cluster as a view sees it. */
export interface ClusterKey {
  readonly [key: string]: string | number | View;
  readonly view: View;
  readonly host: string;
  readonly port: number;
  /** Empty for the whole service. */
  readonly subset: string;
}

/** Names of a view's outbound clusters, sorted. */
export const outboundClusterNames = defineQuery<View, readonly string[]>('outbound cluster names', (read, view) =>
  read
    .get(visibleServices, view)
    .flatMap((service) => {
      const subsets = ruleFor(read, view, service)?.subsets ?? [];
      return service.ports
        .filter((port) => port.protocol !== 'udp')
        .flatMap((port) =>
          ['', ...subsets.map((subset) => subset.name)].map((subset) =>
            outboundCluster(port.number, subset, service.host),
          ),
        );
    })
    .toSorted(),
);

function ruleFor(read: Read, view: View, service: MeshService): MergedRule | undefined {
  return read.get(destinationRuleFor, { view, host: service.host, namespace: service.namespace });
}

/** Everything that decides about one cluster. */
interface Parts {
  readonly view: View;
  readonly service: MeshService;
  readonly port: ServicePort;
  readonly subset: string;
  readonly rule: MergedRule | undefined;
  readonly policy: PortPolicy;
  readonly settings: MeshSettings;
  readonly speech: Speech;
}

/** Policy of a cluster's port, for the routes that need its hash and the listeners that need its tunnel. */
export const clusterPolicy = defineQuery<ClusterKey, PortPolicy>('cluster policy', (read, key) => {
  const service = read.get(serviceByHost, { view: key.view, host: key.host });
  return service === undefined ? {} : portPolicy(ruleFor(read, key.view, service), key.subset, key.port);
});

/** One outbound cluster; `undefined` if its service, port or subset is gone. */
export const outboundClusterJson = defineQuery<ClusterKey, JsonObject | undefined>('outbound cluster', (read, key) => {
  const { view, subset } = key;
  const service = read.get(serviceByHost, { view, host: key.host });
  const port = service?.ports.find((candidate) => candidate.number === key.port);
  if (service === undefined || port === undefined) return undefined;
  const rule = ruleFor(read, view, service);
  if (subset !== '' && rule?.subsets.every((candidate) => candidate.name !== subset) !== false) return undefined;
  const settings = read.get(meshSettings, '');
  const policy = portPolicy(rule, subset, port.number);
  const speech = speechOf(port.protocol, policy, settings);
  const parts: Parts = { view, service, port, subset, rule, policy, settings, speech };
  return compact({
    name: outboundCluster(port.number, subset, service.host),
    ...discovery(read, parts),
    ...connection(policy, settings),
    circuit_breakers: circuitBreakers(policy),
    ...outlierDetection(policy.outlierDetection),
    ...protocolOptions(speech, policy),
    ...transport(read, parts),
    metadata: metadata(parts),
  });
});

/** The same as what the xDS server sends. */
export const outboundClusterResource = defineQuery<ClusterKey, Resource | undefined>(
  'outbound cluster bytes',
  (read, key) => {
    const json = read.get(outboundClusterJson, key);
    return json === undefined ? undefined : clusterResource(json);
  },
);

function discovery(read: Read, parts: Parts): JsonObject {
  const { service, policy, settings } = parts;
  const how = resolutionFor(parts.view, service, policy);
  if (how === 'none') return { type: 'ORIGINAL_DST', lb_policy: 'CLUSTER_PROVIDED' };
  const balancing = loadBalancing(policy, settings);
  if (how === 'eds') return { type: 'EDS', eds_cluster_config: { eds_config: ads('5s') }, ...balancing };
  const name = outboundCluster(parts.port.number, parts.subset, service.host);
  return {
    type: how === 'dns' ? 'STRICT_DNS' : 'LOGICAL_DNS',
    ...balancing,
    dns_lookup_family: 'V4_ONLY',
    dns_refresh_rate: protoDuration(settings.dnsRefreshRateMs),
    respect_dns_ttl: true,
    typed_dns_resolver_config: resolver,
    load_assignment: { cluster_name: name, endpoints: localityEndpoints(read, assignmentOf(parts)) },
  };
}

// c-ares' defaults let one dead name hold back every acknowledgement of clusters for a minute.
const resolver: JsonObject = extension(
  'envoy.network.dns_resolver.cares',
  'envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig',
  { query_timeout_seconds: 2, query_tries: 2 },
);

function portKey(parts: Parts): PortKey {
  return { source: parts.port.source ?? parts.service.source, host: parts.service.host, port: parts.port.number };
}

function assignmentOf(parts: Parts): Parameters<typeof localityEndpoints>[1] {
  const labels = parts.rule?.subsets.find((subset) => subset.name === parts.subset)?.labels;
  return {
    key: portKey(parts),
    labels: labels ?? {},
    policy: parts.policy,
    settings: parts.settings,
    clientLocality: parts.view.locality,
    clientLabels: parts.view.labels,
  };
}

function transport(read: Read, parts: Parts): JsonObject {
  const { policy, service, port } = parts;
  const tls = policy.tls;
  if (tls === undefined || tls.mode === undefined) return automatic(read, parts);
  if (tls.mode === 'DISABLE') return {};
  const socket =
    tls.mode === 'ISTIO_MUTUAL'
      ? meshSocket(read, parts)
      : originationTls(tls, isHttp2(port.protocol) || parts.speech === 'http2' ? ['h2'] : [], service.host);
  return { transport_socket: withProxyProtocol(socket, policy) };
}

// Each endpoint says by its metadata whether it takes mutual TLS, so pods with and without a sidecar can stand side by side.
function automatic(read: Read, parts: Parts): JsonObject {
  const { service, settings, policy, port } = parts;
  const how = resolutionFor(parts.view, service, policy);
  const plain = withProxyProtocol(rawBuffer, policy);
  const alone = policy.proxyProtocol === undefined ? {} : { transport_socket: plain };
  if (!settings.autoMtls || service.external || isTls(port.protocol)) return alone;
  if (how === 'none') {
    // No endpoint is chosen that could say what it takes, so all of them have to.
    const all = read.get(endpointsOf, portKey(parts));
    const secured = all.length > 0 && all.every((endpoint) => endpoint.tlsMode === 'istio');
    return secured ? { transport_socket: withProxyProtocol(meshSocket(read, parts), policy) } : alone;
  }
  if (how !== 'eds') return alone;
  return {
    transport_socket_matches: [
      {
        name: 'tlsMode-istio',
        match: { tlsMode: 'istio' },
        transport_socket: withProxyProtocol(meshSocket(read, parts), policy),
      },
      { name: 'tlsMode-disabled', match: {}, transport_socket: plain },
    ],
  };
}

function meshSocket(read: Read, parts: Parts): JsonObject {
  const { service, port, subset, policy, speech } = parts;
  const written = policy.tls?.subjectAltNames ?? service.subjectAltNames;
  return meshClientTls({
    port: port.number,
    subset,
    host: service.host,
    identities: written.length > 0 ? written : read.get(identitiesOf, portKey(parts)),
    sni: policy.tls?.sni,
    alpnProtocols: clientAlpn(port.protocol, speech),
  });
}

function clientAlpn(protocol: Protocol, speech: Speech): readonly string[] {
  // What was sniffed as HTTP gets its list per request, from the listener's filter.
  if (speech === 'none' || (speech === 'downstream' && protocol === 'auto')) return alpn.clientTcp;
  return speech === 'http2' ? alpn.clientHttp2 : alpn.clientHttp1;
}

function withProxyProtocol(socket: JsonObject, policy: PortPolicy): JsonObject {
  if (policy.proxyProtocol === undefined) return socket;
  return extension(
    'envoy.transport_sockets.upstream_proxy_protocol',
    'envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport',
    { config: { version: policy.proxyProtocol.version ?? 'V1' }, transport_socket: socket },
  );
}

function metadata({ service, subset, rule }: Parts): JsonObject {
  const source = rule?.sources[0];
  return {
    filter_metadata: {
      istio: compact({
        config:
          source === undefined
            ? undefined
            : `/apis/networking.istio.io/v1alpha3/namespaces/${source.namespace}/destination-rule/${source.name}`,
        subset: subset === '' ? undefined : subset,
        services: [{ host: service.host, name: service.name, namespace: service.namespace }],
      }),
    },
  };
}

/** Labels that the endpoints of a subset carry; `undefined` if there is no such subset. */
export function subsetLabels(
  rule: MergedRule | undefined,
  subset: string,
): Readonly<Record<string, string>> | undefined {
  if (subset === '') return {};
  const found = rule?.subsets.find((candidate) => candidate.name === subset);
  return found === undefined ? undefined : (found.labels ?? {});
}

/** The DestinationRule of a cluster's host. */
export function ruleOfCluster(
  read: Read,
  key: ClusterKey,
): { readonly service: MeshService; readonly rule: MergedRule | undefined } | undefined {
  const service = read.get(serviceByHost, { view: key.view, host: key.host });
  return service === undefined ? undefined : { service, rule: ruleFor(read, key.view, service) };
}

/**
 * How a view's cluster finds its endpoints. Pods of a headless service are dialled one by one, so a sidecar goes where the
 * application dialled; what a gateway's clients dialled is the gateway, so it has to choose.
 */
export function resolutionFor(view: View, service: MeshService, policy: PortPolicy): Resolution {
  const direct = service.headless || service.resolution === 'none';
  if (view.type === 'router') return direct ? 'eds' : service.resolution;
  return direct || policy.loadBalancer?.simple === 'PASSTHROUGH' ? 'none' : service.resolution;
}
