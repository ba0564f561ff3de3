/** Host names as Istio resolves and matches them. */
import { byText } from '../base/order.ts';

/**
 * The full name of a host as written in an object of `namespace`: a short name gets the namespace and the cluster's
 * domain, everything with a dot or a wildcard stands as it is (Istio: short names never cross namespaces).
 */
export function resolveHost(host: string, namespace: string, clusterDomain: string): string {
  if (host.includes('.') || host.includes('*') || host === '') return host;
  return `${host}.${namespace}.svc.${clusterDomain}`;
}

/** True for `*` and `*.suffix`. */
export function isWildcard(host: string): boolean {
  return host.startsWith('*');
}

/** True if `pattern` (a name, `*.suffix` or `*`) covers every name that `host` covers. */
export function covers(pattern: string, host: string): boolean {
  if (pattern === host || pattern === '*') return true;
  if (!isWildcard(pattern)) return false;
  const suffix = pattern.slice(1);
  return isWildcard(host) ? host.slice(1).endsWith(suffix) : host.endsWith(suffix);
}

/** True if some name is covered by both. */
export function overlaps(a: string, b: string): boolean {
  return covers(a, b) || covers(b, a);
}

/** What both cover, or `undefined` where nothing is covered by both. */
export function intersection(a: string, b: string): string | undefined {
  if (covers(a, b)) return b;
  return covers(b, a) ? a : undefined;
}

/**
 * All patterns that could cover `host`, most specific first: the name itself, then `*.suffix` from the longest to the
 * shortest, then `*`. Index cells are looked up by them.
 */
export function patternsFor(host: string): readonly string[] {
  const patterns = [host];
  let rest = isWildcard(host) ? host.slice(1) : host;
  for (let dot = rest.indexOf('.', 1); dot !== -1; dot = rest.indexOf('.', 1)) {
    rest = rest.slice(dot);
    patterns.push(`*${rest}`);
  }
  if (host !== '*') patterns.push('*');
  return patterns;
}

/** Sorts hosts from the most specific to the least: names before wildcards, longer wildcards before shorter ones. */
export function bySpecificity(a: string, b: string): number {
  const wild = Number(isWildcard(a)) - Number(isWildcard(b));
  if (wild !== 0) return wild;
  if (a.length !== b.length) return b.length - a.length;
  return byText(a, b);
}
