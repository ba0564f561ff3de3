/** What the policies of security must satisfy. */
import { memberPath } from '../kit/path.ts';
import { isCidr } from '../kit/address.ts';
import type { Report } from '../kit/node.ts';
import { isRecord } from '../../base/json.ts';
import { warnEmptySelector } from './names.ts';

type Strings = readonly string[] | undefined;
type Selector = { readonly matchLabels?: Readonly<Record<string, string>> } | undefined;
type Target = { readonly group?: string; readonly kind: string; readonly name: string };

/** What the rules of a policy's scope look at. */
export interface Scope {
  readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> };
  readonly targetRef?: Target;
  readonly targetRefs?: readonly Target[];
}

const targets: ReadonlySet<string> = new Set([
  '/Service',
  'core/Service',
  'networking.istio.io/ServiceEntry',
  'gateway.networking.k8s.io/Gateway',
  'gateway.networking.k8s.io/GatewayClass',
]);

/** Checks what a policy is for. */
export function checkScope({ selector, targetRef, targetRefs = [] }: Scope, report: Report): void {
  warnEmptySelector(selector?.matchLabels, selector !== undefined, { path: 'selector', report });
  const all = [
    ...(targetRef === undefined ? [] : [['targetRef', targetRef] as const]),
    ...targetRefs.map((target, i) => [`targetRefs[${i}]`, target] as const),
  ];
  for (const [at, { group = '', kind }] of all) {
    if (!targets.has(`${group}/${kind}`))
      report.error(
        at,
        `${group === '' ? '' : `${group}/`}${kind} is nothing that policies attach to`,
        'name a Service, a ServiceEntry (networking.istio.io) or a Gateway (gateway.networking.k8s.io)',
      );
  }
}

/** Checks a PeerAuthentication's spec. */
export function checkPeerAuthentication(
  spec: { readonly selector?: Selector; readonly portLevelMtls?: Readonly<Record<string, object>> },
  report: Report,
): void {
  const { selector, portLevelMtls } = spec;
  warnEmptySelector(selector?.matchLabels, selector !== undefined, { path: 'selector', report });
  if (portLevelMtls === undefined) return;
  const ports = Object.keys(portLevelMtls);
  if (ports.length === 0) report.error('portLevelMtls', 'is empty', 'name a port, or take it away');
  else if (Object.keys(selector?.matchLabels ?? {}).length === 0)
    report.error('portLevelMtls', 'needs a selector: ports belong to workloads', 'add selector.matchLabels');
  for (const port of ports) {
    if (!/^[1-9]\d{0,4}$/u.test(port) || Number(port) > 65_535)
      report.error(
        memberPath('portLevelMtls', port),
        `${JSON.stringify(port)} is no port`,
        'write a number from 1 to 65535',
      );
  }
}

type SourceParts = Readonly<Record<string, Strings>>;
type Rule = {
  readonly from?: readonly { readonly source?: SourceParts }[];
  readonly to?: readonly { readonly operation?: Readonly<Record<string, Strings>> }[];
  readonly when?: readonly {
    readonly key: string;
    readonly values?: readonly string[];
    readonly notValues?: readonly string[];
  }[];
};

/** What the rules of an AuthorizationPolicy look at. */
export interface PolicyParts extends Scope {
  readonly action?: string;
  readonly rules?: readonly object[];
  readonly provider?: { readonly name?: string };
}

/** Checks an AuthorizationPolicy's spec. */
export function checkAuthorizationPolicy(spec: PolicyParts, report: Report): void {
  const { action = 'ALLOW', rules, provider } = spec;
  checkScope(spec, report);
  if (rules === undefined && (action === 'DENY' || action === 'CUSTOM'))
    report.error('rules', `is missing: ${action} without rules does nothing`, 'write rules: [{}] for every request');
  if (action === 'CUSTOM' ? (provider?.name ?? '') === '' && rules !== undefined : provider !== undefined) {
    report.error(
      'provider',
      action === 'CUSTOM' ? 'needs a name: who decides' : `is not for action ${action}`,
      action === 'CUSTOM' ? 'set provider.name' : 'take it away, or set action: CUSTOM',
    );
  }
  for (const [i, rule] of ((rules ?? []) as readonly Rule[]).entries()) {
    if (action === 'DENY') warnWholePort(rule, `rules[${i}]`, report);
    if (action === 'CUSTOM') checkCustomRule(rule, `rules[${i}]`, report);
  }
}

/** Checks one rule of a policy. */
export function checkPolicyRule(rule: object, report: Report): void {
  const { from, to, when = [] } = rule as Rule;
  if (from?.length === 0) report.error('from', 'is empty', 'name a source, or take it away');
  if (to?.length === 0) report.error('to', 'is empty', 'name an operation, or take it away');
  for (const [i, { source }] of (from ?? []).entries()) {
    if (source === undefined) report.error(`from[${i}].source`, 'is missing: who calls');
    else checkSource(source, `from[${i}].source`, report);
  }
  for (const [i, { operation }] of (to ?? []).entries()) {
    if (operation === undefined) report.error(`to[${i}].operation`, 'is missing: what is asked for');
    else checkOperation(operation, `to[${i}].operation`, report);
  }
  for (const [i, condition] of when.entries()) checkCondition(condition, `when[${i}]`, report);
}

function isEmpty(parts: Readonly<Record<string, Strings>>): boolean {
  return Object.values(parts).every((list) => (list ?? []).length === 0);
}

function checkSource(source: SourceParts, at: string, report: Report): void {
  if (isEmpty(source)) report.error(at, 'says nothing', 'name principals, namespaces, serviceAccounts or ipBlocks');
  const accounts = [...(source['serviceAccounts'] ?? []), ...(source['notServiceAccounts'] ?? [])];
  for (const other of ['principals', 'notPrincipals', 'namespaces', 'notNamespaces']) {
    if (accounts.length === 0 || source[other] === undefined) continue;
    report.error(
      `${at}.${other}`,
      "excludes serviceAccounts: the account's name has its namespace",
      'keep one of them',
    );
  }
  for (const field of ['serviceAccounts', 'notServiceAccounts']) {
    for (const [i, account] of (source[field] ?? []).entries()) checkAccount(account, `${at}.${field}[${i}]`, report);
  }
}

function checkAccount(account: string, at: string, report: Report): void {
  const parts = account.split('/');
  if (account.includes('*')) {
    report.error(at, `${JSON.stringify(account)} has a wildcard, which accounts do not know`, 'name each account');
  } else if (parts.length > 2 || parts.includes('')) {
    report.error(
      at,
      `${JSON.stringify(account)} is no account`,
      'write namespace/account, or account for the own namespace',
    );
  }
}

function checkOperation(operation: Readonly<Record<string, Strings>>, at: string, report: Report): void {
  if (isEmpty(operation)) report.error(at, 'says nothing', 'name hosts, ports, methods or paths');
  for (const field of ['ports', 'notPorts']) {
    for (const [i, port] of (operation[field] ?? []).entries()) checkPort(port, `${at}.${field}[${i}]`, report);
  }
  for (const field of ['paths', 'notPaths']) {
    for (const [i, path] of (operation[field] ?? []).entries()) checkPathTemplate(path, `${at}.${field}[${i}]`, report);
  }
}

function checkPort(port: string, at: string, report: Report): void {
  if (!/^\d{1,5}$/u.test(port) || Number(port) < 1 || Number(port) > 65_535)
    report.error(at, `${JSON.stringify(port)} is no port`, 'write a number from 1 to 65535, in quotes');
}

/** Path templates: `{*}` is one segment, `{**}` any number and last before literal segments only (https://istio.io/latest/docs/reference/config/security/authorization-policy/#Operation). */
export function checkPathTemplate(path: string, at: string, report: Report): void {
  if (!path.includes('{') && !path.includes('}')) return;
  if (!path.includes('{*}') && !path.includes('{**}')) {
    report.error(
      at,
      `${JSON.stringify(path)} has braces that are no template`,
      'write {*} for one segment, {**} for any number',
    );
    return;
  }
  if (!path.startsWith('/')) report.error(at, `${JSON.stringify(path)} is no path`, 'begin it with "/"');
  const segments = path.replace(/^\//u, '').replace(/\/$/u, '').split('/');
  const rest = segments.filter((segment) => segment !== '{*}' && segment !== '{**}');
  if (rest.some((segment) => /[{}*]/u.test(segment)))
    report.error(
      at,
      `${JSON.stringify(path)} mixes a template with text in one segment`,
      'let {*} and {**} stand alone between "/"',
    );
  const many = segments.indexOf('{**}');
  if (many >= 0 && segments.slice(many + 1).some((segment) => segment === '{*}' || segment === '{**}'))
    report.error(at, `${JSON.stringify(path)} has a template behind {**}`, 'let {**} be the last template');
  if (rest.includes('')) report.error(at, `${JSON.stringify(path)} has an empty segment`);
}

const keys: readonly (readonly [RegExp, 'any' | 'ip' | 'port' | 'none'])[] = [
  [/^request\.headers\[[^[\]]+\]$/u, 'any'],
  [/^request\.auth\.(?:principal|audiences|presenter)$/u, 'any'],
  [/^request\.auth\.claims(?:\[[^[\]]+\])+$/u, 'any'],
  [/^(?:source|remote|destination)\.ip$/u, 'ip'],
  [/^destination\.port$/u, 'port'],
  [/^source\.(?:namespace|principal|serviceAccount|trustDomain)$/u, 'any'],
  [/^connection\.sni$/u, 'any'],
  [/^experimental\.envoy\.filters\.[^[\]]+(?:\[[^[\]]+\])?$/u, 'any'],
];

function checkCondition(
  condition: { readonly key: string; readonly values?: readonly string[]; readonly notValues?: readonly string[] },
  at: string,
  report: Report,
): void {
  const { key, values = [], notValues = [] } = condition;
  if (values.length === 0 && notValues.length === 0) report.error(at, 'has no values and no notValues', 'name a value');
  const kind = keys.find(([pattern]) => pattern.test(key))?.[1];
  if (kind === undefined) {
    const fix =
      key === 'source.user'
        ? 'use source.principal'
        : 'see https://istio.io/latest/docs/reference/config/security/conditions/';
    report.error(`${at}.key`, `${JSON.stringify(key)} is nothing that conditions look at`, fix);
    return;
  }
  for (const [field, list] of [
    ['values', values],
    ['notValues', notValues],
  ] as const) {
    for (const [i, value] of list.entries()) {
      if (kind === 'port') checkPort(value, `${at}.${field}[${i}]`, report);
      else if (kind === 'ip' && !isCidr(value))
        report.error(`${at}.${field}[${i}]`, `${JSON.stringify(value)} is no IP address and no CIDR range`);
      else if (value === '' && !key.startsWith('request.headers'))
        report.error(`${at}.${field}[${i}]`, 'must not be empty');
    }
  }
}

const network: ReadonlySet<string> = new Set([
  'principals',
  'notPrincipals',
  'namespaces',
  'notNamespaces',
  'serviceAccounts',
  'notServiceAccounts',
  'trustDomains',
  'notTrustDomains',
  'ipBlocks',
  'notIpBlocks',
  'remoteIpBlocks',
  'notRemoteIpBlocks',
]);

/** A DENY rule that looks at HTTP only takes whole TCP ports: what it cannot see there counts as a match. */
function warnWholePort({ from = [], to = [] }: Rule, at: string, report: Report): void {
  const fromNetwork = from.some(({ source = {} }) => Object.keys(source).some((name) => network.has(name)));
  const toPort = to.some(
    ({ operation = {} }) => operation['ports'] !== undefined || operation['notPorts'] !== undefined,
  );
  if ((from.length > 0 && to.length === 0 && !fromNetwork) || (to.length > 0 && !toPort)) {
    report.warning(
      at,
      'denies every connection to TCP ports too, because it looks at HTTP only',
      'name the ports that are meant',
    );
  }
}

function checkCustomRule({ from = [], when = [] }: Rule, at: string, report: Report): void {
  for (const [i, { source = {} }] of from.entries()) {
    for (const name of [
      'namespaces',
      'notNamespaces',
      'principals',
      'notPrincipals',
      'requestPrincipals',
      'notRequestPrincipals',
    ]) {
      if ((source[name] ?? []).length > 0) report.error(`${at}.from[${i}].source.${name}`, 'is not for action CUSTOM');
    }
  }
  for (const [i, { key }] of when.entries()) {
    if (key === 'source.namespace' || key === 'source.principal' || key.startsWith('request.auth.'))
      report.error(`${at}.when[${i}].key`, `${key} is not for action CUSTOM`);
  }
}

/** Checks the keys of a JWT rule: JSON with a list of keys (RFC 7517). */
export function checkJwtRule({ jwks }: { readonly jwks?: string }, report: Report): void {
  if (jwks === undefined || jwks === '') return;
  let set: unknown;
  try {
    set = JSON.parse(jwks);
  } catch {
    report.error('jwks', 'is no JSON', 'write {"keys": [...]}');
    return;
  }
  const keys: unknown = isRecord(set) ? (set['keys'] ?? (set['kty'] === undefined ? undefined : [set])) : undefined;
  if (!Array.isArray(keys)) report.error('jwks', 'is no set of keys', 'write {"keys": [...]}');
}
