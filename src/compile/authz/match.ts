/** Matchers of authorization rules: Istio's texts in Envoy's RBAC form. */
import type { JsonObject } from '../../base/json.ts';
import { rangeOf } from '../../model/address.ts';
import { typed } from '../any.ts';

/** A condition of Envoy's RBAC on either side; `any`, `and_rules`/`and_ids` and the like are built by the callers. */
export type Condition = JsonObject;

/** Envoy's matcher of a text with a star in front or behind; a lone star asks for anything but nothing. */
export function textMatcher(value: string, wrap: (text: string) => string = (text) => text): JsonObject {
  if (value === '*') return { safe_regex: { regex: '.+' } };
  if (value.startsWith('*')) return { suffix: value.slice(1) };
  if (value.endsWith('*')) return { prefix: wrap(value.slice(0, -1)) };
  return { exact: wrap(value) };
}

/** Matches the peer's SPIFFE identity. */
export function peerIdentity(matcher: JsonObject): Condition {
  return { authenticated: { principal_name: matcher } };
}

/**
 * Identities of a principal as policies write it, without the scheme. One of the mesh's trust domain is meant in all of its
 * aliases, so those that a pattern does not cover are added.
 */
export function principals(value: string, trustDomains: readonly string[]): readonly Condition[] {
  const slash = value.indexOf('/');
  const domain = value.slice(0, Math.max(slash, 0));
  const isOwn = trustDomains.some((own) => coversText(domain, own));
  const others = isOwn ? trustDomains.filter((own) => !coversText(domain, own)) : [];
  return [value, ...others.map((alias) => `${alias}${value.slice(slash)}`)].map(principal);
}

function coversText(pattern: string, text: string): boolean {
  if (pattern.startsWith('*')) return text.endsWith(pattern.slice(1));
  return pattern.endsWith('*') ? text.startsWith(pattern.slice(0, -1)) : text === pattern;
}

function principal(name: string): Condition {
  if (name !== '*' && name.startsWith('*'))
    return peerIdentity({ safe_regex: { regex: `spiffe://.*${escapeRegex(name.slice(1))}` } });
  return peerIdentity(textMatcher(name, (text) => `spiffe://${text}`));
}

/** Any identity of a namespace; stars stand in front or behind as in other texts. */
export function namespaceOf(value: string): Condition {
  return peerIdentity({ safe_regex: { regex: `.*/ns/${withStars(value)}/.*` } });
}

/** Identity of a service account: `namespace/account`, or an account of the policy's own namespace. */
export function serviceAccount(value: string, policyNamespace: string): Condition {
  const [first = '', second] = value.split('/', 2);
  const [namespace, account] = second === undefined ? [policyNamespace, first] : [first, second];
  const regex = `spiffe://.+/ns/${escapeRegex(namespace)}/(.+/|)sa/${escapeRegex(account)}(/.+)?`;
  return peerIdentity({ safe_regex: { regex } });
}

/** Any identity of a trust domain. */
export function trustDomain(value: string): Condition {
  if (!value.includes('*')) return peerIdentity({ prefix: `spiffe://${value}/` });
  return peerIdentity({ safe_regex: { regex: `spiffe://${withStars(value, '[^/]*')}/.*` } });
}

function withStars(value: string, anything = '.*'): string {
  return value.split('*').map(escapeRegex).join(anything);
}

function escapeRegex(text: string): string {
  return text.replaceAll(/[.\\+?()[\]{}|^$]/gu, (character) => `\\${character}`);
}

/** `CidrRange` of an address or a range. */
export function cidr(value: string): JsonObject {
  const { prefix, lengthBits } = rangeOf(value);
  return { address_prefix: prefix, prefix_len: lengthBits };
}

/** Matches a request header by a text with stars. */
export function header(name: string, value: string, ignoreCase = false): Condition {
  const matcher = value === '*' ? undefined : textMatcher(value);
  if (matcher === undefined) return { header: { name, present_match: true } };
  return { header: { name, string_match: ignoreCase ? { ...matcher, ignore_case: true } : matcher } };
}

/** Matches the path without its query: a text with stars, or a template with `{*}` and `{**}`. */
export function path(value: string): Condition {
  if (!value.includes('{')) return { url_path: { path: textMatcher(value) } };
  const template = value.replaceAll('{**}', '**').replaceAll('{*}', '*');
  return {
    uri_template: {
      name: 'uri-template',
      typed_config: typed('envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig', {
        path_template: template,
      }),
    },
  };
}
