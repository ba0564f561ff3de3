/** Policy of a workload on connections that are not read as HTTP. */
import { defineQuery } from '../../base/engine/index.ts';
import type { JsonObject } from '../../base/json.ts';
import type { WorkloadKey } from '../../model/authentication.ts';
import { extension } from '../any.ts';
import { filters } from '../names.ts';
import { rulesOf } from './rules-of.ts';

/** Network filters that stand before a TCP proxy; empty where no policy selects the workload. */
export const networkPolicy = defineQuery<WorkloadKey, readonly JsonObject[]>('network policy', (read, key) => {
  const { deny, allow } = rulesOf(read, key, 'tcp');
  return [
    ...(deny === undefined ? [] : [filter(filters.networkRbacDeny, deny)]),
    ...(allow === undefined ? [] : [filter(filters.networkRbacAllow, allow)]),
  ];
});

function filter(name: string, rbac: JsonObject): JsonObject {
  return extension(name, 'envoy.extensions.filters.network.rbac.v3.RBAC', { stat_prefix: 'tcp.', ...rbac });
}
