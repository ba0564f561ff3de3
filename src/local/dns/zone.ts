import type { EndpointSlice, Service } from '../../schema/index.ts';
import { objectKey } from '../../schema/object.ts';
import { recordTypes, responseCodes, type DnsAnswer, type DnsRecord } from './message.ts';

/** Ending of all names of the cluster. */
export const clusterDomain = 'cluster.local';

/** What a name in the cluster's zone leads to. */
export type ZoneAnswer =
  | { readonly kind: 'answer'; readonly answer: DnsAnswer }
  /** The name stands for one outside: its records follow, then whatever the target has. */
  | { readonly kind: 'outside'; readonly records: readonly DnsRecord[]; readonly target: string }
  /** Not a name of the cluster. */
  | { readonly kind: 'foreign' };

/** The names of a mesh at one moment. */
export interface Zone {
  resolve(name: string, type: number): ZoneAnswer;
}

interface HeadlessAddress {
  readonly address: string;
  /** First label of the name that this address has under its service. */
  readonly host: string;
}

interface Entry {
  readonly service: Service;
  readonly fqdn: string;
  readonly addresses: readonly HeadlessAddress[];
  /** Ports of the endpoints by service port name: a headless service has no others. */
  readonly ports: readonly { readonly name: string; readonly port: number; readonly protocol: string }[];
}

const nothing: DnsAnswer = { code: responseCodes.noError, answers: [], zone: clusterDomain };
const unknown: DnsAnswer = { code: responseCodes.nameError, answers: [], zone: clusterDomain };
/** Most addresses that a name answers with. */
const maxAddresses = 500;

/**
 * The zone of a cluster (Kubernetes DNS specification 1.1.0) from its services and endpoints: services, headless services
 * with their hosts, SRV by port, PTR, ExternalName. Names are answered in full; a pod's search list makes the short ones.
 */
export function createZone(services: readonly Service[], slices: readonly EndpointSlice[]): Zone {
  const bySlice = Map.groupBy(
    slices,
    (slice) => `${slice.metadata.namespace ?? ''}/${slice.metadata.labels?.['kubernetes.io/service-name'] ?? ''}`,
  );
  const entries = new Map(
    services.map((service) => [objectKey(service), entryOf(service, bySlice.get(objectKey(service)) ?? [])]),
  );
  const namespaces = new Set(services.map(({ metadata }) => metadata.namespace ?? 'default'));
  const pointers = pointersOf([...entries.values()]);
  return {
    resolve(name, type) {
      if (name.endsWith('.in-addr.arpa')) return resolvePointer(name, type, pointers);
      if (name !== clusterDomain && !name.endsWith(`.${clusterDomain}`)) return { kind: 'foreign' };
      const labels = name.split('.').slice(0, -2);
      const [namespace, service, ...rest] = labels.slice(0, -1).toReversed();
      if (labels.at(-1) !== 'svc') return { kind: 'answer', answer: labels.length === 0 ? nothing : unknown };
      if (namespace === undefined) return { kind: 'answer', answer: nothing };
      const entry = service === undefined ? undefined : entries.get(`${namespace}/${service}`);
      if (service === undefined) return { kind: 'answer', answer: namespaces.has(namespace) ? nothing : unknown };
      return entry === undefined
        ? { kind: 'answer', answer: unknown }
        : resolveService(entry, rest.toReversed(), { name, type });
    },
  };
}

interface Asked {
  readonly name: string;
  readonly type: number;
}

function resolveService(entry: Entry, below: readonly string[], asked: Asked): ZoneAnswer {
  const { service } = entry;
  if (service.spec.type === 'ExternalName') {
    if (below.length > 0) return { kind: 'answer', answer: unknown };
    const target = (service.spec.externalName ?? '').toLowerCase().replace(/\.$/u, '');
    return { kind: 'outside', records: [{ type: 'CNAME', name: asked.name, target }], target };
  }
  const [first = '', second = ''] = below;
  if (below.length === 0) return answerWith(addressRecords(entry, asked), asked, true);
  if (below.length === 2 && first.startsWith('_') && second.startsWith('_'))
    return services(entry, first.slice(1), second.slice(1), asked);
  const host = isHeadless(service) ? entry.addresses.filter((one) => one.host === first) : [];
  if (below.length !== 1 || host.length === 0) return { kind: 'answer', answer: unknown };
  return answerWith(
    host.map(({ address }): DnsRecord => ({ type: 'A', name: asked.name, address })),
    asked,
    true,
  );
}

function services(entry: Entry, port: string, protocol: string, asked: Asked): ZoneAnswer {
  const found = entry.ports.filter((one) => one.name === port && one.protocol.toLowerCase() === protocol);
  const targets = isHeadless(entry.service) ? entry.addresses.map(({ host }) => `${host}.${entry.fqdn}`) : [entry.fqdn];
  const records = found.flatMap((one) =>
    targets.map((target): DnsRecord => ({ type: 'SRV', name: asked.name, target, port: one.port })),
  );
  return answerWith(records, asked, found.length > 0);
}

function addressRecords(entry: Entry, asked: Asked): DnsRecord[] {
  const addresses = isHeadless(entry.service)
    ? entry.addresses.map(({ address }) => address)
    : [entry.service.spec.clusterIP ?? ''];
  return addresses.filter((address) => address !== '').map((address) => ({ type: 'A', name: asked.name, address }));
}

/** Records of the asked type; a name that exists but has none of it is an empty answer, not an unknown name. */
function answerWith(records: readonly DnsRecord[], asked: Asked, exists: boolean): ZoneAnswer {
  const wanted = records.filter((record) => recordTypes[record.type] === asked.type || asked.type === recordTypes.ANY);
  if (wanted.length > 0)
    return { kind: 'answer', answer: { code: responseCodes.noError, answers: wanted.slice(0, maxAddresses) } };
  return { kind: 'answer', answer: exists ? nothing : unknown };
}

function entryOf(service: Service, slices: readonly EndpointSlice[]): Entry {
  const { name, namespace = 'default' } = service.metadata;
  const addresses = slices
    .flatMap(({ endpoints }) => endpoints)
    .filter(({ conditions }) => conditions?.ready !== false)
    .flatMap((endpoint) =>
      endpoint.addresses.map((address) => ({ address, host: endpoint.hostname ?? address.replaceAll(/[.:]/gu, '-') })),
    );
  const own = (service.spec.ports ?? []).map((port) => ({
    name: port.name ?? '',
    port: port.port,
    protocol: port.protocol ?? 'TCP',
  }));
  const target = slices.flatMap(({ ports = [] }) =>
    ports.map((port) => ({ name: port.name ?? '', port: port.port ?? 0, protocol: port.protocol ?? 'TCP' })),
  );
  const ports = isHeadless(service)
    ? [...new Map(target.map((port) => [`${port.name}/${port.port}`, port])).values()]
    : own;
  return { service, fqdn: `${name}.${namespace}.svc.${clusterDomain}`, addresses, ports };
}

function isHeadless({ spec }: Service): boolean {
  return spec.clusterIP === 'None';
}

/** Names of addresses: a service's for its own, a headless service's host for an endpoint's. */
function pointersOf(entries: readonly Entry[]): ReadonlyMap<string, string> {
  const pointers = new Map<string, string>();
  for (const { service, fqdn, addresses } of entries) {
    if (isHeadless(service)) for (const { address, host } of addresses) pointers.set(address, `${host}.${fqdn}`);
    else if (service.spec.clusterIP !== undefined) pointers.set(service.spec.clusterIP, fqdn);
  }
  return pointers;
}

function resolvePointer(name: string, type: number, pointers: ReadonlyMap<string, string>): ZoneAnswer {
  const address = name.slice(0, -'.in-addr.arpa'.length).split('.').toReversed().join('.');
  const target = pointers.get(address);
  if (target !== undefined) return answerWith([{ type: 'PTR', name, target }], { name, type }, true);
  // Addresses of pods and services belong to the mesh: nobody outside knows them.
  return /^10\.(?:44|96)\./u.test(address) ? { kind: 'answer', answer: unknown } : { kind: 'foreign' };
}
