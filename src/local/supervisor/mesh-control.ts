/** The supervisor's side of the control socket. */
import { MizzenError } from '../../base/error.ts';
import { hasReadyCondition } from '../../model/endpoint.ts';
import type { Pod } from '../../schema/index.ts';
import { objectKey, type SourcedObject } from '../../schema/object.ts';
import type { ExecRequest, LogsRequest, MeshControl, MeshStatus, ObjectFilter } from '../control/protocol.ts';
import type { PodRuntime } from '../pod/runtime.ts';
import type { Store } from '../store/store.ts';

/** What a control is made from. */
export interface MeshControlParts {
  readonly store: Store;
  readonly runtime: PodRuntime;
  readonly status: () => Promise<MeshStatus>;
  readonly stop: () => void;
}

/** Kinds whose content is not told to anybody who asks. */
const secretKinds: ReadonlySet<string> = new Set(['Secret']);

/** Answers the command line. */
export function meshControl(parts: MeshControlParts): MeshControl {
  const { store, runtime } = parts;
  return {
    status: parts.status,
    objects: (filter) => Promise.resolve(objectsOf(store, filter)),
    logs: (request) => logsOf(store, runtime, request),
    exec: (request) => exec(store, runtime, request),
    stop: () => {
      parts.stop();
      return Promise.resolve();
    },
  };
}

function objectsOf(store: Store, filter: ObjectFilter): readonly SourcedObject[] {
  const kinds = filter.kind === undefined ? store.kinds() : [filter.kind];
  return kinds.flatMap((kind) =>
    store
      .list(kind, filter.namespace)
      .filter((object) => filter.name === undefined || object.metadata.name === filter.name)
      .map((object) => {
        const { name, namespace = '' } = object.metadata;
        const origin = store.get({ kind, namespace, name })?.origin ?? { file: 'local', line: 0 };
        return { object: secretKinds.has(kind) ? withoutContent(object) : object, origin };
      }),
  );
}

function withoutContent<T extends object>(object: T): T {
  return { ...object, data: undefined, stringData: undefined };
}

/** The pod that a name means: a pod's own name, or `deploy/NAME` for one of a Deployment's, ready ones first. */
export function podNamed(store: Store, name: string, namespace: string): Pod {
  const pods = store.list('Pod', namespace).map((object) => object as Pod);
  const deployment = /^(?:deploy|deployment|deployments)\/(?<name>.+)$/u.exec(name)?.groups?.['name'];
  const found =
    deployment === undefined
      ? pods.filter((pod) => pod.metadata.name === name)
      : pods.filter((pod) =>
          pod.metadata.ownerReferences?.some((owner) => owner.kind === 'Deployment' && owner.name === deployment),
        );
  const best = found.toSorted((a, b) => rank(b) - rank(a))[0];
  if (best !== undefined) return best;
  const known = pods.map((pod) => pod.metadata.name).join(', ');
  throw new MizzenError('pod-unknown', `namespace ${namespace} has no pod ${name}`, {
    fix: known === '' ? `is it in another namespace? try -n` : `its pods are ${known}`,
  });
}

function rank(pod: Pod): number {
  if (pod.metadata.deletionTimestamp !== undefined) return 0;
  return hasReadyCondition(pod) ? 2 : 1;
}

/** The first container that is the application's own; a gateway has none but the proxy. */
function containerOf(pod: Pod, wanted: string | undefined): string | undefined {
  return (
    wanted ?? pod.metadata.annotations?.['kubectl.kubernetes.io/default-container'] ?? pod.spec.containers[0]?.name
  );
}

async function* logsOf(store: Store, runtime: PodRuntime, request: LogsRequest): AsyncGenerator<Uint8Array> {
  const pod = podNamed(store, request.name, request.namespace);
  yield* runtime.logs(objectKey(pod), containerOf(pod, request.container), {
    follow: request.follow,
    ...(request.tail === undefined ? {} : { tailLines: request.tail }),
    ...(request.previous === undefined ? {} : { previous: request.previous }),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
  });
}

function exec(store: Store, runtime: PodRuntime, request: ExecRequest): Promise<number> {
  const pod = podNamed(store, request.name, request.namespace);
  const { stdin, stdout, stderr, signal } = request;
  return runtime.exec(objectKey(pod), containerOf(pod, request.container), request.argv, {
    stdin,
    stdout,
    stderr,
    ...(signal === undefined ? {} : { signal }),
  });
}
