import { Writable } from 'node:stream';
import { MizzenError } from '../../base/error.ts';
import { createBackoff } from './backoff.ts';
import type { BackoffOptions } from './backoff.ts';
import type { ContainerLog } from './container-log.ts';
import { startContainerProcess } from './container-process.ts';
import type { ContainerProcess, ProcessRequest } from './container-process.ts';
import { execInContainer } from './exec.ts';
import type { ExecStreams } from './exec.ts';
import { attempt } from './probe.ts';
import type { ProbeTarget } from './probe.ts';
import { pause, runProbeLoop } from './probe-loop.ts';
import type { Container, Probe } from './spec.ts';
import type { ContainerState, ContainerStatus, Termination } from './status.ts';
import { MissingReference } from './variables.ts';

/** What a container needs from its pod. */
export interface UnitOptions {
  readonly container: Container;
  readonly address: string;
  readonly log: ContainerLog;
  /** A folder of the pod's own on the sandbox's tmpfs. */
  readonly folder: string;
  readonly backoff: BackoffOptions;
  /** Grace after SIGTERM where a probe ends the container and names none. */
  readonly graceMs: number;
  /** Puts a run together; throws MissingReference where something it refers to does not exist (yet). */
  readonly prepare: (run: number) => Omit<ProcessRequest, 'output'>;
  readonly onChange: () => void;
}

/** When a container that ended is started again. */
export type RestartPolicy = 'Always' | 'OnFailure' | 'Never';

const prepareRetryMs = 1000;
const hookLimitMs = 600_000;
const execOutputBytes = 4096;

/** One container over all its runs: starts it, asks its probes, restarts it, ends it. */
export class ContainerUnit {
  readonly container: Container;
  readonly #options: UnitOptions;
  readonly #stopping = new AbortController();
  readonly #started = Promise.withResolvers<boolean>();
  #state: ContainerState = { waiting: { reason: 'PodInitializing' } };
  #lastState: ContainerState | undefined;
  #ready = false;
  #isStarted = false;
  #runs = 0;
  #starts = 0;
  #process: ContainerProcess | undefined;
  #request: Omit<ProcessRequest, 'output'> | undefined;
  #ending: Promise<void> | undefined;
  #why: string | undefined;

  constructor(options: UnitOptions) {
    this.container = options.container;
    this.#options = options;
  }

  /** True once the container has started for the first time, false where it never will. */
  get started(): Promise<boolean> {
    return this.#started.promise;
  }

  status(): ContainerStatus {
    return {
      name: this.container.name,
      image: this.container.image ?? '',
      ready: this.#ready,
      started: this.#isStarted,
      restartCount: Math.max(0, this.#starts - 1),
      state: this.#state,
      ...(this.#lastState === undefined ? {} : { lastState: this.#lastState }),
    };
  }

  /** Runs the container until its policy wants no further run or `stop` is called. Undefined where it never ran. Never rejects. */
  async run(policy: RestartPolicy): Promise<Termination | undefined> {
    const backoff = createBackoff(this.#options.backoff);
    let last: Termination | undefined;
    for (;;) {
      const process = await this.#begin();
      if (process === undefined) break;
      last = await this.#live(process);
      if (this.#stopping.signal.aborted || policy === 'Never' || (policy === 'OnFailure' && last.exitCode === 0)) break;
      const waitMs = backoff.nextMs(Date.now() - process.startedAt.getTime());
      this.#lastState = { terminated: last };
      if (waitMs > 0)
        this.#change({
          waiting: {
            reason: 'CrashLoopBackOff',
            message: `back-off ${String(waitMs / 1000)}s restarting failed container ${this.container.name}`,
          },
        });
      if (!(await pause(waitMs, this.#stopping.signal))) break;
    }
    this.#started.resolve(false);
    return last;
  }

  /** Ends the container: preStop, SIGTERM, after the grace period SIGKILL. It is not started again. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping.abort();
    await this.#end(graceMs, undefined);
  }

  /** Runs a command in the container; throws `container-not-running`. */
  async exec(argv: readonly string[], streams: ExecStreams): Promise<number> {
    const process = this.#process;
    const request = this.#request;
    if (process === undefined || request === undefined)
      throw new MizzenError('container-not-running', `container ${this.container.name} is not running`);
    const { privileges, environment, workingDir } = request;
    return execInContainer(
      { pid: process.pid, privileges, environment, workingDir, folder: this.#options.folder },
      argv,
      streams,
    );
  }

  async #begin(): Promise<ContainerProcess | undefined> {
    while (!this.#stopping.signal.aborted) {
      try {
        const request = this.#options.prepare(this.#runs);
        this.#runs += 1;
        if (!('running' in this.#state) && this.#starts === 0)
          this.#change({ waiting: { reason: 'ContainerCreating' } });
        this.#options.log.nextRun();
        const process = await startContainerProcess({ ...request, output: this.#options.log.openWriter() });
        this.#request = request;
        this.#process = process;
        this.#starts += 1;
        // `stop` may have come while the process was being made and found nothing to end.
        if (this.#stopping.signal.aborted) process.kill('SIGKILL');
        return process;
      } catch (error) {
        if (!isOperational(error)) throw error;
        const reason = error instanceof MissingReference ? 'CreateContainerConfigError' : 'CreateContainerError';
        this.#change({ waiting: { reason, message: error.message } });
      }
      if (!(await pause(prepareRetryMs, this.#stopping.signal))) break;
    }
    return undefined;
  }

  async #live(process: ContainerProcess): Promise<Termination> {
    const over = new AbortController();
    const startedAt = process.startedAt.toISOString();
    this.#why = undefined;
    this.#change({ running: { startedAt } });
    const beginning = this.#afterStart(over.signal);
    const exitCode = await process.exited;
    over.abort();
    this.#options.log.drain();
    await beginning;
    this.#process = undefined;
    this.#ending = undefined;
    this.#ready = false;
    this.#isStarted = false;
    const message =
      this.#why ??
      (exitCode === 127
        ? 'exit code 127: the command was not found'
        : exitCode === 126
          ? 'exit code 126: the command or its working folder cannot be used'
          : undefined);
    const terminated: Termination = {
      exitCode,
      ...(exitCode > 128 ? { signal: exitCode - 128 } : {}),
      reason: exitCode === 0 ? 'Completed' : 'Error',
      ...(message === undefined ? {} : { message }),
      startedAt,
      finishedAt: new Date().toISOString(),
    };
    this.#change({ terminated });
    return terminated;
  }

  async #afterStart(over: AbortSignal): Promise<void> {
    const { lifecycle, startupProbe } = this.container;
    if (lifecycle?.postStart !== undefined) {
      const result = await attempt(lifecycle.postStart, this.#target(), hookLimitMs);
      if (over.aborted) return;
      if (!result.ok) {
        void this.#end(this.#options.graceMs, `postStart hook failed: ${result.message}`);
        return;
      }
    }
    if (startupProbe === undefined) {
      this.#begun(over);
      return;
    }
    const startup = new AbortController();
    const signal = AbortSignal.any([over, startup.signal]);
    void this.#watch(startupProbe, signal, (ok, message) => {
      startup.abort();
      if (ok) this.#begun(over);
      else this.#fail(startupProbe, `startup probe failed: ${message}`);
    });
  }

  #begun(over: AbortSignal): void {
    const { readinessProbe, livenessProbe } = this.container;
    this.#isStarted = true;
    this.#ready = readinessProbe === undefined;
    this.#options.onChange();
    this.#started.resolve(true);
    if (readinessProbe !== undefined) {
      void this.#watch(readinessProbe, over, (ok) => {
        this.#ready = ok;
        this.#options.onChange();
      });
    }
    if (livenessProbe !== undefined) {
      void this.#watch(livenessProbe, over, (ok, message) => {
        if (!ok) this.#fail(livenessProbe, `liveness probe failed: ${message}`);
      });
    }
  }

  #watch(probe: Probe, signal: AbortSignal, onVerdict: (ok: boolean, message: string) => void): Promise<void> {
    return runProbeLoop({ probe, target: this.#target(), onVerdict, signal });
  }

  #fail(probe: Probe, why: string): void {
    const graceMs =
      probe.terminationGracePeriodSeconds === undefined
        ? this.#options.graceMs
        : probe.terminationGracePeriodSeconds * 1000;
    void this.#end(graceMs, why);
  }

  #end(graceMs: number, why: string | undefined): Promise<void> {
    const process = this.#process;
    if (process === undefined) return Promise.resolve();
    this.#why ??= why;
    this.#ending ??= this.#endProcess(process, graceMs);
    return this.#ending;
  }

  async #endProcess(process: ContainerProcess, graceMs: number): Promise<void> {
    const deadline = Date.now() + graceMs;
    const timer = setTimeout(() => process.kill('SIGKILL'), graceMs);
    const preStop = this.container.lifecycle?.preStop;
    if (preStop !== undefined)
      await Promise.race([attempt(preStop, this.#target(), Math.max(1, deadline - Date.now())), process.exited]);
    process.kill('SIGTERM');
    await process.exited;
    clearTimeout(timer);
  }

  #target(): ProbeTarget {
    return {
      address: this.#options.address,
      container: this.container,
      exec: (argv, timeoutMs) => this.#probeExec(argv, timeoutMs),
    };
  }

  async #probeExec(
    argv: readonly string[],
    timeoutMs: number,
  ): Promise<{ readonly code: number; readonly output: string }> {
    let output = '';
    const sink = new Writable({
      write(chunk: Buffer, _encoding, done) {
        output = (output + chunk.toString()).slice(-execOutputBytes);
        done();
      },
    });
    const code = await this.exec(argv, { stdout: sink, stderr: sink, signal: AbortSignal.timeout(timeoutMs) });
    return { code, output: output.trim() };
  }

  #change(state: ContainerState): void {
    this.#state = state;
    this.#options.onChange();
  }
}

/** True for what the machine refused (no space, no descriptors) and for what a pod asks in vain: it may pass. Anything else is a bug. */
function isOperational(error: unknown): error is Error {
  return (
    error instanceof MissingReference || error instanceof MizzenError || (error instanceof Error && 'syscall' in error)
  );
}
