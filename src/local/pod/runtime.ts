import { mkdirSync, rmSync } from 'node:fs';
import { MizzenError } from '../../base/error.ts';
import { objectKey } from '../../schema/object.ts';
import { createPodNetwork } from '../net/pod-network.ts';
import { runTool, toolPath } from '../sandbox/run-tool.ts';
import { runFolder } from '../sandbox/sandbox-script.ts';
import { defaultBackoff } from './backoff.ts';
import type { BackoffOptions } from './backoff.ts';
import type { ExecStreams } from './exec.ts';
import { resolvePath } from './host-view.ts';
import { PodRun } from './pod-run.ts';
import type { PodInputs, RunSettings } from './pod-run.ts';
import type { Pod } from './spec.ts';
import { readLog } from './read-log.ts';
import type { LogOptions } from './read-log.ts';
import type { PodReport, PodStatus } from './status.ts';

/** Settings of the runtime. */
export interface PodRuntimeOptions {
  /** As the sandbox was entered. */
  readonly kind: 'root' | 'user';
  /** The mesh's state folder; logs go to its `logs`, and no pod sees it. */
  readonly stateFolder: string;
  /** Further folders that no pod may see. */
  readonly hidden?: readonly string[];
  /** Folders below /tmp that pods see though their /tmp is their own: the mesh's YAML, the program itself. */
  readonly visible?: readonly string[];
  /** What every container has in its environment before anything else; PATH (and the folder of Envoy's binary) and HOME of this process by default. */
  readonly variables?: Readonly<Record<string, string>>;
  readonly backoff?: BackoffOptions;
}

/** Runs pods as processes on this machine: to the mesh what the kubelet is to a cluster. */
export interface PodRuntime {
  /** Takes a pod on. Resolves when it has its address; all that follows shows in its status. Throws `pod-exists`, `pod-invalid`, `tool-failed`. */
  start(pod: Pod, inputs: PodInputs): Promise<void>;
  /** Ends a pod within a grace period (the pod's own by default) and removes all of it. An unknown pod is gone already. */
  stop(key: string, graceMs?: number): Promise<void>;
  /** Runs a command in a container (the first by default). Throws `pod-unknown`, `container-unknown`, `container-not-running`. */
  exec(key: string, container: string | undefined, argv: readonly string[], streams: ExecStreams): Promise<number>;
  /** A container's log. Throws `pod-unknown`, `container-unknown`. */
  logs(key: string, container: string | undefined, options?: LogOptions): AsyncGenerator<Buffer, void, undefined>;
  /** Writes a pod's ConfigMap, Secret and downward volumes again after what they show has changed. */
  refresh(key: string): Promise<void>;
  /** Hears of every change of every pod. The returned function ends it. */
  onStatus(listener: (report: PodReport) => void): () => void;
  /** Status of a pod; undefined where there is none. */
  status(key: string): PodStatus | undefined;
}

/** Starts the runtime in this process, which must be inside the sandbox. */
export async function createPodRuntime(options: PodRuntimeOptions): Promise<PodRuntime> {
  const settings = await settingsOf(options);
  const runs = new Map<string, PodRun>();
  const listeners = new Set<(report: PodReport) => void>();

  function known(key: string): PodRun {
    const run = runs.get(key);
    if (run === undefined) throw new MizzenError('pod-unknown', `there is no pod ${key}`);
    return run;
  }

  async function start(pod: Pod, inputs: PodInputs): Promise<void> {
    const key = objectKey(pod);
    if (runs.has(key)) throw new MizzenError('pod-exists', `pod ${key} is running already`);
    const uid = pod.metadata.uid ?? '';
    const run = new PodRun(pod, inputs, settings, (status) => {
      for (const listener of listeners) listener({ key, uid, status });
    });
    runs.set(key, run);
    try {
      await run.start();
    } catch (error) {
      await stop(key, 0);
      throw error;
    }
  }

  async function stop(key: string, graceMs?: number): Promise<void> {
    const run = runs.get(key);
    if (run === undefined) return;
    await run.stop(graceMs);
    runs.delete(key);
  }

  return {
    start,
    stop,
    exec: async (key, container, argv, streams) => known(key).unit(container).exec(argv, streams),
    logs: (key, container, logOptions) => readLog(known(key).logPath(known(key).unit(container).container), logOptions),
    refresh: async (key) => known(key).refresh(),
    onStatus: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    status: (key) => runs.get(key)?.status(),
  };
}

async function settingsOf(options: PodRuntimeOptions): Promise<RunSettings> {
  const logFolder = `${options.stateFolder}/logs`;
  // Logs of pods that ended with an earlier sandbox: nobody can ask for them any more.
  rmSync(logFolder, { recursive: true, force: true });
  mkdirSync(logFolder, { recursive: true, mode: 0o700 });
  const path = `${process.env['PATH'] ?? toolPath()}:${runFolder}/bin`;
  return {
    kind: options.kind,
    runFolder,
    logFolder,
    // Mount points are taken by their real names: a link on the way would lead out of the container's root.
    hidden: [options.stateFolder, ...(options.hidden ?? [])].map((one) => resolvePath(one).path),
    visible: (options.visible ?? []).map((one) => resolvePath(one).path),
    variables: options.variables ?? { PATH: path, HOME: process.env['HOME'] ?? '/' },
    backoff: options.backoff ?? defaultBackoff,
    overlay: await canOverlay(),
    network: await createPodNetwork(`${runFolder}/ns`),
  };
}

const overlayTrial = `
set -e
mount -n -t tmpfs trial "$1"
mkdir "$1/upper" "$1/work" "$1/merged"
mount -n -t overlay overlay -o "lowerdir=/etc,upperdir=$1/upper,workdir=$1/work" "$1/merged"
`;

/** Old kernels keep overlays from ordinary users, so it is tried, in mounts that end with the trial. */
async function canOverlay(): Promise<boolean> {
  const trial = ['--mount', '--propagation', 'private', 'sh', '-c', overlayTrial, 'trial', `${runFolder}/pods`];
  return (await runTool('unshare', trial)).code === 0;
}
