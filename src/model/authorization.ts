import { defineQuery } from '../base/engine/index.ts';
import type { AuthorizationPolicy } from '../schema/index.ts';
import type { WorkloadKey } from './authentication.ts';
import { authorizationPoliciesByNamespace } from './inputs.ts';
import { meshSettings } from './settings.ts';
import { selects } from './visibility.ts';

/** Policies of a workload, by action. */
export interface PoliciesByAction {
  readonly deny: readonly AuthorizationPolicy[];
  readonly allow: readonly AuthorizationPolicy[];
}

/** Policies that a workload obeys, and those whose decisions are only counted. */
export interface WorkloadPolicies extends PoliciesByAction {
  readonly dryRun: PoliciesByAction;
}

/** The policies of a workload: the root namespace's and its own, those whose selector is empty or matches. */
export const policiesOf = defineQuery<WorkloadKey, WorkloadPolicies>('authorization policies', (read, key) => {
  const { rootNamespace } = read.get(meshSettings, '');
  const policies = [...new Set([rootNamespace, key.namespace])]
    .flatMap((namespace) => read.cell(authorizationPoliciesByNamespace, namespace))
    .filter((policy) => selects(policy.spec?.selector?.matchLabels, key.labels));
  const { deny, allow } = byAction(policies.filter((policy) => !isDryRun(policy)));
  // Nobody can be asked about a CUSTOM policy, so what it is about stays closed.
  const custom = policies.filter((policy) => policy.spec?.action === 'CUSTOM' && !isDryRun(policy));
  return { deny: [...deny, ...custom], allow, dryRun: byAction(policies.filter(isDryRun)) };
});

function byAction(policies: readonly AuthorizationPolicy[]): PoliciesByAction {
  const of = (action: 'ALLOW' | 'DENY'): readonly AuthorizationPolicy[] =>
    policies.filter((policy) => (policy.spec?.action ?? 'ALLOW') === action);
  return { deny: of('DENY'), allow: of('ALLOW') };
}

// Go's reading of a boolean.
const trueTexts: ReadonlySet<string> = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);

function isDryRun(policy: AuthorizationPolicy): boolean {
  return trueTexts.has(policy.metadata.annotations?.['istio.io/dry-run'] ?? '');
}
