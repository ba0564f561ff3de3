/** Which virtual host and which route of a route configuration take a request. */
import { RE2JS } from 're2js';
import type { JsonObject } from '../base/json.ts';
import { listAt, objectAt, textAt, textsAt } from './members.ts';
import type { SimulatedRequest } from './request.ts';

/** The virtual host of a request, by exact name, `*.suffix`, `prefix.*` and `*`. */
export function chooseVirtualHost(routeConfig: JsonObject, host: string): JsonObject | undefined {
  const hosts = listAt(routeConfig, 'virtual_hosts');
  const lower = host.toLowerCase();
  const name = routeConfig['ignore_port_in_host_matching'] === true ? withoutPort(lower) : lower;
  const byDomain = (domain: string): JsonObject | undefined =>
    hosts.find((each) => textsAt(each, 'domains').some((candidate) => candidate.toLowerCase() === domain));
  const exact = byDomain(name);
  if (exact !== undefined) return exact;
  return (
    longest(hosts, (domain) => domain.startsWith('*') && domain.length > 1 && endsIn(name, domain.slice(1))) ??
    longest(hosts, (domain) => domain.endsWith('*') && domain.length > 1 && beginsWith(name, domain.slice(0, -1))) ??
    byDomain('*')
  );
}

function endsIn(name: string, suffix: string): boolean {
  return name.length > suffix.length && name.endsWith(suffix);
}

function beginsWith(name: string, prefix: string): boolean {
  return name.length > prefix.length && name.startsWith(prefix);
}

function withoutPort(host: string): string {
  const colon = host.lastIndexOf(':');
  return colon > host.lastIndexOf(']') && /^\d+$/u.test(host.slice(colon + 1)) ? host.slice(0, colon) : host;
}

function longest(hosts: readonly JsonObject[], matches: (domain: string) => boolean): JsonObject | undefined {
  const pairs = hosts.flatMap((host) =>
    textsAt(host, 'domains').map((domain) => ({ host, domain: domain.toLowerCase() })),
  );
  return pairs.filter(({ domain }) => matches(domain)).toSorted((a, b) => b.domain.length - a.domain.length)[0]?.host;
}

/** The first route of a virtual host whose conditions hold. */
export function chooseRoute(virtualHost: JsonObject, request: SimulatedRequest): JsonObject | undefined {
  return listAt(virtualHost, 'routes').find((route) => routeMatches(objectAt(route, 'match'), request));
}

function routeMatches(match: JsonObject, request: SimulatedRequest): boolean {
  const [path = '', query = ''] = request.path.split('?', 2);
  return (
    pathMatches(match, path) &&
    listAt(match, 'headers').every((condition) => headerMatches(condition, request)) &&
    listAt(match, 'query_parameters').every((condition) => queryMatches(condition, query))
  );
}

function pathMatches(match: JsonObject, path: string): boolean {
  const fold = (text: string): string => (match['case_sensitive'] === false ? text.toLowerCase() : text);
  if (match['path'] !== undefined) return fold(path) === fold(textAt(match, 'path'));
  if (match['safe_regex'] !== undefined) return regexMatches(objectAt(match, 'safe_regex'), path);
  if (match['path_separated_prefix'] !== undefined) {
    const prefix = fold(textAt(match, 'path_separated_prefix'));
    return fold(path) === prefix || fold(path).startsWith(`${prefix}/`);
  }
  return match['prefix'] !== undefined && fold(path).startsWith(fold(textAt(match, 'prefix')));
}

function headerMatches(condition: JsonObject, request: SimulatedRequest): boolean {
  const value = headerOf(request, textAt(condition, 'name').toLowerCase());
  const inverted = condition['invert_match'] === true;
  if (condition['present_match'] !== undefined) {
    return ((value !== undefined) === (condition['present_match'] === true)) !== inverted;
  }
  const known = value ?? (condition['treat_missing_header_as_empty'] === true ? '' : undefined);
  return known !== undefined && textMatches(objectAt(condition, 'string_match'), known) !== inverted;
}

function headerOf(request: SimulatedRequest, name: string): string | undefined {
  switch (name) {
    case ':authority':
      return request.host;
    case ':method':
      return request.method;
    case ':path':
      return request.path;
    case ':scheme':
      return request.tls === 'plaintext' ? 'http' : 'https';
    default:
      return request.headers[name];
  }
}

function queryMatches(condition: JsonObject, query: string): boolean {
  const value = new URLSearchParams(query).get(textAt(condition, 'name'));
  if (condition['present_match'] === true) return value !== null;
  return value !== null && textMatches(objectAt(condition, 'string_match'), value);
}

function textMatches(match: JsonObject, text: string): boolean {
  const fold = (part: string): string => (match['ignore_case'] === true ? part.toLowerCase() : part);
  if (match['exact'] !== undefined) return fold(text) === fold(textAt(match, 'exact'));
  if (match['prefix'] !== undefined) return fold(text).startsWith(fold(textAt(match, 'prefix')));
  if (match['suffix'] !== undefined) return fold(text).endsWith(fold(textAt(match, 'suffix')));
  if (match['contains'] !== undefined) return fold(text).includes(fold(textAt(match, 'contains')));
  return match['safe_regex'] !== undefined && regexMatches(objectAt(match, 'safe_regex'), text);
}

// A user's pattern is never run by JavaScript's own engine: RE2 takes time in proportion to the text.
function regexMatches(match: JsonObject, text: string): boolean {
  return RE2JS.compile(textAt(match, 'regex')).matcher(text).matches();
}
