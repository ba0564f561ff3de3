/** Where requests for a service can go. */
import { defineQuery, type Read } from '../base/engine/index.ts';
import type { EndpointSlice, Pod, ServiceEntry } from '../schema/index.ts';
import { mtlsPolicyOf, portMode } from './authentication.ts';
import { podsByNamespace, serviceEntries, services, slicesByService } from './inputs.ts';
import { serviceOf, servicesOfEntry, type MeshService, type ServicePort } from './service.ts';
import { meshSettings } from './settings.ts';
import { selects } from './visibility.ts';
import { workloadOf, type Workload } from './workload.ts';

/** One address that takes requests. */
export interface Endpoint {
  /** IP address, or a host name for services that DNS resolves, or the path of a Unix socket. */
  readonly address: string;
  /** 0 for a Unix socket. */
  readonly port: number;
  readonly labels: Readonly<Record<string, string>>;
  /** SPIFFE identity of the workload; empty if unknown. */
  readonly identity: string;
  readonly tlsMode: 'istio' | 'disabled';
  /** `region/zone/subzone`, shorter or empty where unknown. */
  readonly locality: string;
  readonly weight: number;
  readonly workload: string;
  readonly namespace: string;
}

/** Names one port of one service. */
export interface PortKey {
  readonly [key: string]: string | number;
  /** `source` of the service. */
  readonly source: string;
  readonly host: string;
  readonly port: number;
}

/** The service behind a key, as it now is. */
export function serviceBySource(read: Read, source: string, host: string): MeshService | undefined {
  const [kind = '', namespace = '', name = ''] = source.split('/');
  const key = `${namespace}/${name}`;
  if (kind === 'Service') {
    const service = read.input(services, key);
    return service === undefined ? undefined : serviceOf(service);
  }
  const entry = read.input(serviceEntries, key);
  return entry === undefined ? undefined : servicesOfEntry(entry).find((service) => service.host === host);
}

/** Endpoints of a service's port, sorted by address; ready ones only. */
export const endpointsOf = defineQuery<PortKey, readonly Endpoint[]>('endpoints', (read, key) => {
  const service = serviceBySource(read, key.source, key.host);
  const port = service?.ports.find((candidate) => candidate.number === key.port);
  if (service === undefined || port === undefined) return [];
  const found = service.kind === 'Service' ? ofSlices(read, service, port) : ofEntry(read, service, port);
  return found.toSorted((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : a.port - b.port));
});

/** Identities of the workloads behind a service's port, sorted; what a client checks the server's certificate against. */
export const identitiesOf = defineQuery<PortKey, readonly string[]>('identities', (read, key) =>
  [...new Set(read.get(endpointsOf, key).map((endpoint) => endpoint.identity))].filter((id) => id !== '').toSorted(),
);

/** The SPIFFE identity of a service account. */
export function spiffeId(trustDomain: string, namespace: string, serviceAccount: string): string {
  return `spiffe://${trustDomain}/ns/${namespace}/sa/${serviceAccount}`;
}

function ofSlices(read: Read, service: MeshService, port: ServicePort): readonly Endpoint[] {
  const slices = read.cell(slicesByService, `${service.namespace}/${service.name}`);
  return slices.flatMap((slice) => {
    const number = (slice.ports ?? []).find((candidate) => (candidate.name ?? '') === port.name)?.port;
    return number === undefined ? [] : sliceEndpoints(read, slice, number);
  });
}

function sliceEndpoints(read: Read, slice: EndpointSlice, number: number): readonly Endpoint[] {
  return (slice.endpoints ?? []).flatMap((endpoint) => {
    if (endpoint.conditions?.ready === false) return [];
    const target = endpoint.targetRef;
    const podKey = target?.kind === 'Pod' ? `${target.namespace ?? slice.metadata.namespace ?? ''}/${target.name}` : '';
    const workload = podKey === '' ? undefined : read.get(workloadOf, podKey);
    return endpoint.addresses.map((address) => fromWorkload(read, { address, port: number }, workload));
  });
}

function fromWorkload(
  read: Read,
  at: { readonly address: string; readonly port: number },
  workload: Workload | undefined,
): Endpoint {
  const { trustDomain } = read.get(meshSettings, '');
  return {
    ...at,
    labels: workload?.labels ?? {},
    identity: workload === undefined ? '' : spiffeId(trustDomain, workload.namespace, workload.serviceAccount),
    tlsMode: workload !== undefined && takesMtls(read, workload, at.port) ? 'istio' : 'disabled',
    locality: workload?.locality ?? '',
    weight: 1,
    workload: workload?.owner ?? '',
    namespace: workload?.namespace ?? '',
  };
}

// A server with mutual TLS switched off must be spoken to in clear, whatever its pod's label says.
function takesMtls(read: Read, workload: Workload, port: number): boolean {
  if (!workload.inMesh) return false;
  return (
    portMode(read.get(mtlsPolicyOf, { namespace: workload.namespace, labels: workload.labels }), port) !== 'DISABLE'
  );
}

function ofEntry(read: Read, service: MeshService, port: ServicePort): readonly Endpoint[] {
  const entry = read.input(serviceEntries, `${service.namespace}/${service.name}`);
  if (entry === undefined) return [];
  if (service.selector !== undefined) return selectedPods(read, service, port);
  const written = entry.spec?.endpoints ?? [];
  if (written.length === 0) {
    return service.resolution === 'dns' || service.resolution === 'dns-round-robin'
      ? [fromWritten(read, { address: service.host }, port, service)]
      : [];
  }
  return written.map((endpoint) => fromWritten(read, endpoint, port, service));
}

type WrittenEndpoint = NonNullable<NonNullable<ServiceEntry['spec']>['endpoints']>[number];

function fromWritten(read: Read, endpoint: WrittenEndpoint, port: ServicePort, service: MeshService): Endpoint {
  const { trustDomain } = read.get(meshSettings, '');
  const { address = '', labels = {}, serviceAccount } = endpoint;
  const socket = address.startsWith('unix://');
  const target = typeof port.targetPort === 'number' ? port.targetPort : port.number;
  return {
    address: socket ? address.slice('unix://'.length) : address,
    port: socket ? 0 : (endpoint.ports?.[port.name] ?? target),
    labels,
    identity: serviceAccount === undefined ? '' : spiffeId(trustDomain, service.namespace, serviceAccount),
    tlsMode: labels['security.istio.io/tlsMode'] === 'istio' ? 'istio' : 'disabled',
    locality: endpoint.locality ?? '',
    // Istio reads a weight of nought as none.
    weight: endpoint.weight === undefined || endpoint.weight === 0 ? 1 : endpoint.weight,
    workload: '',
    namespace: service.namespace,
  };
}

/** True if a pod's own status says that it may get traffic. */
export function hasReadyCondition(pod: Pod): boolean {
  return (pod.status?.conditions ?? []).some(({ type, status }) => type === 'Ready' && status === 'True');
}

function selectedPods(read: Read, service: MeshService, port: ServicePort): readonly Endpoint[] {
  return read.cell(podsByNamespace, service.namespace).flatMap((pod) => {
    const workload = read.get(workloadOf, `${service.namespace}/${pod.metadata.name}`);
    const address = pod.status?.podIP;
    if (workload === undefined || address === undefined || !selects(service.selector, workload.labels)) return [];
    if (!hasReadyCondition(pod)) return [];
    const target = typeof port.targetPort === 'number' ? port.targetPort : (workload.namedPorts[port.targetPort] ?? 0);
    return [fromWorkload(read, { address, port: target }, workload)];
  });
}
