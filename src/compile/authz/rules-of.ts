import type { Read } from '../../base/engine/index.ts';
import type { JsonObject } from '../../base/json.ts';
import type { WorkloadKey } from '../../model/authentication.ts';
import { policiesOf } from '../../model/authorization.ts';
import { meshSettings } from '../../model/settings.ts';
import type { AuthorizationPolicy } from '../../schema/index.ts';
import { rbacPolicyName } from '../names.ts';
import { rbacPolicy } from './rule.ts';

/** Envoy's rules of both actions; `undefined` where no policy of an action selects the workload. */
export interface WorkloadRules {
  readonly deny: JsonObject | undefined;
  readonly allow: JsonObject | undefined;
}

/** The rules of a workload for one kind of traffic. DENY is asked before ALLOW. */
export function rulesOf(read: Read, key: WorkloadKey, protocol: 'http' | 'tcp'): WorkloadRules {
  const { deny, allow } = read.get(policiesOf, key);
  const { trustDomain, trustDomainAliases } = read.get(meshSettings, '');
  const trustDomains = [trustDomain, ...trustDomainAliases];
  const all = (policies: readonly AuthorizationPolicy[], action: 'ALLOW' | 'DENY'): JsonObject =>
    Object.fromEntries(policies.flatMap((policy) => policyRules(policy, { trustDomains, action, protocol })));
  const denied = all(deny, 'DENY');
  return {
    deny: Object.keys(denied).length === 0 ? undefined : { action: 'DENY', policies: denied },
    // An ALLOW without any rule that can match allows nothing.
    allow: allow.length === 0 ? undefined : { action: 'ALLOW', policies: all(allow, 'ALLOW') },
  };
}

function policyRules(
  policy: AuthorizationPolicy,
  scope: {
    readonly trustDomains: readonly string[];
    readonly action: 'ALLOW' | 'DENY';
    readonly protocol: 'http' | 'tcp';
  },
): readonly [string, JsonObject][] {
  const { namespace = '', name } = policy.metadata;
  return (policy.spec?.rules ?? []).flatMap((rule, i): [string, JsonObject][] => {
    const found = rbacPolicy(rule, { ...scope, policyNamespace: namespace });
    return found === undefined ? [] : [[rbacPolicyName(namespace, name, i), found]];
  });
}
