import type { Endpoint, EndpointSlice, Pod, Service, ServicePort } from '../../schema/index.ts';
import { isLive, isReady, selects } from './pod-state.ts';
import { boundedName, safeHash } from './safe-name.ts';

/** Label with the name of the service that a slice belongs to. */
export const serviceNameLabel = 'kubernetes.io/service-name';
/** Label with who keeps a slice; only its own slices are ever changed by a keeper. */
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by';
/** Our value of it, Kubernetes' own. */
export const sliceKeeper = 'endpointslice-controller.k8s.io';

/** Most endpoints of a slice, the most that Kubernetes allows. */
const maxEndpoints = 1000;

type SlicePort = NonNullable<EndpointSlice['ports']>[number];

/**
 * The slices of a service from the pods of its namespace: one for each set of ports that its named target ports come out
 * as. A pod that is not ready is there and marked so; one that is about to go is not there any more. A service without a
 * selector has none, whoever made it makes them. Pure.
 */
export function endpointSlicesOf(service: Service, pods: readonly Pod[]): readonly EndpointSlice[] {
  const { spec } = service;
  if (spec.selector === undefined || spec.type === 'ExternalName') return [];
  const groups = new Map<string, { readonly ports: readonly SlicePort[]; readonly endpoints: Endpoint[] }>();
  for (const pod of pods) {
    if (!isLive(pod) || pod.status?.podIP === undefined || !selects(spec.selector, pod)) continue;
    const ports = (spec.ports ?? []).flatMap((port) => slicePort(port, pod));
    const key = JSON.stringify(ports);
    const group = groups.get(key) ?? { ports, endpoints: [] };
    groups.set(key, group);
    group.endpoints.push(endpointOf(service, pod, pod.status.podIP));
  }
  if (groups.size === 0)
    groups.set('', { ports: (spec.ports ?? []).flatMap((port) => slicePort(port, undefined)), endpoints: [] });
  return [...groups].flatMap(([key, { ports, endpoints }]) => {
    const sorted = endpoints.toSorted((a, b) => ((a.addresses[0] ?? '') < (b.addresses[0] ?? '') ? -1 : 1));
    const parts = Math.max(1, Math.ceil(sorted.length / maxEndpoints));
    return Array.from({ length: parts }, (_, i) =>
      sliceOf(service, `${key}/${i}`, { ports, endpoints: sorted.slice(i * maxEndpoints, (i + 1) * maxEndpoints) }),
    );
  });
}

/** The port of a slice; none if the target is a name that the pod does not have (or no pod is there to say). */
function slicePort(port: ServicePort, pod: Pod | undefined): SlicePort[] {
  const number = targetPortOf(port, pod);
  if (number === undefined) return [];
  const { name, appProtocol, protocol = 'TCP' } = port;
  return [{ name: name ?? '', port: number, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) }];
}

function targetPortOf({ port, targetPort, protocol = 'TCP' }: ServicePort, pod: Pod | undefined): number | undefined {
  if (targetPort === undefined) return port;
  if (typeof targetPort === 'number') return targetPort;
  if (/^\d+$/u.test(targetPort)) return Number(targetPort);
  const containers = [
    ...(pod?.spec.containers ?? []),
    ...(pod?.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always'),
  ];
  return containers
    .flatMap(({ ports = [] }) => ports)
    .find((one) => one.name === targetPort && (one.protocol ?? 'TCP') === protocol)?.containerPort;
}

function endpointOf(service: Service, pod: Pod, address: string): Endpoint {
  const { name, namespace = 'default', uid } = pod.metadata;
  const { hostname, subdomain, nodeName } = pod.spec;
  const ready = isReady(pod) || service.spec.publishNotReadyAddresses === true;
  return {
    addresses: [address],
    conditions: { ready, serving: isReady(pod), terminating: false },
    targetRef: { kind: 'Pod', name, namespace, ...(uid === undefined ? {} : { uid }) },
    ...(hostname !== undefined && subdomain === service.metadata.name ? { hostname } : {}),
    ...(nodeName === undefined ? {} : { nodeName }),
  };
}

function sliceOf(
  service: Service,
  key: string,
  rest: { readonly ports: readonly SlicePort[]; readonly endpoints: readonly Endpoint[] },
): EndpointSlice {
  const { name, namespace = 'default', uid, labels } = service.metadata;
  const headless = service.spec.clusterIP === 'None' ? { 'service.kubernetes.io/headless': '' } : {};
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: boundedName(name, safeHash(`${namespace}/${name}/${key}`, 5)),
      namespace,
      labels: { ...labels, [serviceNameLabel]: name, [managedByLabel]: sliceKeeper, ...headless },
      ownerReferences: [
        { apiVersion: 'v1', kind: 'Service', name, controller: true, ...(uid === undefined ? {} : { uid }) },
      ],
    },
    addressType: 'IPv4',
    ...rest,
  };
}
