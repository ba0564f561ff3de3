/** What a patch of an EnvoyFilter must satisfy. */
import { memberPath } from '../kit/path.ts';
import type { Report } from '../kit/node.ts';

/** What the rules of a patch look at. */
export interface PatchParts {
  readonly applyTo?: string;
  readonly match?: {
    readonly context?: string;
    readonly listener?: {
      readonly filterChain?: {
        readonly filter?: { readonly name?: string; readonly subFilter?: { readonly name?: string } };
      };
    };
    readonly routeConfiguration?: object;
    readonly cluster?: object;
    readonly waypoint?: object;
  };
  readonly patch?: { readonly operation?: string; readonly value?: object };
}

const wanted: Readonly<Record<string, 'listener' | 'routeConfiguration' | 'cluster'>> = {
  LISTENER: 'listener',
  FILTER_CHAIN: 'listener',
  NETWORK_FILTER: 'listener',
  HTTP_FILTER: 'listener',
  ROUTE_CONFIGURATION: 'routeConfiguration',
  VIRTUAL_HOST: 'routeConfiguration',
  HTTP_ROUTE: 'routeConfiguration',
  CLUSTER: 'cluster',
};

/** Checks that place, match and patch fit together. */
export function checkPatch(entry: PatchParts, report: Report): void {
  const { applyTo = 'INVALID', match, patch } = entry;
  const { operation = 'INVALID', value } = patch ?? {};
  if (applyTo === 'INVALID')
    report.error('applyTo', 'is missing: what is patched', 'write LISTENER, CLUSTER, HTTP_FILTER …');
  if (patch === undefined) report.error('patch', 'is missing: what is done');
  else if (operation === 'INVALID')
    report.error('patch.operation', 'is missing: what is done', 'write MERGE, ADD, REMOVE …');
  else if (operation !== 'REMOVE' && value === undefined)
    report.error('patch.value', `is missing: ${operation} needs it`);
  if (value !== undefined) checkTypes(value, 'patch.value', report);
  const field = wanted[applyTo];
  const given = (['listener', 'routeConfiguration', 'cluster'] as const).filter((name) => match?.[name] !== undefined);
  if (field !== undefined)
    for (const name of given)
      if (name !== field) report.error(`match.${name}`, `does not fit applyTo: ${applyTo}`, `use match.${field}`);
  const filter = match?.listener?.filterChain?.filter;
  if (field === 'listener' && filter !== undefined) checkFilter(filter, applyTo, report);
}

function checkFilter(
  filter: { readonly name?: string; readonly subFilter?: { readonly name?: string } },
  applyTo: string,
  report: Report,
): void {
  const at = 'match.listener.filterChain.filter';
  const { name = '', subFilter } = filter;
  if (applyTo === 'LISTENER' || applyTo === 'FILTER_CHAIN')
    report.warning(at, `has no effect with applyTo: ${applyTo}`);
  if (name === '') {
    report.error(`${at}.name`, 'is missing: which filter');
    return;
  }
  if (subFilter === undefined) return;
  if (applyTo !== 'HTTP_FILTER') report.error(`${at}.subFilter`, 'is for applyTo: HTTP_FILTER only');
  else if (name !== 'envoy.filters.network.http_connection_manager' && name !== 'envoy.http_connection_manager') {
    report.error(
      `${at}.name`,
      'must be the connection manager where subFilter is set',
      'write envoy.filters.network.http_connection_manager',
    );
  } else if ((subFilter.name ?? '') === '') report.error(`${at}.subFilter.name`, 'is missing: which filter');
}

/** Types of Envoy's second API are gone since Envoy 1.19. */
function checkTypes(value: unknown, at: string, report: Report): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    const here = Array.isArray(value) ? `${at}[${name}]` : memberPath(at, name);
    if (name === '@type' && typeof inner === 'string' && /envoy\..*\.v2(?:alpha\d*)?\./u.test(inner))
      report.error(
        memberPath(at, '@type'),
        `${inner} is a type of Envoy's second API, which is gone`,
        'use its v3 form',
      );
    else checkTypes(inner, here, report);
  }
}
