/** Load balancing of a cluster (https://istio.io/latest/docs/reference/config/networking/destination-rule/#LoadBalancerSettings). */
import type { JsonObject } from '../../base/json.ts';
import { compact } from '../any.ts';
import type { MeshSettings } from '../../model/settings.ts';
import { localitySetting, optionalSeconds, type PortPolicy } from './policy.ts';

type LoadBalancer = NonNullable<PortPolicy['loadBalancer']>;

/** Fields of the cluster that choose an endpoint. LEAST_REQUEST where nothing is said. */
export function loadBalancing(policy: PortPolicy, settings: MeshSettings): JsonObject {
  return { ...policyFields(policy.loadBalancer), common_lb_config: commonFields(policy, settings) };
}

function policyFields(settings: LoadBalancer | undefined): JsonObject {
  const hash = settings?.consistentHash;
  if (hash?.maglev !== undefined) {
    return compact({
      lb_policy: 'MAGLEV',
      maglev_lb_config: compact({ table_size: optionalNumber(hash.maglev.tableSize) }),
    });
  }
  if (hash !== undefined) {
    const size = hash.ringHash?.minimumRingSize ?? hash.minimumRingSize ?? 1_024;
    const minimum = Math.min(Math.max(1, Number(size)), largestRing);
    return { lb_policy: 'RING_HASH', ring_hash_lb_config: { minimum_ring_size: minimum } };
  }
  const slowStart = slowStartFields(settings);
  if (settings?.simple === 'ROUND_ROBIN') {
    return compact({ lb_policy: 'ROUND_ROBIN', round_robin_lb_config: slowStart });
  }
  if (settings?.simple === 'RANDOM') return { lb_policy: 'RANDOM' };
  return compact({ lb_policy: 'LEAST_REQUEST', least_request_lb_config: slowStart });
}

// Envoy refuses more points; and it takes a cluster that it has refused once for good when the same bytes come again.
const largestRing = 8_388_608;

function optionalNumber(value: number | string | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}

function slowStartFields(settings: LoadBalancer | undefined): JsonObject {
  const warmup = settings?.warmup;
  const window = optionalSeconds(warmup?.duration ?? settings?.warmupDurationSecs);
  if (window === undefined) return {};
  return {
    slow_start_config: compact({
      slow_start_window: window,
      aggression:
        warmup?.aggression === undefined
          ? undefined
          : { default_value: warmup.aggression, runtime_key: 'mizzen.slow_start.aggression' },
      min_weight_percent: warmup === undefined ? undefined : { value: warmup.minimumPercent ?? 10 },
    }),
  };
}

// Envoy's panic mode would send requests to endpoints known as bad; Istio turns it off unless the user asks.
function commonFields(policy: PortPolicy, settings: MeshSettings): JsonObject {
  const { loadBalancer, outlierDetection } = policy;
  const zones = loadBalancer?.zoneAwareLbSetting;
  const aware = zones !== undefined && zones.enabled !== false;
  return {
    healthy_panic_threshold: { value: outlierDetection?.minHealthPercent ?? 0 },
    ...(aware ? { zone_aware_lb_config: compact({ min_cluster_size: zones.minClusterSize }) } : {}),
    ...(!aware && weighsLocalities(policy, settings) ? { locality_weighted_lb_config: {} } : {}),
  };
}

// Weights of localities would disturb the choice by load where no rule is about localities (Istio).
function weighsLocalities(policy: PortPolicy, settings: MeshSettings): boolean {
  const setting = localitySetting(policy, settings);
  if ((setting?.distribute ?? []).length > 0) return true;
  const failsOver = (setting?.failover ?? []).length > 0 || (setting?.failoverPriority ?? []).length > 0;
  return failsOver && policy.outlierDetection !== undefined;
}

/** The hash by which requests stick to an endpoint, for the routes of a cluster. */
export function hashPolicy(settings: LoadBalancer | undefined): readonly JsonObject[] {
  const hash = settings?.consistentHash;
  if (hash === undefined) return [];
  if (hash.httpHeaderName !== undefined) return [{ header: { header_name: hash.httpHeaderName } }];
  if (hash.httpQueryParameterName !== undefined) return [{ query_parameter: { name: hash.httpQueryParameterName } }];
  if (hash.useSourceIp === true) return [{ connection_properties: { source_ip: true } }];
  const cookie = hash.httpCookie;
  if (cookie === undefined) return [];
  return [
    {
      cookie: compact({
        name: cookie.name,
        path: cookie.path,
        ttl: optionalSeconds(cookie.ttl),
        attributes: cookie.attributes?.map((attribute) => ({ name: attribute.name, value: attribute.value ?? '' })),
      }),
    },
  ];
}
