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

/** Circuit breakers; without settings nothing is ever limited. */
export function circuitBreakers(policy: PortPolicy): JsonObject {
  const { tcp, http } = policy.connectionPool ?? {};
  const budget = policy.retryBudget;
  return {
    thresholds: [
      compact({
        max_connections: tcp?.maxConnections ?? unlimited,
        max_pending_requests: http?.http1MaxPendingRequests ?? unlimited,
        max_requests: http?.http2MaxRequests ?? unlimited,
        max_retries: http?.maxRetries ?? unlimited,
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
  return {
    outlier_detection: compact({
      consecutive_5xx:
        outlier.consecutive5xxErrors ??
        (outlier.consecutiveErrors === undefined ? undefined : outlier.consecutiveErrors),
      enforcing_consecutive_5xx:
        outlier.consecutive5xxErrors === undefined ? undefined : outlier.consecutive5xxErrors > 0 ? 100 : 0,
      consecutive_gateway_failure: outlier.consecutiveGatewayErrors,
      enforcing_consecutive_gateway_failure:
        outlier.consecutiveGatewayErrors === undefined ? undefined : outlier.consecutiveGatewayErrors > 0 ? 100 : 0,
      split_external_local_origin_errors: split ? true : undefined,
      consecutive_local_origin_failure: split ? outlier.consecutiveLocalOriginFailures : undefined,
      enforcing_consecutive_local_origin_failure:
        split && outlier.consecutiveLocalOriginFailures !== undefined
          ? outlier.consecutiveLocalOriginFailures > 0
            ? 100
            : 0
          : undefined,
      interval: optionalSeconds(outlier.interval),
      base_ejection_time: optionalSeconds(outlier.baseEjectionTime),
      max_ejection_percent: outlier.maxEjectionPercent,
      enforcing_success_rate: 0,
    }),
  };
}
