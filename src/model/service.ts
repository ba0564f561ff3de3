/** Services of the mesh, whether Kubernetes or a ServiceEntry declares them, in one shape. */
import type { Service, ServiceEntry } from '../schema/index.ts';
import { clusterDomain } from './inputs.ts';
import { declaredProtocol, servicePortProtocol, type Protocol } from './protocol.ts';

/** One port of a service. */
export interface ServicePort {
  readonly number: number;
  readonly name: string;
  readonly protocol: Protocol;
  /** Port of the workloads: a number, or the name of a container's port. */
  readonly targetPort: number | string;
  /** Source of the service that brought it, where several entries of one host are taken together. */
  readonly source?: string;
}

/**
 * How a client finds the endpoints: `eds` from the mesh, `dns` by resolving the host, `none` by the address the
 * application dialled.
 */
export type Resolution = 'eds' | 'dns' | 'dns-round-robin' | 'none';

/** A service as the compiler sees it. */
export interface MeshService {
  /** Names the object it came from: `Service/namespace/name` or `ServiceEntry/namespace/name`. */
  readonly source: string;
  readonly kind: 'Service' | 'ServiceEntry';
  readonly namespace: string;
  readonly name: string;
  /** Full host name; a ServiceEntry with several hosts is several services. */
  readonly host: string;
  readonly ports: readonly ServicePort[];
  /** Virtual addresses; empty for a headless service and for entries without addresses. */
  readonly addresses: readonly string[];
  readonly resolution: Resolution;
  readonly headless: boolean;
  readonly external: boolean;
  /** Who may see it; `undefined` means the mesh's default. */
  readonly exportTo: readonly string[] | undefined;
  /** Labels of the workloads behind it; `undefined` where endpoints are written out or DNS gives them. */
  readonly selector: Readonly<Record<string, string>> | undefined;
  readonly subjectAltNames: readonly string[];
  readonly creationTimestamp: string;
  /** False if a gateway behind it listens on the ports that its Gateways name, and not on the service's target ports. */
  readonly translatesPorts: boolean;
}

const ofService = new WeakMap<Service, MeshService | undefined>();
const ofEntry = new WeakMap<ServiceEntry, readonly MeshService[]>();

/** The mesh's view of a Kubernetes Service; `undefined` for an ExternalName, which is only a DNS alias. */
export function serviceOf(service: Service): MeshService | undefined {
  if (!ofService.has(service)) ofService.set(service, fromService(service));
  return ofService.get(service);
}

/** The services that a ServiceEntry declares, one a host. */
export function servicesOfEntry(entry: ServiceEntry): readonly MeshService[] {
  let services = ofEntry.get(entry);
  if (services === undefined) {
    services = (entry.spec?.hosts ?? []).map((host) => fromEntry(entry, host));
    ofEntry.set(entry, services);
  }
  return services;
}

/** Host name of a Kubernetes Service. */
export function kubernetesHost(name: string, namespace: string): string {
  return `${name}.${namespace}.svc.${clusterDomain}`;
}

function fromService(service: Service): MeshService | undefined {
  const { name, namespace = '' } = service.metadata;
  const spec = service.spec ?? {};
  if (spec.type === 'ExternalName') return undefined;
  const headless = spec.clusterIP === 'None';
  const exportTo = service.metadata.annotations?.['networking.istio.io/exportTo'];
  return Object.freeze({
    source: `Service/${namespace}/${name}`,
    kind: 'Service',
    namespace,
    name,
    host: kubernetesHost(name, namespace),
    ports: (spec.ports ?? []).map((port) => ({
      number: port.port,
      name: port.name ?? '',
      protocol: servicePortProtocol(port),
      targetPort: port.targetPort ?? port.port,
    })),
    addresses: headless || spec.clusterIP === undefined || spec.clusterIP === '' ? [] : [spec.clusterIP],
    resolution: 'eds',
    headless,
    external: false,
    exportTo: exportTo === undefined ? undefined : exportTo.split(',').map((target) => target.trim()),
    selector: spec.selector,
    subjectAltNames: [],
    creationTimestamp: service.metadata.creationTimestamp ?? '',
    translatesPorts: translatesPorts(service.metadata.labels),
  });
}

function fromEntry(entry: ServiceEntry, host: string): MeshService {
  const { name, namespace = '' } = entry.metadata;
  const spec = entry.spec;
  return Object.freeze({
    source: `ServiceEntry/${namespace}/${name}`,
    kind: 'ServiceEntry',
    namespace,
    name,
    host,
    ports: (spec?.ports ?? []).map((port) => ({
      number: port.number,
      name: port.name,
      protocol: declaredProtocol(port.protocol),
      targetPort: port.targetPort ?? port.number,
    })),
    addresses: spec?.addresses ?? [],
    resolution: entryResolution(spec?.resolution, host),
    headless: false,
    external: spec?.location !== 'MESH_INTERNAL',
    exportTo: spec?.exportTo,
    selector: spec?.workloadSelector?.labels,
    subjectAltNames: spec?.subjectAltNames ?? [],
    creationTimestamp: entry.metadata.creationTimestamp ?? '',
    translatesPorts: translatesPorts(entry.metadata.labels),
  });
}

function translatesPorts(labels: Readonly<Record<string, string>> | undefined): boolean {
  return labels?.['experimental.istio.io/disable-gateway-port-translation'] !== 'true';
}

function entryResolution(resolution: string | undefined, host: string): Resolution {
  // A wildcard cannot be asked of a DNS server.
  if (host.startsWith('*') && resolution !== 'STATIC') return 'none';
  if (resolution === 'STATIC') return 'eds';
  if (resolution === 'DNS') return 'dns';
  return resolution === 'DNS_ROUND_ROBIN' ? 'dns-round-robin' : 'none';
}
