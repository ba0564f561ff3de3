import type { Pod, PodStatus } from '../../schema/index.ts';

/** What runs pods; `local/pod` does. `Inputs` is what it needs besides the pod. */
export interface PodRunner<Inputs> {
  /** Takes a pod on; all that follows shows in its status. Rejects if it cannot be started at all. */
  start(pod: Pod, inputs: Inputs): Promise<void>;
  /** Ends a pod (`namespace/name`) within a grace period, the pod's own by default, and removes all of it. */
  stop(key: string, graceMs?: number): Promise<void>;
  /** A ConfigMap or Secret that the pod mounts has changed. */
  refresh(key: string): Promise<void>;
  /** Hears of every change of every pod. The returned function ends it. */
  onStatus(
    listener: (report: { readonly key: string; readonly uid: string; readonly status: PodStatus }) => void,
  ): () => void;
}
