import { defineQuery } from '../base/engine/index.ts';
import type { AuthorizationPolicy } from '../schema/index.ts';
import type { WorkloadKey } from './authentication.ts';
import { authorizationPoliciesByNamespace } from './inputs.ts';
import { meshSettings } from './settings.ts';
import { selects } from './visibility.ts';

/** Policies that a workload obeys, by action. */
export interface WorkloadPolicies {
  readonly deny: readonly AuthorizationPolicy[];
  readonly allow: readonly AuthorizationPolicy[];
}

/** The policies of a workload: the root namespace's and its own, those whose selector is empty or matches. */
export const policiesOf = defineQuery<WorkloadKey, WorkloadPolicies>('authorization policies', (read, key) => {
  const { rootNamespace } = read.get(meshSettings, '');
  const policies = [...new Set([rootNamespace, key.namespace])]
    .flatMap((namespace) => read.cell(authorizationPoliciesByNamespace, namespace))
    .filter((policy) => selects(policy.spec?.selector?.matchLabels, key.labels));
  return {
    // Nobody can be asked about a CUSTOM policy, so what it is about stays closed.
    deny: policies.filter((policy) => policy.spec?.action === 'DENY' || policy.spec?.action === 'CUSTOM'),
    allow: policies.filter((policy) => (policy.spec?.action ?? 'ALLOW') === 'ALLOW'),
  };
});
