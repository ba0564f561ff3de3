import { defineQuery } from '../base/engine/index.ts';
import type { Pod } from '../schema/index.ts';
import { pods } from './inputs.ts';

/** What the mesh knows of a workload by its pod. Status is left out: a probe that ticks must wake nobody. */
export interface Workload {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  /** Name of the Deployment or other controller, for telemetry. */
  readonly owner: string;
  /** Ports by the names of containers' ports. */
  readonly namedPorts: Readonly<Record<string, number>>;
  /** True if the pod has a sidecar that takes mutual TLS. */
  readonly inMesh: boolean;
  /** How the proxy's own traffic is told from the application's; Envoy marks its sockets where no uid can tell. */
  readonly marksSockets: boolean;
  readonly locality: string;
  /** IP address of the pod; empty until it has one. */
  readonly address: string;
  readonly deleted: boolean;
}

/** The workload of a pod (`namespace/name`), or `undefined` if there is no such pod. */
export const workloadOf = defineQuery<string, Workload | undefined>('workload', (read, key) => {
  const pod = read.input(pods, key);
  return pod === undefined ? undefined : fromPod(pod);
});

/** Label by which a pod says that its proxy takes mutual TLS; the injector sets it. */
export const tlsModeLabel = 'security.istio.io/tlsMode';

/** `region/zone/subzone` of a pod by its label, which has dots for slashes because a label may not have those. */
export function localityOfLabels(labels: Readonly<Record<string, string>>): string {
  return (labels['istio-locality'] ?? '').replaceAll('.', '/');
}

function fromPod(pod: Pod): Workload {
  const { name, namespace = '', labels = {}, annotations = {} } = pod.metadata;
  const ports = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].flatMap(
    (container) => container.ports ?? [],
  );
  return {
    namespace,
    name,
    labels,
    serviceAccount: pod.spec?.serviceAccountName ?? 'default',
    owner: annotations['mizzen.io/workload'] ?? pod.metadata.ownerReferences?.[0]?.name ?? name,
    namedPorts: Object.fromEntries(
      ports.flatMap((port) => (port.name === undefined ? [] : [[port.name, port.containerPort]])),
    ),
    inMesh: labels[tlsModeLabel] === 'istio',
    marksSockets: annotations['mizzen.io/intercept-by'] === 'mark',
    locality: localityOfLabels(labels),
    address: pod.status?.podIP ?? '',
    deleted: pod.metadata.deletionTimestamp !== undefined,
  };
}
