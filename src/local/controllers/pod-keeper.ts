import { setTimeout as pause } from 'node:timers/promises';
import { MizzenError } from '../../base/error.ts';
import type { Pod } from '../../schema/index.ts';
import { objectKey, refOf, type ObjectRef } from '../../schema/object.ts';
import type { WatchLine } from '../../sources/watch-line.ts';
import type { Store } from '../store/store.ts';
import { mountedNames } from './pod-references.ts';
import type { PodRunner } from './pod-runner.ts';
import { isPod, isReady } from './pod-state.ts';

/** What a keeper works with. */
export interface PodKeeperOptions<Inputs> {
  readonly store: Store;
  readonly runner: PodRunner<Inputs>;
  readonly inputsOf: (pod: Pod) => Inputs;
  /** Time between the end of a ready pod's endpoints and its SIGTERM. Default 500. */
  readonly drainMs?: number;
  /** Pause before what failed is tried again; it doubles up to a minute. Default 1,000. */
  readonly retryMs?: number;
}

/** Sees to it that the pods of the store run, and no others: what the kubelet does. */
export interface PodKeeper {
  /** Compares the store with what runs. */
  sync(): void;
  /** Ends all pods; resolves when they are gone. Throws `pods-left` when some cannot be ended. */
  stop(graceMs?: number): Promise<void>;
}

const longestRetryMs = 60_000;

/** Each pod of the store has one task, from its start to its end; the pod leaves the store when it is gone. */
export function createPodKeeper<Inputs>(options: PodKeeperOptions<Inputs>): PodKeeper {
  const { store, runner } = options;
  const tasks = new Map<string, { readonly done: Promise<void>; readonly end: AbortController }>();
  const ended = new AbortController();
  const endStatus = runner.onStatus(({ key, uid, status }) => void store.putStatus(podRef(key), status, uid));
  const endWatch = store.watch((line) => refreshMounts(options, line, (uid) => tasks.has(uid)));

  return {
    sync() {
      if (ended.signal.aborted) return;
      for (const pod of store.list('Pod').filter(isPod)) {
        const uid = pod.metadata.uid ?? '';
        const task = tasks.get(uid);
        if (task === undefined) {
          const end = new AbortController();
          const done = live(options, pod, end.signal).finally(() => tasks.delete(uid));
          tasks.set(uid, { done, end });
        } else if (pod.metadata.deletionTimestamp !== undefined) task.end.abort();
      }
    },
    async stop(graceMs) {
      ended.abort();
      endStatus();
      endWatch();
      for (const { end } of tasks.values()) end.abort(new Hurry(graceMs));
      const results = await Promise.allSettled([...tasks.values()].map(({ done }) => done));
      const failed = results.find((result) => result.status === 'rejected');
      if (failed !== undefined) {
        throw new MizzenError('pods-left', 'not all pods could be ended', { cause: failed.reason });
      }
    },
  };
}

/** Why a pod ends at once: all of the mesh does. */
class Hurry extends Error {
  readonly graceMs: number | undefined;
  constructor(graceMs: number | undefined) {
    super('the mesh ends');
    this.graceMs = graceMs;
  }
}

async function live<Inputs>(options: PodKeeperOptions<Inputs>, pod: Pod, end: AbortSignal): Promise<void> {
  const { store, runner } = options;
  const key = objectKey(pod);
  if (pod.metadata.deletionTimestamp === undefined) {
    await untilDone(options, pod, end, () => runner.start(pod, options.inputsOf(pod)));
    await aborted(end);
  }
  const hurry = end.reason instanceof Hurry ? end.reason : undefined;
  const last = store.get(refOf(pod))?.object;
  // Its endpoints went when it was marked; callers need a moment to hear of it.
  if (hurry === undefined && last !== undefined && isPod(last) && wasReady(last)) await pause(options.drainMs ?? 500);
  if (hurry !== undefined) await runner.stop(key, hurry.graceMs);
  else await untilDone(options, pod, undefined, () => runner.stop(key));
  if (store.get(refOf(pod))?.object.metadata.uid === pod.metadata.uid) store.finalize(refOf(pod));
}

function wasReady(pod: Pod): boolean {
  const { deletionTimestamp: _, ...metadata } = pod.metadata;
  return isReady({ ...pod, metadata });
}

/** Tries until it works or is not wanted any more; why it does not work stands in the pod's status. */
async function untilDone<Inputs>(
  options: PodKeeperOptions<Inputs>,
  pod: Pod,
  end: AbortSignal | undefined,
  work: () => Promise<void>,
): Promise<void> {
  for (let retryMs = options.retryMs ?? 1000; end?.aborted !== true; retryMs = Math.min(retryMs * 2, longestRetryMs)) {
    try {
      await work();
      return;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      options.store.putStatus(refOf(pod), { phase: 'Pending', reason: 'RunnerFailed', message }, pod.metadata.uid);
    }
    await pause(retryMs, undefined, end === undefined ? {} : { signal: end }).catch(() => undefined);
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function podRef(key: string): ObjectRef {
  const [namespace = '', name = ''] = key.split('/');
  return { kind: 'Pod', namespace, name };
}

function refreshMounts<Inputs>(
  { store, runner }: PodKeeperOptions<Inputs>,
  line: WatchLine,
  runs: (uid: string) => boolean,
): void {
  if (!('object' in line) || (line.object.kind !== 'ConfigMap' && line.object.kind !== 'Secret')) return;
  const { kind, metadata } = line.object;
  for (const pod of store.list('Pod', metadata.namespace).filter(isPod)) {
    if (!runs(pod.metadata.uid ?? '') || !mountedNames(pod.spec).has(`${kind}/${metadata.name}`)) continue;
    // A pod that cannot be refreshed now is on its way in or out, and reads all of it when it starts.
    void runner.refresh(objectKey(pod)).catch(() => undefined);
  }
}
