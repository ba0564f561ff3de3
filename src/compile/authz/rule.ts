/** One rule of an AuthorizationPolicy as one policy of Envoy's RBAC. */
import type { JsonObject } from '../../base/json.ts';
import type { AuthorizationRule, Condition as When, Operation, Source } from '../../schema/index.ts';
import {
  cidr,
  header,
  namespaceOf,
  path,
  principals,
  serviceAccount,
  textMatcher,
  trustDomain,
  type Condition,
} from './match.ts';

/** For whom and for which kind of traffic a rule is translated. */
export interface RuleScope {
  readonly policyNamespace: string;
  /** The mesh's trust domain and its aliases. */
  readonly trustDomains: readonly string[];
  /** What becomes of conditions that this kind of traffic cannot answer. */
  readonly action: 'ALLOW' | 'DENY';
  readonly protocol: 'http' | 'tcp';
}

/**
 * Envoy's policy of a rule; `undefined` where it can never match. A condition that cannot be answered fails closed: it
 * keeps a rule that allows from ever matching, and it does not narrow a rule that denies.
 */
export function rbacPolicy(rule: AuthorizationRule, scope: RuleScope): JsonObject | undefined {
  const when = (rule.when ?? []).map((condition) => whenCondition(condition, scope));
  const permissionsWhen = when.flatMap((condition) => (condition.kind === 'permission' ? [condition.condition] : []));
  const principalsWhen = when.flatMap((condition) => (condition.kind === 'principal' ? [condition.condition] : []));
  const unanswered = when.some((condition) => condition.kind === 'unanswered');
  if (unanswered && scope.action === 'ALLOW') return undefined;
  const permissions = alternatives(
    rule.to?.map((to) => permission(to.operation ?? {}, scope)),
    permissionsWhen,
    'and_rules',
  );
  const identities = alternatives(
    rule.from?.map((from) => principal(from.source ?? {}, scope)),
    principalsWhen,
    'and_ids',
  );
  if (permissions.length === 0 || identities.length === 0) return undefined;
  return { permissions, principals: identities };
}

/** All of the parts of one alternative; `undefined` where it can never match. */
type Alternative = readonly Condition[] | undefined;

function alternatives(
  written: readonly Alternative[] | undefined,
  always: readonly Condition[],
  all: 'and_rules' | 'and_ids',
): readonly JsonObject[] {
  const found = written === undefined || written.length === 0 ? [[]] : written.filter((parts) => parts !== undefined);
  return found.map((parts) => conjunction([...parts, ...always], all));
}

function conjunction(parts: readonly Condition[], all: 'and_rules' | 'and_ids'): JsonObject {
  if (parts.length === 0) return { any: true };
  const only = parts.length === 1 ? parts[0] : undefined;
  return only ?? { [all]: all === 'and_rules' ? { rules: parts } : { ids: parts } };
}

function anyOf(parts: readonly Condition[], side: 'rules' | 'ids'): Condition {
  const only = parts.length === 1 ? parts[0] : undefined;
  return only ?? (side === 'rules' ? { or_rules: { rules: parts } } : { or_ids: { ids: parts } });
}

/** One attribute with what it must and must not be. */
interface Attribute {
  readonly wanted: readonly string[] | undefined;
  readonly unwanted: readonly string[] | undefined;
  /** `undefined` where this kind of traffic has no such attribute. */
  readonly match: ((value: string) => readonly Condition[]) | undefined;
}

function allAttributes(attributes: readonly Attribute[], side: 'rules' | 'ids', scope: RuleScope): Alternative {
  const parts: Condition[] = [];
  for (const { wanted = [], unwanted = [], match } of attributes) {
    if (wanted.length === 0 && unwanted.length === 0) continue;
    if (match === undefined) {
      if (scope.action === 'ALLOW') return undefined;
      continue;
    }
    if (wanted.length > 0) parts.push(anyOf(wanted.flatMap(match), side));
    if (unwanted.length > 0)
      parts.push({ [side === 'rules' ? 'not_rule' : 'not_id']: anyOf(unwanted.flatMap(match), side) });
  }
  return parts;
}

function permission(operation: Operation, scope: RuleScope): Alternative {
  const ofHttp = <T>(match: T): T | undefined => (scope.protocol === 'http' ? match : undefined);
  return allAttributes(
    [
      {
        wanted: operation.hosts,
        unwanted: operation.notHosts,
        match: ofHttp((value: string) => [header(':authority', value, true)]),
      },
      {
        wanted: operation.methods,
        unwanted: operation.notMethods,
        match: ofHttp((value: string) => [header(':method', value)]),
      },
      { wanted: operation.paths, unwanted: operation.notPaths, match: ofHttp((value: string) => [path(value)]) },
      {
        wanted: operation.ports,
        unwanted: operation.notPorts,
        match: (value) => [{ destination_port: Number(value) }],
      },
    ],
    'rules',
    scope,
  );
}

function principal(source: Source, scope: RuleScope): Alternative {
  return allAttributes(
    [
      {
        wanted: source.principals,
        unwanted: source.notPrincipals,
        match: (value) => principals(value, scope.trustDomains),
      },
      { wanted: source.namespaces, unwanted: source.notNamespaces, match: (value) => [namespaceOf(value)] },
      {
        wanted: source.serviceAccounts,
        unwanted: source.notServiceAccounts,
        match: (value) => [serviceAccount(value, scope.policyNamespace)],
      },
      { wanted: source.trustDomains, unwanted: source.notTrustDomains, match: (value) => [trustDomain(value)] },
      { wanted: source.ipBlocks, unwanted: source.notIpBlocks, match: (value) => [{ direct_remote_ip: cidr(value) }] },
      {
        wanted: source.remoteIpBlocks,
        unwanted: source.notRemoteIpBlocks,
        match: (value) => [{ remote_ip: cidr(value) }],
      },
      // Nobody has checked a JWT here, so nobody can be known by one.
      { wanted: source.requestPrincipals, unwanted: source.notRequestPrincipals, match: undefined },
    ],
    'ids',
    scope,
  );
}

type Answer =
  | { readonly kind: 'permission' | 'principal'; readonly condition: Condition }
  | { readonly kind: 'unanswered' };

function whenCondition(when: When, scope: RuleScope): Answer {
  const attribute = whenAttribute(when.key, scope);
  if (attribute === undefined) return { kind: 'unanswered' };
  const side = attribute.kind === 'permission' ? 'rules' : 'ids';
  const parts =
    allAttributes([{ wanted: when.values, unwanted: when.notValues, match: attribute.match }], side, scope) ?? [];
  return { kind: attribute.kind, condition: conjunction(parts, side === 'rules' ? 'and_rules' : 'and_ids') };
}

interface WhenAttribute {
  readonly kind: 'permission' | 'principal';
  readonly match: (value: string) => readonly Condition[];
}

function whenAttribute(key: string, scope: RuleScope): WhenAttribute | undefined {
  const headerName = /^request\.headers\[(?<name>[^\]]+)\]$/u.exec(key)?.groups?.['name'];
  if (headerName !== undefined) {
    return scope.protocol === 'http' ? { kind: 'principal', match: (value) => [header(headerName, value)] } : undefined;
  }
  const byKey: Readonly<Record<string, WhenAttribute>> = {
    'source.ip': { kind: 'principal', match: (value) => [{ direct_remote_ip: cidr(value) }] },
    'remote.ip': { kind: 'principal', match: (value) => [{ remote_ip: cidr(value) }] },
    'source.namespace': { kind: 'principal', match: (value) => [namespaceOf(value)] },
    'source.serviceAccount': { kind: 'principal', match: (value) => [serviceAccount(value, scope.policyNamespace)] },
    'source.trustDomain': { kind: 'principal', match: (value) => [trustDomain(value)] },
    'source.principal': { kind: 'principal', match: (value) => principals(value, scope.trustDomains) },
    'destination.ip': { kind: 'permission', match: (value) => [{ destination_ip: cidr(value) }] },
    'destination.port': { kind: 'permission', match: (value) => [{ destination_port: Number(value) }] },
    'connection.sni': { kind: 'permission', match: (value) => [{ requested_server_name: textMatcher(value) }] },
  };
  return Object.hasOwn(byKey, key) ? byKey[key] : undefined;
}
