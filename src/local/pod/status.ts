/** What is known of a running pod, in the shape of Kubernetes' PodStatus. */

export type ContainerState =
  | { readonly waiting: { readonly reason: string; readonly message?: string } }
  | { readonly running: { readonly startedAt: string } }
  | { readonly terminated: Termination };

/** How a run of a container ended. */
export interface Termination {
  /** 128 + signal number where a signal ended it. */
  readonly exitCode: number;
  readonly signal?: number;
  readonly reason: string;
  readonly message?: string;
  readonly startedAt: string;
  readonly finishedAt: string;
}

export interface ContainerStatus {
  readonly name: string;
  readonly image: string;
  readonly ready: boolean;
  readonly started: boolean;
  readonly restartCount: number;
  readonly state: ContainerState;
  /** How the run before this one ended. */
  readonly lastState?: ContainerState;
}

export interface PodCondition {
  readonly type: 'Initialized' | 'ContainersReady' | 'Ready' | 'PodScheduled';
  readonly status: 'True' | 'False';
  readonly reason?: string;
  readonly message?: string;
}

export interface PodStatus {
  readonly phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed';
  /** Why the pod as a whole is where it is; absent where the containers say it all. */
  readonly reason?: string;
  readonly message?: string;
  readonly podIP?: string;
  readonly podIPs?: readonly { readonly ip: string }[];
  readonly hostIP?: string;
  readonly startTime: string;
  readonly conditions: readonly PodCondition[];
  readonly initContainerStatuses: readonly ContainerStatus[];
  readonly containerStatuses: readonly ContainerStatus[];
}

/** A pod's status together with the pod it belongs to. */
export interface PodReport {
  /** `namespace/name`. */
  readonly key: string;
  readonly uid: string;
  readonly status: PodStatus;
}

/** Parts of a status that the pod knows; the rest follows from its containers. */
export interface PodFacts {
  readonly address: string | undefined;
  readonly startTime: string;
  readonly initialized: boolean;
  /** Set when the pod has come to its end by itself. */
  readonly ended: 'Succeeded' | 'Failed' | undefined;
  readonly reason: string | undefined;
  readonly message: string | undefined;
  readonly initContainers: readonly ContainerStatus[];
  /** Names of the init containers that stay. */
  readonly sidecars: ReadonlySet<string>;
  readonly containers: readonly ContainerStatus[];
}

/** The status of a pod from what is known of its parts. Pure. */
export function podStatus(facts: PodFacts): PodStatus {
  const kept = [...facts.initContainers.filter((one) => facts.sidecars.has(one.name)), ...facts.containers];
  const notReady = kept.filter((one) => !one.ready).map((one) => one.name);
  const ready = facts.initialized && facts.ended === undefined && notReady.length === 0;
  const why = facts.ended === undefined ? 'ContainersNotReady' : 'PodCompleted';
  const unready = ready
    ? {}
    : {
        reason: why,
        ...(notReady.length > 0 ? { message: `containers with unready status: [${notReady.join(' ')}]` } : {}),
      };
  const flag = (on: boolean): 'True' | 'False' => (on ? 'True' : 'False');
  return Object.freeze({
    phase: facts.ended ?? (facts.initialized ? 'Running' : 'Pending'),
    ...(facts.reason === undefined ? {} : { reason: facts.reason }),
    ...(facts.message === undefined ? {} : { message: facts.message }),
    ...(facts.address === undefined ? {} : { podIP: facts.address, podIPs: [{ ip: facts.address }] }),
    startTime: facts.startTime,
    conditions: [
      { type: 'PodScheduled' as const, status: flag(true) },
      { type: 'Initialized' as const, status: flag(facts.initialized) },
      { type: 'ContainersReady' as const, status: flag(ready), ...unready },
      { type: 'Ready' as const, status: flag(ready), ...unready },
    ],
    initContainerStatuses: facts.initContainers,
    containerStatuses: facts.containers,
  });
}

/** True where the pod may get traffic. */
export function isReady(status: PodStatus): boolean {
  return status.conditions.some((one) => one.type === 'Ready' && one.status === 'True');
}
