/** The service ports that a workload stands behind. */
import { byText } from '../base/order.ts';
import type { Read } from '../base/engine/index.ts';
import { sameAddress } from './address.ts';
import { serviceEntries, serviceEntriesByNamespace, servicesByNamespace } from './inputs.ts';
import { serviceOf, servicesOfEntry, type MeshService, type ServicePort } from './service.ts';
import { selects } from './visibility.ts';
import type { Workload } from './workload.ts';

/** One port of a service at one workload. */
export interface BoundPort {
  readonly service: MeshService;
  readonly port: ServicePort;
  /** Port of the workload. */
  readonly target: number;
}

interface Candidate {
  readonly service: MeshService;
  /** Ports of the workload by the names of the service's, where its endpoint says so. */
  readonly ports: Readonly<Record<string, number>>;
}

/**
 * The ports of the services that select a workload, or that name its address as an endpoint, in the order of the
 * services' age; ports that the workload does not have are left out.
 */
export function boundPorts(read: Read, workload: Workload): readonly BoundPort[] {
  const kubernetes = read
    .cell(servicesByNamespace, workload.namespace)
    .flatMap((service) => serviceOf(service) ?? [])
    .filter((service) => isSelected(workload, service))
    .map((service): Candidate => ({ service, ports: {} }));
  const entries = read.cell(serviceEntriesByNamespace, workload.namespace).flatMap((entry) =>
    servicesOfEntry(entry).flatMap((service): readonly Candidate[] => {
      if (isSelected(workload, service)) return [{ service, ports: {} }];
      const own = endpointAt(read, workload, service);
      return own === undefined ? [] : [{ service, ports: own.ports ?? {} }];
    }),
  );
  return [...kubernetes, ...entries]
    .toSorted((a, b) => byAge(a.service, b.service))
    .flatMap(({ service, ports }) =>
      service.ports.flatMap((port) => {
        const target = ports[port.name] ?? targetOf(workload, port);
        return target === undefined || port.protocol === 'udp' ? [] : [{ service, port, target }];
      }),
    );
}

function isSelected(workload: Workload, { selector }: MeshService): boolean {
  return selector !== undefined && Object.keys(selector).length > 0 && selects(selector, workload.labels);
}

function endpointAt(
  read: Read,
  workload: Workload,
  service: MeshService,
): { readonly ports?: Readonly<Record<string, number>> } | undefined {
  if (service.resolution !== 'eds' || workload.address === '') return undefined;
  const entry = read.input(serviceEntries, `${service.namespace}/${service.name}`);
  return (entry?.spec?.endpoints ?? []).find(({ address = '' }) => sameAddress(address, workload.address));
}

function targetOf(workload: Workload, port: ServicePort): number | undefined {
  return typeof port.targetPort === 'number' ? port.targetPort : workload.namedPorts[port.targetPort];
}

function byAge(a: MeshService, b: MeshService): number {
  return byText(a.creationTimestamp, b.creationTimestamp) || byText(a.host, b.host);
}
