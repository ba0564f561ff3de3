/** Policy of a workload on requests: what its route configurations set on the two RBAC filters. */
import { defineQuery } from '../../base/engine/index.ts';
import type { JsonObject } from '../../base/json.ts';
import type { WorkloadKey } from '../../model/authentication.ts';
import { typed } from '../any.ts';
import { filters } from '../names.ts';
import { rulesOf } from './rules-of.ts';

/** `typed_per_filter_config` of a workload's virtual hosts; empty where no policy selects it. */
export const httpPolicy = defineQuery<WorkloadKey, JsonObject>('http policy', (read, key) => {
  const rules = rulesOf(read, key, 'http');
  return {
    ...(rules.deny === undefined ? {} : { [filters.rbacDeny]: perRoute(rules.deny) }),
    ...(rules.allow === undefined ? {} : { [filters.rbacAllow]: perRoute(rules.allow) }),
  };
});

function perRoute(rbac: JsonObject): JsonObject {
  return typed('envoy.extensions.filters.http.rbac.v3.RBACPerRoute', { rbac });
}
