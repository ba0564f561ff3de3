/**
 * What the mesh is computed from: one engine input a kind, and the index cells by which queries read collections. A
 * collection is never read whole where a cell will do: a new VirtualService wakes the readers of its hosts only.
 */
import { defineIndex, defineInput } from '../base/engine/index.ts';
import type {
  AuthorizationPolicy,
  DestinationRule,
  EndpointSlice,
  Gateway,
  MeshConfig,
  Namespace,
  PeerAuthentication,
  Pod,
  Secret,
  Service,
  ServiceEntry,
  Sidecar,
  VirtualService,
} from '../schema/index.ts';
import type { KubeObject } from '../schema/object.ts';
import { resolveHost } from './host.ts';

/** The cluster's DNS domain. Istio's default, and what every name of the mesh ends in. */
export const clusterDomain = 'cluster.local';

/** The one key of the mesh settings' input. */
export const meshConfigKey = 'mesh';

export const meshConfigs = defineInput<MeshConfig>('MeshConfig');
export const namespaces = defineInput<Namespace>('Namespace');
export const pods = defineInput<Pod>('Pod');
export const services = defineInput<Service>('Service');
export const endpointSlices = defineInput<EndpointSlice>('EndpointSlice');
export const secrets = defineInput<Secret>('Secret');
export const serviceEntries = defineInput<ServiceEntry>('ServiceEntry');
export const virtualServices = defineInput<VirtualService>('VirtualService');
export const destinationRules = defineInput<DestinationRule>('DestinationRule');
export const gateways = defineInput<Gateway>('Gateway');
export const sidecars = defineInput<Sidecar>('Sidecar');
export const peerAuthentications = defineInput<PeerAuthentication>('PeerAuthentication');
export const authorizationPolicies = defineInput<AuthorizationPolicy>('AuthorizationPolicy');

/** Inputs by the kind of object that feeds them. Other kinds do not reach the engine. */
export const inputsByKind = {
  Namespace: namespaces,
  Pod: pods,
  Service: services,
  EndpointSlice: endpointSlices,
  Secret: secrets,
  ServiceEntry: serviceEntries,
  VirtualService: virtualServices,
  DestinationRule: destinationRules,
  Gateway: gateways,
  Sidecar: sidecars,
  PeerAuthentication: peerAuthentications,
  AuthorizationPolicy: authorizationPolicies,
} as const;

/** The cell that holds every object of a kind. */
export const everything = '*';

const namespaceOf = (object: KubeObject): string => object.metadata.namespace ?? '';
const inNamespace = (object: KubeObject): readonly string[] => [namespaceOf(object)];

export const servicesByNamespace = defineIndex(services, 'namespace', inNamespace);
export const serviceEntriesByNamespace = defineIndex(serviceEntries, 'namespace', inNamespace);
export const allServices = defineIndex(services, 'all', () => [everything]);
export const allServiceEntries = defineIndex(serviceEntries, 'all', () => [everything]);
export const serviceEntriesByHost = defineIndex(serviceEntries, 'host', (entry) => entry.spec?.hosts ?? []);
export const slicesByService = defineIndex(endpointSlices, 'service', (slice) => {
  const name = slice.metadata.labels?.['kubernetes.io/service-name'];
  return name === undefined ? [] : [`${namespaceOf(slice)}/${name}`];
});
export const podsByNamespace = defineIndex(pods, 'namespace', inNamespace);
export const gatewaysAll = defineIndex(gateways, 'all', () => [everything]);
export const sidecarsByNamespace = defineIndex(sidecars, 'namespace', inNamespace);
export const peerAuthenticationsByNamespace = defineIndex(peerAuthentications, 'namespace', inNamespace);
export const authorizationPoliciesByNamespace = defineIndex(authorizationPolicies, 'namespace', inNamespace);

/** VirtualServices of the mesh (not only of gateways) by full host; wildcards stand under their own text. */
export const meshRoutesByHost = defineIndex(virtualServices, 'host', (rule) =>
  boundGateways(rule).includes('mesh') ? fullHosts(rule) : [],
);

/** VirtualServices by the gateways (`namespace/name`) they are bound to. */
export const routesByGateway = defineIndex(virtualServices, 'gateway', (rule) =>
  boundGateways(rule).filter((gateway) => gateway !== 'mesh'),
);

/** Label keys that some VirtualService asks of its clients. */
export const sourceLabelKeys = defineIndex(virtualServices, 'sourceLabelKey', (rule) => {
  const spec = rule.spec ?? {};
  const matches = [
    ...(spec.http ?? []).flatMap((route) => route.match ?? []),
    ...(spec.tls ?? []).flatMap((route) => route.match ?? []),
    ...(spec.tcp ?? []).flatMap((route) => route.match ?? []),
  ];
  return new Set(matches.flatMap((match) => Object.keys(match.sourceLabels ?? {})));
});

/** Label keys by which some DestinationRule selects its clients or compares them with endpoints. */
export const ruleSelectorKeys = defineIndex(destinationRules, 'selectorKey', (rule) => {
  const policies = [rule.spec?.trafficPolicy, ...(rule.spec?.subsets ?? []).map((subset) => subset.trafficPolicy)];
  const balancers = policies.flatMap((policy) => [
    policy?.loadBalancer,
    ...(policy?.portLevelSettings ?? []).map((port) => port.loadBalancer),
  ]);
  const failover = balancers.flatMap((balancer) => [
    ...(balancer?.localityLbSetting?.failoverPriority ?? []),
    ...(balancer?.zoneAwareLbSetting?.failoverPriority ?? []),
  ]);
  return new Set([
    ...Object.keys(rule.spec?.workloadSelector?.matchLabels ?? {}),
    ...failover.map((entry) => entry.split('=', 1)[0] ?? entry),
  ]);
});

/** DestinationRules by full host; wildcards stand under their own text. */
export const rulesByHost = defineIndex(destinationRules, 'host', (rule) =>
  rule.spec?.host === undefined ? [] : [resolveHost(rule.spec.host, namespaceOf(rule), clusterDomain)],
);

/** Gateways a VirtualService is bound to: `mesh` or `namespace/name`. */
export function boundGateways(rule: VirtualService): readonly string[] {
  const names = rule.spec?.gateways ?? [];
  return names.length === 0 ? ['mesh'] : names.map((name) => gatewayKey(name, namespaceOf(rule)));
}

/** `mesh`, or a gateway's key as an object of `namespace` names it (`name`, `namespace/name` or `./name`). */
export function gatewayKey(name: string, namespace: string): string {
  if (name === 'mesh') return name;
  const [first = '', second] = name.split('/', 2);
  if (second === undefined) return `${namespace}/${first}`;
  return first === '.' ? `${namespace}/${second}` : name;
}

/** Hosts of a VirtualService with short names written out. */
export function fullHosts(rule: VirtualService): readonly string[] {
  return (rule.spec?.hosts ?? []).map((host) => resolveHost(host, namespaceOf(rule), clusterDomain));
}
