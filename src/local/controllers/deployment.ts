import { canonicalJson } from '../../base/json.ts';
import type { Deployment, Pod } from '../../schema/index.ts';
import { refOf, type ObjectRef } from '../../schema/object.ts';
import { isLive, isReady } from './pod-state.ts';
import { boundedName, safeHash, safeRandom } from './safe-name.ts';

/** What is to be done for a Deployment now. */
export interface DeploymentPlan {
  readonly create: readonly Pod[];
  readonly remove: readonly ObjectRef[];
  readonly status: DeploymentStatus;
}

/** A Deployment's status as Kubernetes writes it. */
export interface DeploymentStatus {
  readonly observedGeneration: number;
  readonly replicas: number;
  readonly updatedReplicas: number;
  readonly readyReplicas: number;
  readonly availableReplicas: number;
  readonly unavailableReplicas: number;
  readonly conditions: readonly {
    readonly type: 'Available';
    readonly status: 'True' | 'False';
    readonly reason: string;
  }[];
}

/** Label that tells the pods of one template from those of another. */
export const templateHashLabel = 'pod-template-hash';

/**
 * The next step of a Deployment with the pods it owns. A changed template brings new pods first, at most a quarter (and at
 * least one) more than are wanted; a ready old pod goes only when that leaves enough ready ones. Pure: `random` names pods.
 */
export function planDeployment(deployment: Deployment, owned: readonly Pod[], random: () => number): DeploymentPlan {
  const wanted = deployment.spec.replicas ?? 1;
  const hash = safeHash(canonicalJson(deployment.spec.template), 10);
  const live = owned.filter(isLive);
  const updated = live.filter((pod) => pod.metadata.labels?.[templateHashLabel] === hash);
  const old = live.filter((pod) => !updated.includes(pod));
  const ended = owned.filter((pod) => !isLive(pod) && pod.metadata.deletionTimestamp === undefined);

  const room = wanted + Math.max(1, Math.ceil(wanted / 4)) - live.length;
  const count = Math.max(0, Math.min(wanted - updated.length, room));
  const create = Array.from({ length: count }, () => podOf(deployment, hash, random));
  const surplus = bySparing(updated).slice(0, Math.max(0, updated.length - wanted));
  const readyOld = bySparing(old.filter(isReady));
  const spare = Math.max(0, live.filter(isReady).length - surplus.filter(isReady).length - wanted);
  const remove = [...ended, ...old.filter((pod) => !isReady(pod)), ...readyOld.slice(0, spare), ...surplus];

  const ready = live.filter(isReady).length;
  const available = ready >= wanted;
  return {
    create,
    remove: remove.map(refOf),
    status: {
      observedGeneration: deployment.metadata.generation ?? 1,
      replicas: live.length,
      updatedReplicas: updated.length,
      readyReplicas: ready,
      availableReplicas: ready,
      unavailableReplicas: Math.max(0, wanted - ready),
      conditions: [
        {
          type: 'Available',
          status: available ? 'True' : 'False',
          reason: available ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
        },
      ],
    },
  };
}

/** Pods in the order in which they may go: not ready first, then the youngest. */
function bySparing(pods: readonly Pod[]): Pod[] {
  const age = (pod: Pod): string => pod.metadata.creationTimestamp ?? '';
  return pods.toSorted(
    (a, b) =>
      Number(isReady(a)) - Number(isReady(b)) ||
      age(b).localeCompare(age(a)) ||
      a.metadata.name.localeCompare(b.metadata.name),
  );
}

function podOf(deployment: Deployment, hash: string, random: () => number): Pod {
  const { name, namespace, uid } = deployment.metadata;
  const { metadata = {}, spec } = deployment.spec.template;
  const owner = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    name,
    controller: true,
    ...(uid === undefined ? {} : { uid }),
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: boundedName(`${name}-${hash}`, safeRandom(random, 5)),
      namespace: namespace ?? 'default',
      labels: { ...metadata.labels, [templateHashLabel]: hash },
      ...(metadata.annotations === undefined ? {} : { annotations: metadata.annotations }),
      ownerReferences: [owner],
    },
    spec,
  };
}
