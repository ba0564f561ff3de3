/** HTTP match conditions of a VirtualService. */
import type { JsonObject } from '../../base/json.ts';
import type { HttpMatch } from '../../schema/index.ts';
import { compact } from '../any.ts';

/** Istio's text condition: exact, prefix or an RE2 expression; empty means present. */
export interface StringMatch {
  readonly exact?: string;
  readonly prefix?: string;
  readonly regex?: string;
}

/** `RouteMatch` of a condition; without one, everything matches. */
export function routeMatch(match: HttpMatch | undefined): JsonObject {
  return compact({
    ...pathMatch(match?.uri),
    case_sensitive: match?.ignoreUriCase === true ? false : undefined,
    headers: [...headerMatches(match), ...pseudoHeaders(match)],
    query_parameters: Object.entries(match?.queryParams ?? {}).map(([name, value]) => queryMatch(name, value)),
  });
}

function pathMatch(uri: StringMatch | undefined): JsonObject {
  if (uri?.exact !== undefined) return { path: uri.exact };
  if (uri?.regex !== undefined) return { safe_regex: { regex: uri.regex } };
  return { prefix: uri?.prefix ?? '/' };
}

function headerMatches(match: HttpMatch | undefined): readonly JsonObject[] {
  return [
    ...Object.entries(match?.headers ?? {}).map(([name, value]) => headerMatch(name, value)),
    ...Object.entries(match?.withoutHeaders ?? {}).map(([name, value]) => withoutHeader(name, value)),
  ];
}

function withoutHeader(name: string, value: StringMatch): JsonObject {
  const condition = headerMatch(name, value);
  // A request without the header is one that does not carry the value.
  const byValue = condition['string_match'] !== undefined;
  return { ...condition, invert_match: true, ...(byValue ? { treat_missing_header_as_empty: true } : {}) };
}

/** `HeaderMatcher` of one header. */
export function headerMatch(name: string, value: StringMatch): JsonObject {
  const text = stringMatcher(value);
  return text === undefined ? { name, present_match: true } : { name, string_match: text };
}

/** Envoy's `StringMatcher`; `undefined` where the condition only asks that something is there. */
export function stringMatcher(value: StringMatch): JsonObject | undefined {
  if (value.exact !== undefined) return { exact: value.exact };
  if (value.prefix !== undefined) return value.prefix === '' ? undefined : { prefix: value.prefix };
  // Istio reads a lone star as "present".
  return value.regex === undefined || value.regex === '*' ? undefined : { safe_regex: { regex: value.regex } };
}

function pseudoHeaders(match: HttpMatch | undefined): readonly JsonObject[] {
  const pairs: readonly (readonly [string, StringMatch | undefined])[] = [
    [':method', match?.method],
    [':authority', match?.authority],
    [':scheme', match?.scheme],
  ];
  return pairs.flatMap(([name, value]) => (value === undefined ? [] : [headerMatch(name, value)]));
}

function queryMatch(name: string, value: StringMatch): JsonObject {
  const text = stringMatcher(value);
  return text === undefined ? { name, present_match: true } : { name, string_match: text };
}

/** True if nothing behind this condition can ever be reached. */
export function catchesAll(match: HttpMatch | undefined): boolean {
  const json = routeMatch(match);
  const everyPath = json['prefix'] === '/' || matchesEveryPath(match?.uri?.regex);
  return everyPath && json['headers'] === undefined && json['query_parameters'] === undefined;
}

function matchesEveryPath(regex: string | undefined): boolean {
  return regex === '*' || regex === '.*';
}
