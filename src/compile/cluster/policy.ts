/** The traffic policy of a DestinationRule for one port and subset, and what it sets on a cluster. */
import type { TrafficPolicy, MergedRule } from '../../model/rules.ts';
import type { JsonObject } from '../../base/json.ts';
import { parseDuration, protoDuration } from '../../base/duration.ts';
import type { MeshSettings } from '../../model/settings.ts';
import { compact } from '../any.ts';

/** Policy that applies to one port of one subset, port level settings already chosen. */
export type PortPolicy = Pick<
  TrafficPolicy,
  'loadBalancer' | 'connectionPool' | 'outlierDetection' | 'tls' | 'tunnel' | 'proxyProtocol' | 'retryBudget'
>;

/**
 * The policy of a port: the rule's, overridden field by field by the subset's. Settings at port level stand for
 * themselves: what they leave out has its default and is not inherited (Istio's documentation of portLevelSettings).
 */
export function portPolicy(rule: MergedRule | undefined, subset: string, port: number): PortPolicy {
  const base = override({}, rule?.trafficPolicy, port);
  return override(base, rule?.subsets.find((candidate) => candidate.name === subset)?.trafficPolicy, port);
}

function override(base: PortPolicy, policy: TrafficPolicy | undefined, port: number): PortPolicy {
  if (policy === undefined) return base;
  const { portLevelSettings, ...settings } = policy;
  const merged: PortPolicy = { ...base, ...settings };
  const atPort = portLevelSettings?.find((candidate) => candidate.port?.number === port);
  if (atPort === undefined) return merged;
  const { loadBalancer: _lb, connectionPool: _pool, outlierDetection: _outlier, tls: _tls, ...kept } = merged;
  const { port: _port, ...own } = atPort;
  return { ...kept, ...own };
}

const unlimited = 4_294_967_295;

// Istio cannot tell a limit of nought from none.
function limit(value: number | undefined): number {
  return value === undefined || value === 0 ? unlimited : value;
}

/** Circuit breakers; without settings nothing is ever limited. */
export function circuitBreakers(policy: PortPolicy): JsonObject {
  const { tcp, http } = policy.connectionPool ?? {};
  const budget = policy.retryBudget;
  return {
    thresholds: [
      compact({
        max_connections: limit(tcp?.maxConnections),
        max_pending_requests: limit(http?.http1MaxPendingRequests),
        max_requests: limit(http?.http2MaxRequests),
        max_retries: limit(http?.maxRetries),
        track_remaining: true,
        retry_budget:
          budget === undefined
            ? undefined
            : compact({
                budget_percent: { value: budget.percent ?? 20 },
                min_retry_concurrency: budget.minRetryConcurrency ?? 3,
              }),
      }),
    ],
  };
}

/** Time to connect, and TCP keepalive. */
export function connection(policy: PortPolicy, settings: MeshSettings): JsonObject {
  const tcp = policy.connectionPool?.tcp;
  const keepalive = tcp?.tcpKeepalive ?? settings.tcpKeepalive;
  return compact({
    connect_timeout: seconds(tcp?.connectTimeout, settings.connectTimeoutMs),
    upstream_connection_options:
      keepalive === undefined
        ? undefined
        : {
            tcp_keepalive: compact({
              keepalive_probes: keepalive.probes,
              keepalive_time: wholeSeconds(keepalive.time),
              keepalive_interval: wholeSeconds(keepalive.interval),
            }),
          },
  });
}

/** Protobuf's form of a duration, or of the default in milliseconds. */
export function seconds(text: string | undefined, otherwiseMs: number): string {
  return protoDuration(text === undefined ? otherwiseMs : (parseDuration(text) ?? otherwiseMs));
}

/** Protobuf's form of a duration that may be absent. */
export function optionalSeconds(text: string | undefined): string | undefined {
  const ms = text === undefined ? undefined : parseDuration(text);
  return ms === undefined ? undefined : protoDuration(ms);
}

function wholeSeconds(text: string | undefined): number | undefined {
  const ms = text === undefined ? undefined : parseDuration(text);
  return ms === undefined ? undefined : Math.max(1, Math.round(ms / 1_000));
}

type Outlier = NonNullable<PortPolicy['outlierDetection']>;

/** Ejection of failing endpoints (https://istio.io/latest/docs/reference/config/networking/destination-rule/#OutlierDetection). */
export function outlierDetection(outlier: Outlier | undefined): JsonObject {
  if (outlier === undefined) return {};
  const split = outlier.splitExternalLocalOriginErrors === true;
  const gatewayErrors = outlier.consecutiveGatewayErrors ?? outlier.consecutiveErrors;
  return {
    outlier_detection: compact({
      consecutive_5xx: outlier.consecutive5xxErrors,
      enforcing_consecutive_5xx: enforcing(outlier.consecutive5xxErrors),
      consecutive_gateway_failure: gatewayErrors,
      enforcing_consecutive_gateway_failure: enforcing(gatewayErrors),
      split_external_local_origin_errors: split ? true : undefined,
      consecutive_local_origin_failure: split ? outlier.consecutiveLocalOriginFailures : undefined,
      enforcing_consecutive_local_origin_failure: split ? enforcing(outlier.consecutiveLocalOriginFailures) : undefined,
      interval: optionalSeconds(outlier.interval),
      base_ejection_time: optionalSeconds(outlier.baseEjectionTime),
      max_ejection_percent: outlier.maxEjectionPercent,
      enforcing_success_rate: 0,
    }),
  };
}

// A count of nought switches that way of ejecting off.
function enforcing(errors: number | undefined): number | undefined {
  return errors === undefined ? undefined : errors > 0 ? 100 : 0;
}

type LocalitySetting = NonNullable<MeshSettings['localityLb']>;

/** The locality setting in force: the rule's, else the mesh's; `undefined` where it is switched off. */
export function localitySetting(policy: PortPolicy, settings: MeshSettings): LocalitySetting | undefined {
  const setting = policy.loadBalancer?.localityLbSetting ?? settings.localityLb ?? {};
  return setting.enabled === false ? undefined : setting;
}
