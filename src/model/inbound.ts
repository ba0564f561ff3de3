/** What reaches a workload: its ports, by the services that select it. */
import { defineQuery } from '../base/engine/index.ts';
import { mtlsPolicyOf, portMode, type MtlsMode, type WorkloadKey } from './authentication.ts';
import { serviceEntriesByNamespace, servicesByNamespace } from './inputs.ts';
import type { Protocol } from './protocol.ts';
import { serviceOf, servicesOfEntry, type MeshService } from './service.ts';
import { selects } from './visibility.ts';
import { workloadOf, type Workload } from './workload.ts';

/** One port on which a workload takes requests. */
export interface InboundPort {
  readonly port: number;
  readonly protocol: Protocol;
  readonly mtls: MtlsMode;
  /** The service it belongs to; the oldest, then the first by host, where several do. */
  readonly host: string;
  readonly servicePort: number;
}

/** Everything that a workload's inbound listener is made of; equal for all replicas of one workload. */
export interface Inbound {
  readonly workload: WorkloadKey;
  readonly serviceAccount: string;
  readonly ports: readonly InboundPort[];
  /** Mode of the ports that no service names. */
  readonly mtls: MtlsMode;
  /** Ports without a service that have a mode of their own. */
  readonly otherPorts: readonly { readonly port: number; readonly mtls: MtlsMode }[];
  readonly marksSockets: boolean;
}

/** The inbound side of a pod (`namespace/name`), or `undefined` if it is gone. */
export const inboundOf = defineQuery<string, Inbound | undefined>('inbound', (read, podKey) => {
  const workload = read.get(workloadOf, podKey);
  if (workload === undefined) return undefined;
  const key: WorkloadKey = { namespace: workload.namespace, labels: workload.labels };
  const policy = read.get(mtlsPolicyOf, key);
  const services = [
    ...read.cell(servicesByNamespace, workload.namespace).flatMap((service) => serviceOf(service) ?? []),
    ...read.cell(serviceEntriesByNamespace, workload.namespace).flatMap(servicesOfEntry),
  ].filter((service) => isBehind(workload, service));
  const ports = inboundPorts(workload, services).map((port) => ({ ...port, mtls: portMode(policy, port.port) }));
  const named = new Set(ports.map((port) => port.port));
  return {
    workload: key,
    serviceAccount: workload.serviceAccount,
    ports,
    mtls: policy.mode,
    otherPorts: Object.entries(policy.ports)
      .map(([port, mtls]) => ({ port: Number(port), mtls }))
      .filter(({ port }) => !named.has(port)),
    marksSockets: workload.marksSockets,
  };
});

function isBehind(workload: Workload, service: MeshService): boolean {
  const { selector } = service;
  return selector !== undefined && Object.keys(selector).length > 0 && selects(selector, workload.labels);
}

function inboundPorts(workload: Workload, services: readonly MeshService[]): readonly Omit<InboundPort, 'mtls'>[] {
  const byPort = new Map<number, Omit<InboundPort, 'mtls'>>();
  const sorted = services.toSorted(
    (a, b) => compare(a.creationTimestamp, b.creationTimestamp) || compare(a.host, b.host),
  );
  for (const service of sorted) {
    for (const port of service.ports) {
      const target = typeof port.targetPort === 'number' ? port.targetPort : workload.namedPorts[port.targetPort];
      if (target === undefined || port.protocol === 'udp' || byPort.has(target)) continue;
      byPort.set(target, { port: target, protocol: port.protocol, host: service.host, servicePort: port.number });
    }
  }
  return [...byPort.values()].toSorted((a, b) => a.port - b.port);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
