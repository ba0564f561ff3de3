import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { MizzenError } from '../../base/error.ts';
import { gatewayAddress } from '../net/pod-network.ts';
import type { PodNamespaces, PodNetwork } from '../net/pod-network.ts';
import { runScript } from '../sandbox/run-tool.ts';
import type { BackoffOptions } from './backoff.ts';
import { createContainerLog } from './container-log.ts';
import type { ContainerLog } from './container-log.ts';
import type { ProcessRequest } from './container-process.ts';
import { ContainerUnit } from './container-unit.ts';
import type { RestartPolicy } from './container-unit.ts';
import { hostFiles } from './host-files.ts';
import { pause } from './probe-loop.ts';
import { privilegesOf } from './privileges.ts';
import type { Container, Pod, PodSpec } from './spec.ts';
import { podStatus } from './status.ts';
import type { PodStatus } from './status.ts';
import { environmentOf, expand, MissingReference } from './variables.ts';
import type { ContentSource } from './variables.ts';
import { createVolumes } from './volumes.ts';
import type { PodVolumes } from './volumes.ts';

/** What runs in place of an image. */
export interface ImageCommand {
  /** Absent: the container's own arguments are the command. */
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly workingDir?: string;
}

/** Everything that a Pod only names. */
export interface PodInputs extends ContentSource {
  /** A token of the pod's service account for an audience; undefined is the default audience. */
  token(audience: string | undefined, expirationSeconds: number): Promise<string>;
  /** Text of the pod's /etc/resolv.conf. */
  readonly resolvConf: string;
  /** What runs for an image; undefined where nobody says so. */
  command(image: string): ImageCommand | undefined;
  /** Variables that every container gets below its own (Kubernetes' service variables); none by default. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Paths inside the mesh's hidden folders that this pod may mount by hostPath all the same; none by default. */
  readonly systemPaths?: readonly string[];
}

/** Settings that all pods of a runtime share. */
export interface RunSettings {
  readonly kind: 'root' | 'user';
  readonly runFolder: string;
  readonly logFolder: string;
  readonly hidden: readonly string[];
  readonly visible: readonly string[];
  readonly variables: Readonly<Record<string, string>>;
  readonly backoff: BackoffOptions;
  readonly overlay: boolean;
  readonly network: PodNetwork;
}

const volumeRetryMs = 1000;
const defaultGraceSeconds = 30;

/** One pod from its start to its end. */
export class PodRun {
  readonly pod: Pod;
  readonly #spec: PodSpec;
  readonly #inputs: PodInputs;
  readonly #settings: RunSettings;
  readonly #onStatus: (status: PodStatus) => void;
  readonly #id: string;
  readonly #folder: string;
  readonly #startTime = new Date().toISOString();
  readonly #stopping = new AbortController();
  readonly #initUnits: ContainerUnit[] = [];
  readonly #units: ContainerUnit[] = [];
  readonly #logs: ContainerLog[] = [];
  readonly #background: Promise<unknown>[] = [];
  #namespaces: PodNamespaces | undefined;
  #volumes: PodVolumes | undefined;
  #initialized = false;
  #ended: 'Succeeded' | 'Failed' | undefined;
  #reason: string | undefined;
  #message: string | undefined;
  #stopped: Promise<void> | undefined;

  constructor(pod: Pod, inputs: PodInputs, settings: RunSettings, onStatus: (status: PodStatus) => void) {
    if (pod.spec === undefined || pod.spec.containers.length === 0)
      throw new MizzenError('pod-invalid', `pod ${pod.metadata.name} has no containers`);
    this.pod = pod;
    this.#spec = pod.spec;
    this.#inputs = inputs;
    this.#settings = settings;
    this.#onStatus = onStatus;
    this.#id = podId(pod);
    this.#folder = `${settings.runFolder}/pods/${this.#id}`;
  }

  /** Makes the pod's network; the rest goes on in the background and shows in its status. Throws where the network cannot be made. */
  async start(): Promise<void> {
    mkdirSync(this.#folder, { recursive: true });
    this.#namespaces = await this.#settings.network.attach(this.#id, this.#spec.hostname ?? this.pod.metadata.name);
    const all = [...(this.#spec.initContainers ?? []), ...this.#spec.containers];
    mkdirSync(`${this.#folder}/log`);
    await runScript(
      'making the pipes of the logs',
      'mkfifo -m 666 "$@"',
      all.map((one) => this.#fifo(one)),
    );
    for (const container of this.#spec.initContainers ?? [])
      this.#initUnits.push(this.#unit(container, container.restartPolicy !== 'Always'));
    for (const container of this.#spec.containers) this.#units.push(this.#unit(container, false));
    this.#publish();
    this.#background.push(this.#main());
  }

  /** Ends the pod: containers together, then sidecars from the last to the first, all within the grace period; then nothing of it is left. */
  stop(graceMs?: number): Promise<void> {
    this.#stopped ??= this.#stop(graceMs ?? this.#graceMs());
    return this.#stopped;
  }

  /** The unit of a container; the first application container where none is named. Throws `container-unknown`. */
  unit(name: string | undefined): ContainerUnit {
    const unit =
      name === undefined
        ? this.#units[0]
        : [...this.#units, ...this.#initUnits].find((one) => one.container.name === name);
    if (unit !== undefined) return unit;
    const names = [...this.#initUnits, ...this.#units].map((one) => one.container.name).join(', ');
    throw new MizzenError('container-unknown', `pod ${this.pod.metadata.name} has no container "${name ?? ''}"`, {
      fix: `it has: ${names}`,
    });
  }

  /** Where a container's log lies, without its ending. */
  logPath(container: Container): string {
    return `${this.#settings.logFolder}/${this.#id}/${container.name}`;
  }

  /** Writes the volumes again where what they show has changed. */
  async refresh(): Promise<void> {
    if (!this.#stopping.signal.aborted) await this.#volumes?.write();
  }

  status(): PodStatus {
    const sidecars = this.#initUnits
      .filter((unit) => unit.container.restartPolicy === 'Always')
      .map((unit) => unit.container.name);
    return {
      ...podStatus({
        address: this.#namespaces?.address,
        startTime: this.#startTime,
        initialized: this.#initialized,
        ended: this.#ended,
        reason: this.#reason,
        message: this.#message,
        initContainers: this.#initUnits.map((unit) => unit.status()),
        sidecars: new Set(sidecars),
        containers: this.#units.map((unit) => unit.status()),
      }),
      hostIP: gatewayAddress,
    };
  }

  async #main(): Promise<void> {
    if (!(await this.#makeVolumes())) return;
    if (!(await this.#initialize())) return;
    this.#initialized = true;
    this.#publish();
    const policy: RestartPolicy = this.#spec.restartPolicy ?? 'Always';
    const ends = await Promise.all(this.#units.map((unit) => unit.run(policy)));
    if (this.#stopping.signal.aborted) return;
    await this.#finish(ends.every((end) => end?.exitCode === 0) ? 'Succeeded' : 'Failed');
  }

  /** Retries while something that a volume refers to is missing. False where the pod is stopped meanwhile. */
  async #makeVolumes(): Promise<boolean> {
    const { kind, hidden, runFolder } = this.#settings;
    const { address = '' } = this.#namespaces ?? {};
    const note = (message: string): void => this.#logs[0]?.note(message);
    const token = this.#inputs.token.bind(this.#inputs);
    this.#volumes = createVolumes(
      {
        pod: this.pod,
        address,
        content: this.#inputs,
        token,
        folder: this.#folder,
        kind,
        hidden: [...hidden, runFolder],
        allowed: this.#inputs.systemPaths ?? [],
      },
      note,
    );
    for (;;) {
      try {
        await this.#volumes.write();
        this.#reason = undefined;
        this.#message = undefined;
        return !this.#stopping.signal.aborted;
      } catch (error) {
        this.#reason = error instanceof MissingReference ? 'FailedMount' : 'FailedVolume';
        this.#message = error instanceof Error ? error.message : String(error);
        this.#publish();
      }
      if (!(await pause(volumeRetryMs, this.#stopping.signal))) return false;
    }
  }

  /** Init containers in their order; a sidecar counts as done when it has started. */
  async #initialize(): Promise<boolean> {
    for (const unit of this.#initUnits) {
      if (unit.container.restartPolicy === 'Always') {
        this.#background.push(unit.run('Always'));
        if (!(await unit.started)) return false;
        continue;
      }
      const end = await unit.run(this.#spec.restartPolicy === 'Never' ? 'Never' : 'OnFailure');
      if (this.#stopping.signal.aborted) return false;
      if (end?.exitCode !== 0) {
        await this.#finish('Failed');
        return false;
      }
    }
    return true;
  }

  async #finish(phase: 'Succeeded' | 'Failed'): Promise<void> {
    this.#ended = phase;
    await this.#stopSidecars(Date.now() + this.#graceMs());
    this.#publish();
  }

  async #stop(graceMs: number): Promise<void> {
    this.#stopping.abort();
    const deadline = Date.now() + graceMs;
    const first = [...this.#units, ...this.#initUnits.filter((unit) => unit.container.restartPolicy !== 'Always')];
    await Promise.all(first.map((unit) => unit.stop(graceMs)));
    await this.#stopSidecars(deadline);
    await Promise.all(this.#background);
    this.#volumes?.close();
    for (const log of this.#logs) log.close();
    if (this.#namespaces !== undefined) await this.#settings.network.detach(this.#namespaces);
    await rm(this.#folder, { recursive: true, force: true });
    await rm(`${this.#settings.logFolder}/${this.#id}`, { recursive: true, force: true });
  }

  async #stopSidecars(deadline: number): Promise<void> {
    for (const unit of this.#initUnits.toReversed()) {
      if (unit.container.restartPolicy === 'Always') await unit.stop(Math.max(0, deadline - Date.now()));
    }
  }

  #graceMs(): number {
    return (this.#spec.terminationGracePeriodSeconds ?? defaultGraceSeconds) * 1000;
  }

  #fifo(container: Container): string {
    return `${this.#folder}/log/${container.name}`;
  }

  #unit(container: Container, isInit: boolean): ContainerUnit {
    const log = createContainerLog(this.#fifo(container), this.logPath(container));
    this.#logs.push(log);
    return new ContainerUnit({
      container,
      address: this.#namespaces?.address ?? '',
      log,
      folder: `${this.#folder}/log`,
      backoff: this.#settings.backoff,
      graceMs: this.#graceMs(),
      prepare: (run) => this.#prepare(container, isInit, run),
      onChange: () => this.#publish(),
    });
  }

  #prepare(container: Container, isInit: boolean, run: number): Omit<ProcessRequest, 'output'> {
    const { kind, hidden, visible, runFolder, variables, overlay } = this.#settings;
    const namespaces = this.#namespaces;
    if (namespaces === undefined) throw new MizzenError('pod-invalid', 'the pod has no network');
    const image = this.#inputs.command(container.image ?? '');
    const base = { ...variables, ...this.#inputs.variables, ...image?.env };
    const environment = environmentOf({
      pod: this.pod,
      container,
      address: namespaces.address,
      content: this.#inputs,
      base,
    });
    const given = [
      ...(container.command ?? image?.command ?? []),
      ...(container.args ?? (container.command === undefined ? (image?.args ?? []) : [])),
    ];
    if (given.length === 0 || (container.command === undefined && image === undefined)) {
      throw new MissingReference(
        `nothing says what to run for image "${container.image ?? ''}" of container "${container.name}": give the container a command, or the image one in mizzen.yaml`,
      );
    }
    return {
      namespaces,
      privileges: privilegesOf({ kind, spec: this.#spec, container, isInit }),
      environment,
      workingDir: container.workingDir ?? image?.workingDir ?? '/',
      argv: given.map((text) => expand(text, environment)),
      tree: {
        folder: `${this.#folder}/run/${container.name}-${String(run)}`,
        kind,
        mounts: this.#volumes?.mountsOf(container) ?? [],
        etc: hostFiles(this.pod, namespaces.address, this.#inputs.resolvConf),
        hidden,
        visible,
        runFolder,
        overlay,
      },
    };
  }

  #publish(): void {
    this.#onStatus(this.status());
  }
}

/** A name for folders: readable, and another one for each pod that ever had this name. */
export function podId(pod: Pod): string {
  const { namespace, name, uid } = pod.metadata;
  return `${namespace ?? 'default'}_${name}_${uid ?? 'none'}`.replace(/[^A-Za-z0-9_.-]/gu, '-');
}
