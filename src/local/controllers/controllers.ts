import { MizzenError } from '../../base/error.ts';
import type { Deployment, EndpointSlice, Pod, PodSpec, Service } from '../../schema/index.ts';
import { objectKey, refOf, refText, type KubeObject, type Origin } from '../../schema/object.ts';
import type { SourceBatch, SourceProblem } from '../../sources/source.ts';
import type { Store } from '../store/store.ts';
import { planDeployment } from './deployment.ts';
import { endpointSlicesOf, managedByLabel, serviceNameLabel, sliceKeeper } from './endpoint-slices.ts';
import { createIntake, type Intake } from './intake.ts';
import { namespaceObjects } from './namespace-objects.ts';
import { createPodKeeper, type PodKeeper, type PodKeeperOptions } from './pod-keeper.ts';
import { podReferences } from './pod-references.ts';
import { isPod } from './pod-state.ts';

/** What the controllers work with. */
export interface ControllersOptions<Inputs> extends PodKeeperOptions<Inputs> {
  /** From 0 to below 1; names pods. */
  readonly random: () => number;
  /** What runs in place of a pod that is made: injection. Throws MizzenError if the pod cannot be injected. */
  readonly inject: (pod: Pod) => Pod;
  /** The mesh's root certificates as PEM, for the ConfigMap of every namespace. */
  readonly rootCertificate: () => string;
  /** Name of the machine. Default `local`. */
  readonly nodeName?: string;
}

/** Makes out of what is written what runs, and tells who can be called: what a cluster's controllers do. */
export interface Controllers {
  /** Takes in what a source of manifests says. */
  take(batch: SourceBatch): void;
  /** Looks at everything again: something outside the store, such as the root certificate, has changed. */
  reconsider(): void;
  /** Ends all pods; resolves when they are gone. Throws `pods-left` when some cannot be ended. */
  stop(graceMs?: number): Promise<void>;
}

/** Annotation with the hash of what is written of a bare pod. */
const writtenHash = 'mizzen.io/written-hash';

interface Work<Inputs> {
  readonly options: ControllersOptions<Inputs>;
  readonly intake: Intake;
  readonly keeper: PodKeeper;
}

/** Works through the whole store after any change of it, once a turn, until nothing changes any more. */
export function createControllers<Inputs>(options: ControllersOptions<Inputs>): Controllers {
  const { store } = options;
  const work: Work<Inputs> = { options, intake: createIntake(store), keeper: createPodKeeper(options) };
  let scheduled = false;
  let ended = false;
  const schedule = (): void => {
    if (scheduled || ended) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      if (!ended) reconcile(work);
    });
  };
  const endWatch = store.watch(schedule);
  return {
    take(batch) {
      work.intake.take(batch);
      schedule();
    },
    reconsider: schedule,
    async stop(graceMs) {
      ended = true;
      endWatch();
      await work.keeper.stop(graceMs);
    },
  };
}

function reconcile<Inputs>(work: Work<Inputs>): void {
  const { store, rootCertificate } = work.options;
  const certificate = rootCertificate();
  for (const { metadata } of store.list('Namespace')) {
    for (const object of namespaceObjects(metadata.name, certificate)) {
      // An account that somebody wrote is left as it is.
      if (object.kind !== 'ServiceAccount' || store.get(refOf(object)) === undefined) store.put(object);
    }
  }
  const problems = [...makeWrittenPods(work), ...makeDeployedPods(work)];
  store.setProblems('controllers', problems);
  makeSlices(store);
  work.keeper.sync();
}

function makeWrittenPods<Inputs>(work: Work<Inputs>): SourceProblem[] {
  const { store } = work.options;
  const problems: SourceProblem[] = [];
  for (const { pod, origin, hash } of work.intake.pods.values()) {
    const present = store.get(refOf(pod))?.object;
    const missing = missingOf(store, pod.spec, { object: pod, origin, path: 'spec' });
    problems.push(...missing);
    if (present !== undefined) {
      // Kubernetes refuses to change a running pod; here it is replaced.
      if (present.metadata.annotations?.[writtenHash] !== hash) store.delete(refOf(pod));
    } else if (!missing.some(({ level }) => level === 'error')) {
      const annotations = { ...pod.metadata.annotations, [writtenHash]: hash };
      const refusal = makePod(work, { ...pod, metadata: { ...pod.metadata, annotations } }, origin);
      if (refusal !== undefined) problems.push(refused(refusal, pod, origin));
    }
  }
  return problems;
}

function makeDeployedPods<Inputs>(work: Work<Inputs>): SourceProblem[] {
  const { store, random } = work.options;
  const problems: SourceProblem[] = [];
  const owned = Map.groupBy(store.list('Pod').filter(isPod), (pod) => pod.metadata.ownerReferences?.[0]?.uid ?? '');
  for (const deployment of store.list('Deployment').filter(isDeployment)) {
    const origin = store.get(refOf(deployment))?.origin ?? { file: 'local', line: 1 };
    const plan = planDeployment(deployment, owned.get(deployment.metadata.uid ?? '-') ?? [], random);
    const missing = missingOf(store, deployment.spec.template.spec, {
      object: deployment,
      origin,
      path: 'spec.template.spec',
    });
    problems.push(...missing);
    const create = missing.some(({ level }) => level === 'error') ? [] : plan.create;
    // One refusal stands for all: the pods differ in their names only.
    const refusal = create.map((pod) => makePod(work, pod, origin)).find((error) => error !== undefined);
    if (refusal !== undefined) problems.push(refused(refusal, deployment, origin));
    for (const ref of plan.remove) store.delete(ref);
    store.putStatus(refOf(deployment), plan.status);
  }
  return problems;
}

/** Makes a pod; the error of its injection where it cannot be made. */
function makePod<Inputs>({ options }: Work<Inputs>, pod: Pod, origin: Origin): MizzenError | undefined {
  const spec = {
    ...pod.spec,
    serviceAccountName: pod.spec.serviceAccountName ?? 'default',
    nodeName: options.nodeName ?? 'local',
  };
  try {
    options.store.put(options.inject({ ...pod, spec }), origin);
    return undefined;
  } catch (error) {
    if (error instanceof MizzenError) return error;
    throw error;
  }
}

// Named by what is written: a name made up for a pod would be another one at each look, and each look cause the next.
function refused(error: MizzenError, written: KubeObject, { file, line }: Origin): SourceProblem {
  const object = refOf(written);
  const what = written.kind === 'Pod' ? 'it' : 'its pods';
  return {
    level: 'error',
    file,
    line,
    column: 1,
    object,
    message: `${refText(object)}: ${what} cannot be made: ${error.message}`,
    ...(error.fix === undefined ? {} : { fix: error.fix }),
  };
}

function isDeployment(object: KubeObject): object is Deployment {
  return object.kind === 'Deployment';
}

interface Place {
  readonly object: KubeObject;
  readonly origin: Origin;
  /** The pod spec's path within the object. */
  readonly path: string;
}

function missingOf(store: Store, spec: PodSpec, { object, origin, path }: Place): SourceProblem[] {
  return podReferences(spec, object.metadata.namespace ?? 'default').flatMap(({ ref, field, refuses }) => {
    if (store.get(ref) !== undefined) return [];
    const at = `${path}.${field}`;
    const consequence = refuses ? 'its pods are not made' : 'the container waits for it';
    return [
      {
        level: refuses ? 'error' : 'warning',
        file: origin.file,
        line: origin.lines?.[at] ?? origin.line,
        column: 1,
        object: refOf(object),
        field: at,
        message: `${at}: there is no ${refText(ref)}; ${consequence}`,
        fix: `add the ${ref.kind} ${ref.name} to namespace ${ref.namespace}, or correct the name`,
      } as const,
    ];
  });
}

function makeSlices(store: Store): void {
  const pods = Map.groupBy(store.list('Pod').filter(isPod), (pod) => pod.metadata.namespace ?? '');
  const kept = Map.groupBy(
    store.list('EndpointSlice').filter(isKept),
    (slice) => `${slice.metadata.namespace ?? ''}/${slice.metadata.labels?.[serviceNameLabel] ?? ''}`,
  );
  for (const service of store.list('Service').filter(isService)) {
    const slices = endpointSlicesOf(service, pods.get(service.metadata.namespace ?? '') ?? []);
    for (const slice of slices) store.put(slice, store.get(refOf(service))?.origin);
    const names = new Set(slices.map((slice) => slice.metadata.name));
    for (const slice of kept.get(objectKey(service)) ?? [])
      if (!names.has(slice.metadata.name)) store.delete(refOf(slice));
  }
}

function isKept(object: KubeObject): object is EndpointSlice {
  return object.metadata.labels?.[managedByLabel] === sliceKeeper;
}

function isService(object: KubeObject): object is Service {
  return object.kind === 'Service';
}
