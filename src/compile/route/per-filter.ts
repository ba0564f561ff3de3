/** What a route sets on the HTTP filters: faults and CORS. */
import type { JsonObject } from '../../base/json.ts';
import { parseDuration, protoDuration } from '../../base/duration.ts';
import type { CorsPolicy, HttpFaultInjection, HttpRoute } from '../../schema/index.ts';
import { compact, typed } from '../any.ts';
import { optionalSeconds } from '../cluster/policy.ts';
import { filters } from '../names.ts';
import { stringMatcher } from './match.ts';

/** `typed_per_filter_config` of a route. */
export function perFilterConfig(rule: HttpRoute): JsonObject {
  return compact({
    [filters.fault]: rule.fault === undefined ? undefined : fault(rule.fault),
    [filters.cors]: rule.corsPolicy === undefined ? undefined : cors(rule.corsPolicy),
  });
}

/** Envoy's form of a percentage with four decimals; 100 where none is given. */
export function fraction(percentage: { readonly value?: number } | undefined): JsonObject {
  return {
    numerator: Math.round((percentage?.value ?? (percentage === undefined ? 100 : 0)) * 10_000),
    denominator: 'MILLION',
  };
}

function fault(injection: HttpFaultInjection): JsonObject {
  const { delay, abort } = injection;
  const fixed = delay?.fixedDelay;
  return typed(
    'envoy.extensions.filters.http.fault.v3.HTTPFault',
    compact({
      delay:
        fixed === undefined
          ? undefined
          : { fixed_delay: optionalSeconds(fixed), percentage: fraction(delay?.percentage ?? old(delay?.percent)) },
      abort: abort === undefined ? undefined : { ...abortStatus(abort), percentage: fraction(abort.percentage) },
    }),
  );
}

function old(percent: number | undefined): { readonly value: number } | undefined {
  return percent === undefined ? undefined : { value: percent };
}

function abortStatus(abort: NonNullable<HttpFaultInjection['abort']>): JsonObject {
  if (abort.grpcStatus !== undefined) return { grpc_status: grpcCodes.indexOf(abort.grpcStatus) };
  return { http_status: abort.httpStatus ?? 503 };
}

/** gRPC's status names in the order of their numbers (https://grpc.io/docs/guides/status-codes). */
const grpcCodes: readonly string[] = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
];

function cors(policy: CorsPolicy): JsonObject {
  const origins = (policy.allowOrigins ?? []).map((origin) => stringMatcher(origin) ?? { safe_regex: { regex: '.*' } });
  return typed(
    'envoy.extensions.filters.http.cors.v3.CorsPolicy',
    compact({
      allow_origin_string_match: origins,
      allow_methods: text(policy.allowMethods),
      allow_headers: text(policy.allowHeaders),
      expose_headers: text(policy.exposeHeaders),
      max_age:
        policy.maxAge === undefined ? undefined : String(Math.round((parseDuration(policy.maxAge) ?? 0) / 1_000)),
      allow_credentials: policy.allowCredentials,
      filter_enabled: { default_value: { numerator: 100 } },
      forward_not_matching_preflights: policy.unmatchedPreflights === 'IGNORE' ? false : undefined,
    }),
  );
}

function text(values: readonly string[] | undefined): string | undefined {
  return values === undefined || values.length === 0 ? undefined : values.join(',');
}

/** `0s` where a route has no limit of time, which is Istio's default. */
export function timeoutOf(timeout: string | undefined): string {
  return protoDuration(timeout === undefined ? 0 : (parseDuration(timeout) ?? 0));
}
