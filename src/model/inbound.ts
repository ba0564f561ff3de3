/** What reaches a workload: its ports, by the services that it stands behind or by the Sidecar that names them. */
import { defineQuery, type Read } from '../base/engine/index.ts';
import type { IngressListener } from '../schema/index.ts';
import { mtlsPolicyOf, portMode, type MtlsMode, type WorkloadKey } from './authentication.ts';
import { boundPorts, type BoundPort } from './bound-ports.ts';
import { sidecars } from './inputs.ts';
import { declaredProtocol, type Protocol } from './protocol.ts';
import { sidecarFor } from './view.ts';
import { workloadOf, type Workload } from './workload.ts';

/** Names a service for telemetry. */
export interface ServiceName {
  readonly [key: string]: string;
  readonly host: string;
  readonly name: string;
  readonly namespace: string;
}

/** One port on which a workload takes requests. */
export interface InboundPort {
  readonly port: number;
  readonly protocol: Protocol;
  readonly mtls: MtlsMode;
  /** Port of the oldest service behind it, for the name of its virtual host. */
  readonly servicePort: number;
  /** The services behind it, oldest first. */
  readonly services: readonly ServiceName[];
  /** Where a Sidecar sends it: `address:port` or `unix://path`; empty for the address that was dialled. */
  readonly endpoint: string;
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
  const ports = portsOf(read, workload).map((port) => ({ ...port, mtls: portMode(policy, port.port) }));
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

type PortWithoutMode = Omit<InboundPort, 'mtls'>;

// A Sidecar that names ingress ports stands in place of the services (Istio).
function portsOf(read: Read, workload: Workload): readonly PortWithoutMode[] {
  const bound = boundPorts(read, workload);
  const name = sidecarFor(read, workload.namespace, workload.labels);
  const ingress = name === '' ? [] : (read.input(sidecars, name)?.spec?.ingress ?? []);
  const ports = ingress.length > 0 ? ingress.map((listener) => ofIngress(listener, bound)) : ofServices(bound);
  const byPort = new Map<number, PortWithoutMode>();
  for (const port of ports) if (!byPort.has(port.port)) byPort.set(port.port, port);
  return [...byPort.values()].toSorted((a, b) => a.port - b.port);
}

function ofServices(bound: readonly BoundPort[]): readonly PortWithoutMode[] {
  return bound.map(({ target, port }) => ({
    port: target,
    protocol: port.protocol,
    servicePort: port.number,
    services: servicesAt(bound, target),
    endpoint: '',
  }));
}

function ofIngress({ port, defaultEndpoint = '' }: IngressListener, bound: readonly BoundPort[]): PortWithoutMode {
  const number = port.number ?? 0;
  return {
    port: number,
    protocol: declaredProtocol(port.protocol),
    servicePort: number,
    services: servicesAt(bound, number),
    endpoint: defaultEndpoint,
  };
}

function servicesAt(bound: readonly BoundPort[], target: number): readonly ServiceName[] {
  const services = bound.filter((each) => each.target === target).map(({ service }) => service);
  return [...new Set(services)].map(({ host, name, namespace }) => ({ host, name, namespace }));
}
