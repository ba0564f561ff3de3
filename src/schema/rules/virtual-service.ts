/** What a VirtualService must satisfy as a whole. */
import { memberPath } from '../kit/path.ts';
import { canonicalJson } from '../../base/json.ts';
import { hostComplaint } from '../kit/formats.ts';
import { isIp } from '../kit/address.ts';
import type { Report } from '../kit/node.ts';
import { isAuthority, type Operations } from './http.ts';
import { checkGatewayNames, complain, isPartOf } from './names.ts';

type Weighted = readonly { readonly weight?: number; readonly destination: { readonly host: string } }[];

/** Checks the destinations of a route: their weights and hosts. */
export function checkDestinations(route: Weighted, path: string, report: Report): void {
  if (route.length > 1 && route.every(({ weight = 0 }) => weight === 0))
    report.error(
      path,
      'has destinations whose weights are all 0, so nobody gets the traffic',
      'give each destination a weight',
    );
  for (const [i, { destination }] of route.entries()) {
    if (destination.host === '*')
      report.error(`${path}[${i}].destination.host`, '"*" is no service', 'name the service');
  }
}

/** What the rules of a route look at. */
export interface RouteParts {
  readonly route?: Weighted;
  readonly redirect?: object;
  readonly directResponse?: object;
  readonly delegate?: object;
  readonly fault?: object;
  readonly rewrite?: { readonly authority?: string };
  readonly headers?: { readonly request?: Operations };
  readonly mirror?: { readonly host: string };
  readonly mirrors?: readonly { readonly destination: { readonly host: string } }[];
  readonly mirrorPercent?: number;
  readonly mirror_percent?: number;
}

/** Checks that a route does one thing: route, redirect, directResponse or delegate. */
export function checkHttpRoute(route: RouteParts, report: Report): void {
  const { redirect, directResponse, fault, rewrite } = route;
  const destinations = route.route ?? [];
  const set = (['route', 'redirect', 'directResponse', 'delegate'] as const).filter((name) =>
    name === 'route' ? destinations.length > 0 : route[name] !== undefined,
  );
  if (set.length === 0) report.error('', 'has no route, redirect or directResponse', 'say who answers');
  if (set.length > 1) report.error('', `${set.join(' and ')} exclude each other`, `keep one of ${set.join(', ')}`);
  if (fault !== undefined && redirect !== undefined) report.error('fault', 'excludes redirect', 'keep one of them');
  const answer = redirect === undefined ? (directResponse === undefined ? undefined : 'directResponse') : 'redirect';
  if (rewrite !== undefined && answer !== undefined) report.error('rewrite', `excludes ${answer}`, 'keep one of them');
  checkDestinations(destinations, 'route', report);
  checkMirrors(route, report);
  const changes = { ...route.headers?.request?.set, ...route.headers?.request?.add };
  if ((rewrite?.authority ?? '') !== '' && Object.keys(changes).some(isAuthority)) {
    report.error('rewrite.authority', 'is set in headers too', 'keep one of them');
  }
}

function checkMirrors(route: RouteParts, report: Report): void {
  if (route.mirror?.host === '*') report.error('mirror.host', '"*" is no service', 'name the service');
  for (const [i, { destination }] of (route.mirrors ?? []).entries()) {
    if (destination.host === '*')
      report.error(`mirrors[${i}].destination.host`, '"*" is no service', 'name the service');
  }
  for (const name of ['mirrorPercent', 'mirror_percent'] as const) {
    if (route[name] !== undefined) report.warning(name, 'is the old form', 'use mirrorPercentage');
  }
}

type Match = { readonly gateways?: readonly string[] };
type HttpMatch = Match & { readonly headers?: object; readonly withoutHeaders?: object; readonly name?: string };
type TlsMatch = Match & { readonly sniHosts: readonly string[] };

/** What the rules of a VirtualService look at. */
export interface SpecParts {
  readonly hosts?: readonly string[];
  readonly gateways?: readonly string[];
  readonly http?: readonly { readonly match?: readonly HttpMatch[] }[];
  readonly tls?: readonly { readonly match: readonly TlsMatch[]; readonly route: Weighted }[];
  readonly tcp?: readonly { readonly match?: readonly Match[]; readonly route: Weighted }[];
}

/** Checks a VirtualService's spec as a whole. */
export function checkVirtualService(spec: SpecParts, report: Report): void {
  const { hosts = [], gateways = [], http = [], tls = [], tcp = [] } = spec;
  const forMesh = gateways.length === 0 || gateways.includes('mesh');
  const passesSni = tls.some(({ match }) => match.some(({ sniHosts }) => sniHosts.length > 0));
  if (http.length === 0 && tls.length === 0 && tcp.length === 0)
    report.error('', 'has no http, tls or tcp routes', 'add a route');
  if (hosts.length === 0) checkDelegated(spec, report);
  checkHosts(hosts, { forMesh, passesSni }, report);
  checkGatewayNames(gateways, 'gateways', report);
  checkRoutes(spec, forMesh, report);
  warnUnreachable(http, 'http', report);
  warnUnreachable(tls, 'tls', report);
  warnUnreachable(tcp, 'tcp', report);
}

function checkRoutes({ hosts = [], http = [], tls = [], tcp = [] }: SpecParts, forMesh: boolean, report: Report): void {
  for (const [i, { match = [] }] of http.entries()) {
    for (const [j, one] of match.entries()) {
      checkGatewayNames(one.gateways ?? [], `http[${i}].match[${j}].gateways`, report);
      if (forMesh) checkNoClaims(one, `http[${i}].match[${j}]`, report);
    }
  }
  for (const [i, { match, route }] of tls.entries()) {
    for (const [j, one] of match.entries()) {
      checkTlsMatch(one, { hosts, forMesh, at: `tls[${i}].match[${j}]` }, report);
    }
    checkDestinations(route, `tls[${i}].route`, report);
  }
  for (const [i, { match = [], route }] of tcp.entries()) {
    for (const [j, one] of match.entries()) {
      checkGatewayNames(one.gateways ?? [], `tcp[${i}].match[${j}].gateways`, report);
    }
    checkDestinations(route, `tcp[${i}].route`, report);
  }
}

function checkDelegated({ gateways = [], tls = [], tcp = [] }: SpecParts, report: Report): void {
  report.warning(
    'hosts',
    'is empty: only another VirtualService that delegates to this one could use it, and delegates have no effect yet',
    'name the hosts',
  );
  for (const [name, list] of [
    ['gateways', gateways],
    ['tls', tls],
    ['tcp', tcp],
  ] as const) {
    if (list.length > 0) report.error(name, 'is not for a VirtualService without hosts', 'name the hosts');
  }
}

function checkHosts(
  hosts: readonly string[],
  bound: { readonly forMesh: boolean; readonly passesSni: boolean },
  report: Report,
): void {
  let sound = true;
  for (const [i, host] of hosts.entries()) {
    const complaint =
      isIp(host) || (!bound.forMesh && bound.passesSni && isEastWestName(host)) ? undefined : hostComplaint(host, true);
    complain(report, `hosts[${i}]`, host, complaint);
    if (complaint === undefined && host === '*' && bound.forMesh)
      report.error(
        `hosts[${i}]`,
        '"*" is only for gateways: in the mesh it would take every service',
        'name the hosts, or name gateways without "mesh"',
      );
    sound &&= complaint === undefined;
  }
  if (!sound) return;
  for (const [i, host] of hosts.entries()) {
    const same = hosts.findIndex((other, j) => j < i && (isPartOf(host, other) || isPartOf(other, host)));
    if (same >= 0)
      report.error(
        `hosts[${i}]`,
        `${JSON.stringify(host)} is covered by ${JSON.stringify(hosts[same])}`,
        'keep one of them',
      );
  }
}

/** Names that an east-west gateway routes by: `outbound_.80_.v1_.reviews.default.svc.cluster.local`, or with a wildcard. */
function isEastWestName(host: string): boolean {
  return /^outbound_\.\d+_\.[-A-Za-z0-9_]*_?\.[-.A-Za-z0-9*_]+$/u.test(host);
}

function checkTlsMatch(
  match: TlsMatch,
  context: { readonly hosts: readonly string[]; readonly forMesh: boolean; readonly at: string },
  report: Report,
): void {
  checkGatewayNames(match.gateways ?? [], `${context.at}.gateways`, report);
  for (const [i, name] of match.sniHosts.entries()) {
    const at = `${context.at}.sniHosts[${i}]`;
    if (isIp(name)) {
      report.warning(at, `${JSON.stringify(name)} is an address, which TLS clients do not send as a server name`);
      continue;
    }
    const complaint = !context.forMesh && isEastWestName(name) ? undefined : hostComplaint(name, true);
    complain(report, at, name, complaint);
    if (complaint === undefined && !context.hosts.some((host) => isPartOf(name, host)))
      report.error(at, `${JSON.stringify(name)} is none of the hosts of this rule`, 'add it to hosts');
  }
}

function checkNoClaims(match: HttpMatch, at: string, report: Report): void {
  for (const field of ['headers', 'withoutHeaders'] as const) {
    for (const name of Object.keys(match[field] ?? {})) {
      if (name.startsWith('@request.auth.claims'))
        report.error(
          memberPath(`${at}.${field}`, name),
          'claims of a token route at gateways only',
          'name gateways without "mesh"',
        );
    }
  }
}

function warnUnreachable(
  routes: readonly { readonly match?: readonly object[] }[],
  field: string,
  report: Report,
): void {
  const seen = new Map<string, number>();
  let open: number | undefined;
  for (const [i, { match = [] }] of routes.entries()) {
    if (open !== undefined) {
      report.warning(
        `${field}[${i}]`,
        `is never reached: ${field}[${open}] takes everything`,
        'put the route without match last',
      );
      return;
    }
    if (match.length === 0) open = i;
    for (const [j, one] of match.entries()) {
      const key = canonicalJson({ ...one, name: undefined });
      const earlier = seen.get(key);
      if (earlier !== undefined && earlier !== i)
        report.warning(`${field}[${i}].match[${j}]`, `is never reached: ${field}[${earlier}] has the same match`);
      else seen.set(key, i);
    }
  }
}
