/** What a running mesh says of itself, put together from the store, the pods and the control plane. */
import { byText } from '../../base/order.ts';
import { ofSource } from '../../server/problem.ts';
import type { ControlPlaneReport } from '../../server/status-server.ts';
import { hasReadyCondition } from '../../model/endpoint.ts';
import type { ContainerStatus, Pod, Service } from '../../schema/index.ts';
import type { SourceProblem } from '../../sources/source.ts';
import type { GatewayState, MeshProblem, MeshStatus, PodState, ProxyState } from '../control/protocol.ts';
import type { Store } from '../store/store.ts';
import type { IstiodAnswer } from './istiod-client.ts';
import type { MeshFile } from './mesh-file.ts';
import type { SupervisorOptions } from './options.ts';

/** What a status is made from. */
export interface StatusParts {
  readonly options: SupervisorOptions;
  readonly meshFile: MeshFile;
  readonly store: Store;
  readonly startedAt: string;
  readonly stopping: boolean;
  readonly istiod: IstiodAnswer;
  /** Files of the newest batch of changes, relative to the folder. */
  readonly changedFiles: readonly string[];
}

/** Things that hold for every mesh on one machine and that people stumble over. */
const notes = ['UDP other than DNS does not leave the mesh'];

/** The status at this moment. */
export function meshStatus(parts: StatusParts): MeshStatus {
  const { options, meshFile, store, istiod } = parts;
  const pods = store.list('Pod').map((object) => object as Pod);
  const report = istiod.kind === 'report' ? istiod.report : undefined;
  const proxies = proxyStates(pods, report);
  const settled =
    pods.length > 0 && pods.every((pod) => isReady(pod)) && proxies.every((proxy) => proxy.state === 'SYNCED');
  return {
    mesh: options.name,
    folder: options.folder,
    manifests: meshFile.manifests,
    state: parts.stopping ? 'stopping' : settled && report?.synced === true ? 'ready' : 'starting',
    mode: options.mode,
    generation: report?.generation ?? 0,
    ...(parts.changedFiles.length === 0 ? {} : { changedFiles: parts.changedFiles }),
    startedAt: parts.startedAt,
    notes: options.allowLoopback ? [...notes, "pods may dial this machine's own loopback addresses"] : notes,
    tryThis: meshFile.tryThis,
    gateways: gatewayStates(store, options.published),
    pods: pods.map(podState).toSorted(byName),
    proxies: proxies.toSorted((a, b) => byText(`${a.namespace}/${a.pod}`, `${b.namespace}/${b.pod}`)),
    problems: problemsOf(store.problems(), report),
    controlPlane: { connected: report !== undefined, reason: istiod.kind === 'silent' ? istiod.reason : '' },
  };
}

function byName(a: PodState, b: PodState): number {
  return byText(`${a.namespace}/${a.name}`, `${b.namespace}/${b.name}`);
}

function gatewayStates(store: Store, published: SupervisorOptions['published']): readonly GatewayState[] {
  return [...Map.groupBy(published, (port) => port.gateway)].map(([key, ports]) => {
    const [namespace = '', name = ''] = key.split('/');
    const service = store.get({ kind: 'Service', namespace, name })?.object as Service | undefined;
    const scheme = (port: number): string => {
      const declared = service?.spec.ports?.find((candidate) => candidate.port === port)?.name ?? '';
      return declared.startsWith('https') ? 'https' : declared.startsWith('http') ? 'http' : 'tcp';
    };
    const addresses = ports.map(({ port, hostPort }) => ({ port, url: `${scheme(port)}://localhost:${hostPort}` }));
    return { name, namespace, addresses };
  });
}

function isReady(pod: Pod): boolean {
  if (pod.metadata.deletionTimestamp !== undefined || pod.status?.phase === 'Succeeded') return true;
  return hasReadyCondition(pod);
}

function podState(pod: Pod): PodState {
  const { status, metadata } = pod;
  const all = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  const terminating = metadata.deletionTimestamp !== undefined;
  const ready = !terminating && isReady(pod) && status?.phase !== 'Succeeded';
  return {
    name: metadata.name,
    namespace: metadata.namespace ?? '',
    ready,
    containers: readyContainers(pod),
    phase: terminating ? 'Terminating' : phaseOf(status?.phase),
    restarts: all.reduce((sum, container) => sum + container.restartCount, 0),
    reason: ready ? '' : reasonOf(pod, all),
    ip: status?.podIP ?? '',
    startedAt: status?.startTime ?? metadata.creationTimestamp ?? '',
  };
}

/** Ready containers of those that stay, native sidecars among them. */
function readyContainers({ spec, status }: Pod): string {
  const sidecars = new Set(
    (spec.initContainers ?? []).filter((container) => container.restartPolicy === 'Always').map(({ name }) => name),
  );
  const staying = [
    ...(status?.initContainerStatuses ?? []).filter((container) => sidecars.has(container.name)),
    ...(status?.containerStatuses ?? []),
  ];
  return `${staying.filter((container) => container.ready).length}/${sidecars.size + spec.containers.length}`;
}

function phaseOf(phase: string | undefined): PodState['phase'] {
  return phase === 'Running' || phase === 'Succeeded' || phase === 'Failed' ? phase : 'Pending';
}

function reasonOf(pod: Pod, containers: readonly ContainerStatus[]): string {
  for (const { name, state } of containers) {
    const stopped = state?.waiting ?? state?.terminated;
    if (stopped?.reason === undefined || stopped.reason === 'Completed') continue;
    const detail = stopped.message === undefined ? '' : `: ${stopped.message}`;
    return `${name}: ${stopped.reason}${detail}`;
  }
  const unready = containers.find((container) => !container.ready && container.state?.running !== undefined);
  if (unready !== undefined) return `${unready.name} is not ready yet`;
  return pod.status?.message ?? pod.status?.reason ?? '';
}

function proxyStates(pods: readonly Pod[], report: ControlPlaneReport | undefined): readonly ProxyState[] {
  const connected = new Map((report?.proxies ?? []).map((proxy) => [`${proxy.namespace}/${proxy.pod}`, proxy]));
  // The denominator is the pods that should have a proxy: one that was never seen has nothing applied.
  return pods.filter(hasProxy).map((pod): ProxyState => {
    const { name, namespace = '' } = pod.metadata;
    const proxy = connected.get(`${namespace}/${name}`);
    if (proxy === undefined) {
      return {
        pod: name,
        namespace,
        state: 'DISCONNECTED',
        reason: report === undefined ? 'the control plane does not answer' : 'no stream',
        generation: 0,
      };
    }
    return { pod: name, namespace, state: proxy.state, reason: proxy.reason, generation: proxy.generation };
  });
}

function hasProxy(pod: Pod): boolean {
  const ended = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
  return (
    !ended &&
    pod.metadata.deletionTimestamp === undefined &&
    pod.metadata.annotations?.['sidecar.istio.io/status'] !== undefined
  );
}

// The control plane says again what the source said, so what both say is listed once.
function problemsOf(found: readonly SourceProblem[], report: ControlPlaneReport | undefined): readonly MeshProblem[] {
  const all = [...found.map(ofSource), ...(report?.problems ?? [])];
  return [
    ...new Map(
      all.map((problem) => [JSON.stringify([problem.file, problem.line, problem.field, problem.message]), problem]),
    ).values(),
  ];
}
