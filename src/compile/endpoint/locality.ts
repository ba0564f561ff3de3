/** Endpoints in Envoy's form: grouped by locality, with priorities and weights for the client that asks. */
import type { Read } from '../../base/engine/index.ts';
import type { JsonObject } from '../../base/json.ts';
import { endpointsOf, type Endpoint, type PortKey } from '../../model/endpoint.ts';
import type { MeshSettings } from '../../model/settings.ts';
import { selects } from '../../model/visibility.ts';
import { compact } from '../any.ts';
import { localitySetting, type PortPolicy } from '../cluster/policy.ts';

/** Which endpoints, for which client. */
export interface LocalityQuestion {
  readonly key: PortKey;
  /** Labels of the subset; empty for all. */
  readonly labels: Readonly<Record<string, string>>;
  readonly policy: PortPolicy;
  readonly settings: MeshSettings;
  /** `region/zone/subzone` of the client; empty if unknown. */
  readonly clientLocality: string;
  /** Labels of the client that failover priorities name. */
  readonly clientLabels?: Readonly<Record<string, string>>;
}

interface Group {
  readonly locality: string;
  readonly endpoints: readonly Endpoint[];
  readonly priority: number;
  readonly weight: number;
}

/** `LocalityLbEndpoints` of a question, by priority, then locality. */
export function localityEndpoints(read: Read, question: LocalityQuestion): readonly JsonObject[] {
  const endpoints = read.get(endpointsOf, question.key).filter((endpoint) => selects(question.labels, endpoint.labels));
  const groups = prioritise(endpoints, question);
  return groups
    .toSorted((a, b) => a.priority - b.priority || (a.locality < b.locality ? -1 : 1))
    .map((group) =>
      compact({
        locality: localityJson(group.locality),
        lb_endpoints: group.endpoints.map(endpointJson),
        load_balancing_weight: group.weight,
        priority: group.priority === 0 ? undefined : group.priority,
      }),
    );
}

function grouped(endpoints: readonly Endpoint[]): readonly Group[] {
  const byLocality = Map.groupBy(endpoints, (endpoint) => endpoint.locality);
  return [...byLocality].map(([locality, members]) => ({
    locality,
    endpoints: members,
    priority: 0,
    weight: members.reduce((sum, endpoint) => sum + endpoint.weight, 0),
  }));
}

function prioritise(endpoints: readonly Endpoint[], question: LocalityQuestion): readonly Group[] {
  const { policy, settings, clientLocality, clientLabels = {} } = question;
  const zones = policy.loadBalancer?.zoneAwareLbSetting;
  const zoneAware = zones !== undefined && zones.enabled !== false;
  const setting = zoneAware ? zones : localitySetting(policy, settings);
  const groups = grouped(endpoints);
  if (setting === undefined) return groups;
  const distribution = zoneAware ? undefined : distributionOf(localitySetting(policy, settings), clientLocality);
  if (distribution !== undefined) return distributed(groups, distribution);
  // Failing over needs to know who fails: Istio ignores localities without outlier detection.
  if (policy.outlierDetection === undefined) return groups;
  const { failover = [], failoverPriority = [] } = setting;
  const client = { locality: clientLocality, labels: clientLabels };
  const ranked = failoverPriority.length === 0 ? groups : byLabels(endpoints, failoverPriority, client);
  if (clientLocality === '' || (failoverPriority.length > 0 && failover.length === 0)) return contiguous(ranked);
  return contiguous(
    ranked.map((group) => {
      const far = distance(group.locality, clientLocality, failover);
      // Envoy itself prefers the zone among the endpoints of the region, so they are one priority.
      return { ...group, priority: group.priority * 5 + (zoneAware && far < 3 ? 0 : far) };
    }),
  );
}

type Distribution = Readonly<Record<string, number>>;

function distributionOf(setting: ReturnType<typeof localitySetting>, clientLocality: string): Distribution | undefined {
  if (clientLocality === '') return undefined;
  return (setting?.distribute ?? []).find((rule) => localityMatches(rule.from ?? '', clientLocality))?.to;
}

function localityMatches(pattern: string, locality: string): boolean {
  const parts = locality.split('/');
  return pattern === '*' || pattern.split('/').every((part, i) => part === '*' || part === (parts[i] ?? ''));
}

// Localities that the rule does not name get nothing (Istio).
function distributed(groups: readonly Group[], to: Readonly<Record<string, number>>): readonly Group[] {
  return Object.entries(to).flatMap(([pattern, percent]) => {
    const matched = groups.filter((group) => localityMatches(pattern, group.locality));
    const total = matched.reduce((sum, group) => sum + group.weight, 0);
    return matched.map((group) => ({ ...group, weight: Math.max(1, Math.ceil((percent * group.weight) / total)) }));
  });
}

type Failover = readonly { readonly from?: string; readonly to?: string }[];

function distance(locality: string, client: string, failover: Failover): number {
  const [region = '', zone = '', subzone = ''] = locality.split('/');
  const [ownRegion = '', ownZone = '', ownSubzone = ''] = client.split('/');
  if (region === ownRegion) return zone === ownZone ? (subzone === ownSubzone ? 0 : 1) : 2;
  const preferred = failover.find((rule) => rule.from === ownRegion);
  return preferred === undefined || preferred.to === region ? 3 : 4;
}

// Envoy refuses gaps between priorities.
function contiguous(groups: readonly Group[]): readonly Group[] {
  const used = [...new Set(groups.map((group) => group.priority))].toSorted((a, b) => a - b);
  return groups.map((group) => ({ ...group, priority: used.indexOf(group.priority) }));
}

/** Priority by how many of the labels, counted from the first, the endpoint shares with the client. */
function byLabels(
  endpoints: readonly Endpoint[],
  failover: readonly string[],
  client: { readonly locality: string; readonly labels: Readonly<Record<string, string>> },
): readonly Group[] {
  const own = { ...topology(client.locality), ...client.labels };
  const priorityOf = (endpoint: Endpoint): number => {
    const labels: Readonly<Record<string, string>> = { ...topology(endpoint.locality), ...endpoint.labels };
    const missed = failover.findIndex((entry) => {
      const [label = '', value] = entry.split('=', 2);
      return labels[label] !== (value ?? own[label]);
    });
    return missed === -1 ? 0 : failover.length - missed;
  };
  const byPriority = Map.groupBy(endpoints, priorityOf);
  return [...byPriority].flatMap(([priority, members]) => grouped(members).map((group) => ({ ...group, priority })));
}

/** Labels under which a locality can be named among the failover priorities. */
function topology(locality: string): Readonly<Record<string, string>> {
  const [region = '', zone = '', subzone = ''] = locality.split('/');
  return {
    'topology.kubernetes.io/region': region,
    'topology.kubernetes.io/zone': zone,
    'topology.istio.io/subzone': subzone,
  };
}

function localityJson(locality: string): JsonObject | undefined {
  if (locality === '') return undefined;
  const [region, zone, subzone] = locality.split('/');
  return compact({ region, zone, sub_zone: subzone });
}

function endpointJson(endpoint: Endpoint): JsonObject {
  return compact({
    endpoint: { address: addressJson(endpoint) },
    load_balancing_weight: endpoint.weight,
    metadata: compact({
      filter_metadata: compact({
        'envoy.transport_socket_match': endpoint.tlsMode === 'istio' ? { tlsMode: 'istio' } : undefined,
        istio: endpoint.workload === '' ? undefined : { workload: workloadText(endpoint) },
      }),
    }),
  });
}

// Istio's form: name;namespace;canonical name;canonical revision;cluster.
function workloadText(endpoint: Endpoint): string {
  const canonical = endpoint.labels['service.istio.io/canonical-name'] ?? endpoint.labels['app'] ?? '';
  const revision = endpoint.labels['service.istio.io/canonical-revision'] ?? endpoint.labels['version'] ?? '';
  return [endpoint.workload, endpoint.namespace, canonical, revision, 'Kubernetes'].join(';');
}

function addressJson(endpoint: Endpoint): JsonObject {
  if (endpoint.port === 0) return { pipe: { path: endpoint.address } };
  return { socket_address: { address: endpoint.address, port_value: endpoint.port } };
}
