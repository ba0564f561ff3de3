import { hashBytes, hashText } from '../../base/hash.ts';
import {
  encode,
  encodeField,
  typeUrls,
  type JsonObject,
  type Need,
  type Resource,
  type Unit,
  type XdsType,
} from '../../proto/index.ts';

const messageOf = (type: XdsType): string => typeUrls[type].slice('type.googleapis.com/'.length);

/** What a test says of a resource besides its JSON. */
export interface EnvoyResourceFacts {
  readonly needs?: readonly Need[];
  readonly readyBy?: 'assignment' | 'cds';
  readonly units?: readonly Unit[];
  /** For an assignment: the version of its cluster. */
  readonly clusterVersion?: string;
}

/** A resource as Envoy takes it, from its JSON. */
export function envoyResource(type: XdsType, name: string, json: JsonObject, facts: EnvoyResourceFacts = {}): Resource {
  const { needs = [], readyBy, units = [], clusterVersion = '' } = facts;
  const nameField = type === 'endpoint' ? 'cluster_name' : 'name';
  const head = encode(messageOf(type), { [nameField]: name, ...json });
  const version = hashText([hashBytes(head), clusterVersion, ...units.map((unit) => unit.version)].join(' '));
  return { name, version, head, needs, units, ...(readyBy === undefined ? {} : { readyBy }) };
}

/** A virtual host that sends everything under its domains to one cluster. */
export function envoyHost(name: string, domains: readonly string[], cluster: string, drainMs = 45_000): Unit {
  const route = { match: { prefix: '/' }, route: { cluster } };
  const bytes = encodeField(messageOf('route'), 'virtual_hosts', { name, domains: [...domains], routes: [route] });
  return { name, bytes, version: hashBytes(bytes), needs: [{ type: 'cluster', name: cluster }], drainMs };
}
