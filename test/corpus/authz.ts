/**
 * Suite `authz`: AuthorizationPolicies as Envoy's RBAC rules. What is compared are the rules. Their place differs on
 * purpose: HTTP rules travel with the routes, so that they bite on open connections, and each action has its own filter.
 * Conditions on JWT and on other filters' metadata, which are not there, are left out of both sides.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { canonicalJson, deepEqual, type JsonObject, type JsonValue } from '../../src/base/json.ts';
import { resourceJson } from '../../src/compile/testing/proxy-json.ts';
import { loadMesh } from '../../src/model/load.ts';
import type { ProxyKey } from '../../src/model/view.ts';
import { normalise, type KubeObject, type MeshConfig } from '../../src/schema/index.ts';
import { listAt, objectAt, textAt, textsAt } from '../../src/simulate/members.ts';
import { failed, passed, unsupported, type CorpusCase, type Outcome } from './case.ts';
import { readJson, recordOf, textOf } from './json.ts';
import { documentsOf } from './yaml.ts';

/** The cases of the suite. */
export function authzCases(folder: string): readonly CorpusCase[] {
  return readdirSync(join(folder, 'cases'))
    .filter((file) => file.endsWith('.json'))
    .toSorted()
    .map((file) => {
      const one = readJson(join(folder, 'cases', file)) as JsonObject;
      return { name: textOf(one, 'name'), kind: textOf(one, 'protocol'), run: () => runCase(folder, one) };
    });
}

function runCase(folder: string, one: JsonObject): Outcome {
  if (textOf(one, 'builder') === 'custom') return unsupported('there are no external authorizers');
  if (textsAt(one, 'actions').includes('AUDIT')) return unsupported('requests are not audited');
  const read = (file: string): readonly JsonObject[] =>
    documentsOf(readFileSync(join(folder, file), 'utf8')).map((document) => recordOf(document, file) as JsonObject);
  const policies = read(textOf(one, 'input')).map((policy) => withoutJwt(policy) as unknown as KubeObject);
  const expected = textsAt(one, 'expected').flatMap(read).map(rulesOf);
  const actual = rulesHere(one, policies);
  if (deepEqual(actual, expected)) return passed;
  return failed(`${JSON.stringify(actual)}, not ${JSON.stringify(expected)}`);
}

/** The rules of both filters, in the order in which they are asked. */
function rulesHere(one: JsonObject, policies: readonly KubeObject[]): readonly JsonValue[] {
  const proxy = objectAt(one, 'proxy');
  const namespace = textAt(proxy, 'namespace');
  const metadata = { name: 'app', namespace, labels: objectAt(proxy, 'labels') as Record<string, string> };
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [] } };
  const aliases = textsAt(one, 'trustDomainAliases');
  const domain = textOf(one, 'trustDomain');
  const settings: MeshConfig = {
    ...(domain === '' ? {} : { trustDomain: domain }),
    ...(aliases.length === 0 ? {} : { trustDomainAliases: aliases }),
  };
  const engine = loadMesh([...policies.map(normalise), pod], settings);
  const key: ProxyKey = { type: 'sidecar', pod: `${namespace}/app` };
  if (textOf(one, 'protocol') === 'tcp') {
    const listener = resourceJson(engine, { proxy: key, type: 'listener', name: 'virtualInbound' });
    const chains = listAt(listener, 'filter_chains').map((chain) => listAt(chain, 'filters'));
    const tcp = chains.findLast((filters) => filters.some((filter) => textAt(filter, 'name').endsWith('.tcp_proxy')));
    return (tcp ?? []).filter((filter) => textAt(filter, 'name').includes('.rbac')).map(rulesOf);
  }
  const route = resourceJson(engine, { proxy: key, type: 'route', name: 'InboundPassthroughCluster' });
  const [host] = listAt(route, 'virtual_hosts');
  const perFilter = objectAt(host, 'typed_per_filter_config');
  return ['envoy.filters.http.rbac.deny', 'envoy.filters.http.rbac'].flatMap((name) =>
    perFilter[name] === undefined ? [] : [rulesOf({ typed_config: objectAt(objectAt(perFilter, name), 'rbac') })],
  );
}

function rulesOf(filter: JsonObject): JsonValue {
  const config = objectAt(snakeCase(filter) as JsonObject, 'typed_config');
  const side = (name: string): JsonValue => {
    const rules = objectAt(config, name);
    return {
      action: rules['action'] ?? 'ALLOW',
      policies: Object.fromEntries(
        Object.entries(objectAt(rules, 'policies')).map(([policy, value]) => [policy, policyOf(value as JsonObject)]),
      ),
    };
  };
  const isShadowed = config['shadow_rules'] !== undefined;
  return {
    ...(config['rules'] === undefined ? {} : { rules: side('rules') }),
    ...(isShadowed ? { shadow: side('shadow_rules'), statistics: textAt(config, 'shadow_rules_stat_prefix') } : {}),
  };
}

function policyOf(policy: JsonObject): JsonValue {
  return {
    permissions: sorted(listAt(policy, 'permissions').map((each) => simple(each) ?? { any: true })),
    principals: sorted(listAt(policy, 'principals').map((each) => simple(each) ?? { any: true })),
  };
}

const groups: Readonly<Record<string, string>> = {
  and_rules: 'rules',
  or_rules: 'rules',
  and_ids: 'ids',
  or_ids: 'ids',
};

/** A condition in one shape: groups of one and groups within their like are dissolved, the order does not count. */
function simple(condition: JsonObject): JsonObject | undefined {
  if (condition['metadata'] !== undefined) return undefined;
  for (const name of ['not_rule', 'not_id']) {
    if (condition[name] === undefined) continue;
    if (objectAt(condition, name)['any'] !== undefined) return condition;
    const inner = simple(objectAt(condition, name));
    return inner === undefined ? undefined : { [name]: inner };
  }
  const group = Object.keys(groups).find((name) => condition[name] !== undefined);
  if (group === undefined) return condition;
  const members = listAt(objectAt(condition, group), groups[group] ?? '')
    .map(simple)
    .filter((each) => each !== undefined)
    .flatMap((each) => (each[group] === undefined ? [each] : listAt(each, group)));
  const [only] = members;
  if (members.length <= 1) return only;
  return { [group]: sorted(members) };
}

function sorted(values: readonly JsonObject[]): readonly JsonObject[] {
  return values.toSorted((a, b) => (canonicalJson(a) < canonicalJson(b) ? -1 : 1));
}

function snakeCase(value: JsonValue | undefined): JsonValue {
  if (Array.isArray(value)) return value.map((each: JsonValue) => snakeCase(each));
  if (typeof value !== 'object' || value === null) return value ?? null;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name.replaceAll(/[A-Z]/gu, (letter) => `_${letter.toLowerCase()}`),
      // Names of policies are not names of fields.
      name === 'policies' ? policiesIn(member as JsonObject) : snakeCase(member),
    ]),
  );
}

function policiesIn(policies: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(policies).map(([name, policy]) => [name, snakeCase(policy)]));
}

function withoutJwt(policy: JsonObject): JsonObject {
  const spec = objectAt(policy, 'spec');
  const rules = listAt(spec, 'rules').map((rule) => ({
    ...rule,
    ...(rule['from'] === undefined ? {} : { from: listAt(rule, 'from').map(sourceWithoutJwt) }),
    ...(rule['when'] === undefined ? {} : { when: listAt(rule, 'when').filter(isAnswered) }),
  }));
  return { ...policy, spec: { ...spec, ...(spec['rules'] === undefined ? {} : { rules }) } };
}

function sourceWithoutJwt(from: JsonObject): JsonObject {
  const { requestPrincipals: _wanted, notRequestPrincipals: _unwanted, ...source } = objectAt(from, 'source');
  return { source };
}

function isAnswered(condition: JsonObject): boolean {
  return !/^(?:request\.auth|experimental)\./u.test(textAt(condition, 'key'));
}
