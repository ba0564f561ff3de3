import { hasReadyCondition } from '../../model/endpoint.ts';
import type { KubeObject } from '../../schema/object.ts';
import type { Pod } from '../../schema/index.ts';

/** Whether an object is a pod. */
export function isPod(object: KubeObject): object is Pod {
  return object.kind === 'Pod';
}

/** Whether a pod is there to stay: not about to go, and not at its end. */
export function isLive(pod: Pod): boolean {
  const phase = pod.status?.phase;
  return pod.metadata.deletionTimestamp === undefined && phase !== 'Succeeded' && phase !== 'Failed';
}

/** Whether a pod may get traffic. */
export function isReady(pod: Pod): boolean {
  return isLive(pod) && hasReadyCondition(pod);
}

/** Whether an object has all labels that a selector wants; an empty selector selects nothing. */
export function selects(selector: Readonly<Record<string, string>> | undefined, object: KubeObject): boolean {
  const wanted = Object.entries(selector ?? {});
  const labels = object.metadata.labels ?? {};
  return wanted.length > 0 && wanted.every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value);
}
