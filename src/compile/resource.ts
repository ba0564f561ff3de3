/** From Envoy's JSON to what the xDS server sends: bytes in parts, with what each part needs. */
import { hashBytes, hashText } from '../base/hash.ts';
import { canonicalJson, type JsonObject, type JsonValue } from '../base/json.ts';
import { encode, encodeField } from '../proto/index.ts';
import { typeUrls, type Need, type Resource, type Unit, type XdsType } from '../proto/resource.ts';

/** How long what nobody uses any more stays before it is removed (Istio's drainDuration). */
export const defaultDrainMs = 45_000;

const messageOf = (type: XdsType): string => typeUrls[type].slice('type.googleapis.com/'.length);

function nameOf(json: JsonObject): string {
  const name = json['name'];
  return typeof name === 'string' ? name : '';
}

/** A resource that waits as a whole. */
export function wholeResource(type: XdsType, name: string, json: JsonObject): Resource {
  const head = encode(messageOf(type), json);
  return { name, version: hashBytes(head), head, needs: needsOf(json), units: [] };
}

/** A cluster; the proxy shows by `readyBy` that it is usable. */
export function clusterResource(json: JsonObject): Resource {
  const resource = wholeResource('cluster', nameOf(json), json);
  const byAssignment = json['type'] === 'EDS' && json['health_checks'] === undefined;
  return { ...resource, readyBy: byAssignment ? 'assignment' : 'cds' };
}

/** One virtual host or filter chain as a part of its own. Chains may share a name, so their match is part of the key. */
export function unitOf(type: 'listener' | 'route', json: JsonObject): Unit {
  const field = type === 'route' ? 'virtual_hosts' : 'filter_chains';
  const bytes = encodeField(messageOf(type), field, json);
  const needs = needsOf(json);
  const fallback = type === 'route' ? waitingHost(json, needs) : undefined;
  return {
    name: type === 'route' ? nameOf(json) : `${nameOf(json)} ${canonicalJson(json['filter_chain_match'] ?? {})}`,
    bytes,
    version: hashBytes(bytes),
    needs,
    drainMs: Math.max(defaultDrainMs, longestWaitMs(json)),
    ...(fallback === undefined ? {} : { fallback }),
  };
}

/** What stands in for a virtual host on a proxy that never had it while its clusters are not ready: 503 with the cause. */
function waitingHost(json: JsonObject, needs: readonly Need[]): Uint8Array | undefined {
  const clusters = needs.filter(({ type }) => type === 'cluster').map(({ name }) => name);
  if (clusters.length === 0) return undefined;
  const body = { inline_string: `this host waits until its clusters are ready: ${clusters.slice(0, 3).join(', ')}\n` };
  const routes = [{ match: { prefix: '/' }, direct_response: { status: 503, body } }];
  return encodeField(messageOf('route'), 'virtual_hosts', {
    name: nameOf(json),
    domains: json['domains'] ?? [],
    routes,
  });
}

/** A listener or route configuration from its head and its parts. */
export function assembled(type: 'listener' | 'route', head: JsonObject, units: readonly Unit[]): Resource {
  const bytes = encode(messageOf(type), head);
  return {
    name: nameOf(head),
    version: hashText([hashBytes(bytes), ...units.map((unit) => unit.version)].join(' ')),
    head: bytes,
    needs: needsOf(head),
    units,
  };
}

/**
 * The clusters, secrets and route configurations that a piece of final JSON names, whoever wrote it there.
 */
export function needsOf(json: JsonValue): readonly Need[] {
  const found: Found = { cluster: new Set(), secret: new Set(), route: new Set() };
  collect(json, found);
  return (['cluster', 'secret', 'route'] as const).flatMap((type) =>
    [...found[type]].toSorted().map((name) => ({ type, name })),
  );
}

type Found = Readonly<Record<Need['type'], Set<string>>>;

function collect(value: JsonValue, found: Found): void {
  if (Array.isArray(value)) {
    for (const member of value as readonly JsonValue[]) collect(member, found);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  const fields = value as JsonObject;
  const { cluster, name, route_config_name: route } = fields;
  if (typeof cluster === 'string') found.cluster.add(cluster);
  if (fields['sds_config'] !== undefined && typeof name === 'string') found.secret.add(name);
  if (fields['config_source'] !== undefined && typeof route === 'string') found.route.add(route);
  for (const weighted of clustersOf(fields['weighted_clusters'])) found.cluster.add(weighted);
  for (const [key, member] of Object.entries(fields)) {
    if (key !== 'metadata' && key !== 'filter_metadata' && member !== undefined) collect(member, found);
  }
}

function clustersOf(weighted: JsonValue | undefined): readonly string[] {
  if (typeof weighted !== 'object' || weighted === null || Array.isArray(weighted)) return [];
  const list = (weighted as JsonObject)['clusters'];
  if (!Array.isArray(list)) return [];
  return (list as readonly JsonObject[]).map((cluster) => nameOf(cluster));
}

function longestWaitMs(value: JsonValue): number {
  if (typeof value !== 'object' || value === null) return 0;
  let longest = 0;
  for (const [key, member] of Object.entries(value)) {
    if (typeof member === 'string' && (key === 'timeout' || key === 'fixed_delay') && member.endsWith('s')) {
      longest = Math.max(longest, Number.parseFloat(member) * 1_000);
    } else if (typeof member === 'object' && member !== null) {
      longest = Math.max(longest, longestWaitMs(member));
    }
  }
  return Number.isFinite(longest) ? longest : 0;
}
