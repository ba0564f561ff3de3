import type { Read } from '../../base/engine/index.ts';
import type { JsonObject } from '../../base/json.ts';
import type { WorkloadKey } from '../../model/authentication.ts';
import { policiesOf, type PoliciesByAction } from '../../model/authorization.ts';
import { meshSettings } from '../../model/settings.ts';
import type { AuthorizationPolicy } from '../../schema/index.ts';
import { compact } from '../any.ts';
import { rbacPolicyName } from '../names.ts';
import { rbacPolicy } from './rule.ts';

/** Fields of Envoy's RBAC for both actions; `undefined` where no policy of an action selects the workload. */
export interface WorkloadRules {
  readonly deny: JsonObject | undefined;
  readonly allow: JsonObject | undefined;
}

type Action = 'ALLOW' | 'DENY';

interface Scope {
  readonly trustDomains: readonly string[];
  readonly protocol: 'http' | 'tcp';
}

/** The rules of a workload for one kind of traffic, with those of policies on trial as shadows. DENY is asked before ALLOW. */
export function rulesOf(read: Read, key: WorkloadKey, protocol: 'http' | 'tcp'): WorkloadRules {
  const policies = read.get(policiesOf, key);
  const { trustDomain, trustDomainAliases } = read.get(meshSettings, '');
  const scope: Scope = { trustDomains: [trustDomain, ...trustDomainAliases], protocol };
  const enforced = bothActions(policies, scope);
  const onTrial = bothActions(policies.dryRun, scope);
  return {
    deny: rbacFields(enforced.deny, onTrial.deny, 'istio_dry_run_deny_'),
    allow: rbacFields(enforced.allow, onTrial.allow, 'istio_dry_run_allow_'),
  };
}

function bothActions({ deny, allow }: PoliciesByAction, scope: Scope): WorkloadRules {
  const denied = policyRules(deny, 'DENY', scope);
  return {
    deny: Object.keys(denied).length === 0 ? undefined : { action: 'DENY', policies: denied },
    // An ALLOW without any rule that can match allows nothing.
    allow: allow.length === 0 ? undefined : { action: 'ALLOW', policies: policyRules(allow, 'ALLOW', scope) },
  };
}

function rbacFields(
  rules: JsonObject | undefined,
  shadow: JsonObject | undefined,
  statPrefix: string,
): JsonObject | undefined {
  if (rules === undefined && shadow === undefined) return undefined;
  const statistics = shadow === undefined ? undefined : statPrefix;
  return compact({ rules, shadow_rules: shadow, shadow_rules_stat_prefix: statistics });
}

const neverMatches: JsonObject = {
  permissions: [{ not_rule: { any: true } }],
  principals: [{ not_id: { any: true } }],
};

function policyRules(policies: readonly AuthorizationPolicy[], action: Action, scope: Scope): JsonObject {
  return Object.fromEntries(
    policies.flatMap((policy): readonly (readonly [string, JsonObject])[] => {
      const { namespace = '', name } = policy.metadata;
      const rules = policy.spec?.rules ?? [];
      // It is named all the same, so that whoever is refused can be told by which policy.
      if (rules.length === 0 && action === 'ALLOW') return [[rbacPolicyName(namespace, name, 0), neverMatches]];
      return rules.flatMap((rule, i): [string, JsonObject][] => {
        const found = rbacPolicy(rule, { ...scope, action, policyNamespace: namespace });
        return found === undefined ? [] : [[rbacPolicyName(namespace, name, i), found]];
      });
    }),
  );
}
