/** Retries (https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRetry). */
import type { JsonObject } from '../../base/json.ts';
import { compact, extension } from '../any.ts';
import { optionalSeconds } from '../cluster/policy.ts';

/** Istio's retry settings. */
export interface RetrySettings {
  readonly attempts?: number;
  readonly perTryTimeout?: string;
  readonly retryOn?: string;
  readonly retryRemoteLocalities?: boolean;
  readonly retryIgnorePreviousHosts?: boolean;
  readonly backoff?: string;
}

// Conditions under which the server cannot have begun to act on the request.
const safeConditions = 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes';

/** The retry policy of a route; `undefined` where retries are switched off. Two safe ones where nothing is said. */
export function retryPolicy(
  settings: RetrySettings | undefined,
  meshDefault: RetrySettings | undefined,
): JsonObject | undefined {
  const chosen = settings ?? meshDefault;
  const attempts = chosen?.attempts ?? 2;
  if (attempts <= 0) return undefined;
  return compact({
    ...conditions(chosen?.retryOn),
    num_retries: attempts,
    per_try_timeout: optionalSeconds(chosen?.perTryTimeout),
    retry_host_predicate:
      chosen?.retryIgnorePreviousHosts === false
        ? undefined
        : [
            extension(
              'envoy.retry_host_predicates.previous_hosts',
              'envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate',
            ),
          ],
    host_selection_retry_max_attempts: 5,
    retry_priority:
      chosen?.retryRemoteLocalities === true
        ? extension(
            'envoy.retry_priorities.previous_priorities',
            'envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig',
            { update_frequency: 2 },
          )
        : undefined,
    retry_back_off: chosen?.backoff === undefined ? undefined : { base_interval: optionalSeconds(chosen.backoff) },
  });
}

// Status codes may stand among the conditions: `503,gateway-error`.
function conditions(retryOn: string | undefined): JsonObject {
  if (retryOn === undefined || retryOn === '') return { retry_on: safeConditions };
  const words = retryOn
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
  const codes = words.filter((word) => /^\d{3}$/u.test(word)).map(Number);
  const names = words.filter((word) => !/^\d{3}$/u.test(word));
  if (codes.length > 0 && !names.includes('retriable-status-codes')) names.push('retriable-status-codes');
  return compact({ retry_on: names.join(','), retriable_status_codes: codes });
}
