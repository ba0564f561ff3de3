import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess, ChildProcessByStdio } from 'node:child_process';
import { chownSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Container, Pod, PodSpec } from '../../src/local/pod/spec.ts';
import type { PodStatus } from '../../src/local/pod/status.ts';
import { isReady } from '../../src/local/pod/status.ts';
import type { DriverParams } from './pod-driver.ts';

/** A runtime in a sandbox, driven from outside. */
export interface Bed {
  readonly kind: 'root' | 'user';
  /** The process that entered the sandbox. */
  readonly outer: ChildProcess;
  /** Process 1 of the sandbox. */
  readonly sandboxPid: number;
  readonly stateFolder: string;
  /** A folder of the host that pods may mount. */
  readonly shared: string;
  call<T = unknown>(method: string, params?: DriverParams): Promise<T>;
  /** Starts a pod and waits for it to be ready; gives its address. */
  ready(pod: Pod): Promise<string>;
  /** Waits until a pod's status is as wanted. */
  until(key: string, what: (status: PodStatus) => boolean): Promise<PodStatus>;
  /** Runs a shell line in a pod. */
  sh(key: string, line: string, container?: string): Promise<ExecResult>;
  close(): Promise<void>;
}

export interface ExecResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const nobody = 65_534;
const here = import.meta.dirname;
const checkout = join(here, '..', '..');

/** Why a mode cannot be tested here; false where it can. */
export function whyNot(kind: 'root' | 'user'): string | false {
  if (process.getuid?.() !== 0) return kind === 'root' ? 'needs root' : false;
  if (kind === 'root') return false;
  const readable = spawnSync('setpriv', [...asNobody, process.execPath, '--check', join(here, 'pod-outer.ts')]);
  return readable.status === 0 ? false : 'the checkout cannot be read by other users';
}

const asNobody = ['--reuid', String(nobody), '--regid', String(nobody), '--clear-groups'];

/** Starts a sandbox with a runtime in it, as root or, from root, as nobody. */
export async function openBed(kind: 'root' | 'user'): Promise<Bed> {
  const drop = kind === 'user' && process.getuid?.() === 0;
  const folder = mkdtempSync(join(tmpdir(), 'mizzen-pods-'));
  const stateFolder = join(folder, 'state');
  const shared = join(folder, 'shared');
  for (const made of [stateFolder, shared]) mkdirSync(made);
  for (const made of drop ? [folder, stateFolder, shared] : []) chownSync(made, nobody, nobody);
  const visible = [checkout, dirname(process.execPath), folder].join(':');
  const command = [
    process.execPath,
    join(here, 'pod-outer.ts'),
    kind,
    join(here, 'pod-driver.ts'),
    stateFolder,
    visible,
  ];
  const [program = '', ...args] = drop
    ? ['setpriv', ...asNobody, 'env', 'HOME=/nonexistent', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', ...command]
    : command;
  const outer = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const link = talkTo(outer);
  const call: Bed['call'] = (method, params) => link.call(method, params);
  async function until(key: string, what: (status: PodStatus) => boolean): Promise<PodStatus> {
    for (let tries = 0; tries < 600; tries += 1) {
      const status = await call<PodStatus | undefined>('status', { key });
      if (status !== undefined && what(status)) return status;
      await sleep(50);
    }
    throw new Error(`${key} never came there: ${JSON.stringify(await call('status', { key }))}`);
  }
  async function close(): Promise<void> {
    outer.stdin.end();
    if (outer.exitCode === null && outer.signalCode === null)
      await new Promise((resolve) => outer.once('exit', resolve));
    rmSync(folder, { recursive: true, force: true });
  }
  return {
    kind,
    outer,
    sandboxPid: await link.entered,
    stateFolder,
    shared,
    call,
    until,
    close,
    ready: async (pod) => {
      await call('start', { pod });
      return (await until(keyOf(pod), isReady)).podIP ?? '';
    },
    sh: (key, line, container) =>
      call('exec', { key, argv: ['sh', '-c', line], ...(container === undefined ? {} : { container }) }),
  };
}

interface DriverLink {
  call<T>(method: string, params?: DriverParams): Promise<T>;
  /** Process 1 of the sandbox. */
  readonly entered: Promise<number>;
}

function talkTo(outer: ChildProcessByStdio<Writable, Readable, Readable>): DriverLink {
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  createInterface({ input: outer.stdout }).on('line', (line) => {
    const { id, result, error } = JSON.parse(line) as { id: number; result?: unknown; error?: string };
    if (error === undefined) waiting.get(id)?.resolve(result);
    else waiting.get(id)?.reject(new Error(error));
    waiting.delete(id);
  });
  const entered = Promise.withResolvers<number>();
  let said = '';
  createInterface({ input: outer.stderr }).on('line', (line) => {
    said += `${line}\n`;
    const pid = /^sandbox (\d+)$/u.exec(line)?.[1];
    if (pid !== undefined) entered.resolve(Number(pid));
  });
  outer.on('exit', () => {
    entered.reject(new Error(`no sandbox: ${said}`));
    for (const one of waiting.values()) one.reject(new Error(`the sandbox is gone: ${said}`));
  });
  let next = 0;
  function call<T>(method: string, params: DriverParams = {}): Promise<T> {
    next += 1;
    const answer = Promise.withResolvers<unknown>();
    waiting.set(next, answer);
    outer.stdin.write(`${JSON.stringify({ id: next, method, params })}\n`);
    return answer.promise as Promise<T>;
  }
  return { call, entered: entered.promise };
}

/** A pod of the test's own namespace. */
export function makePod(name: string, spec: PodSpec): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'shop', uid: `uid-${name}`, labels: { app: name } },
    spec: { terminationGracePeriodSeconds: 2, ...spec },
  };
}

export function keyOf(pod: Pod): string {
  return `${pod.metadata.namespace ?? ''}/${pod.metadata.name}`;
}

/** A container that runs a shell line. */
export function shell(name: string, line: string, more: Partial<Container> = {}): Container {
  return { name, command: ['sh', '-c', line], ...more };
}

/** A container that answers HTTP on a port with what a JavaScript expression gives. */
export function server(name: string, port: number, body: string, more: Partial<Container> = {}): Container {
  const program = `require('http').createServer((req, res) => res.end(String(${body}))).listen(${String(port)})`;
  return { name, command: [process.execPath, '-e', program], readinessProbe: { httpGet: { port } }, ...more };
}

/** All processes below one, as this side numbers them, with the time they began so that a number used again is told apart. */
export function processesBelow(pid: number): readonly string[] {
  const parents = new Map<number, { readonly parent: number; readonly began: string }>();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/u.test(entry))) {
    const began = beginningOf(Number(name));
    if (began !== undefined) parents.set(Number(name), began);
  }
  const isBelow = (one: number): boolean => one === pid || (one > 1 && isBelow(parents.get(one)?.parent ?? 0));
  return [...parents].filter(([one]) => isBelow(one)).map(([one, { began }]) => `${String(one)} ${began}`);
}

/** Those of `processes` that still run. */
export function stillRunning(processes: readonly string[]): readonly string[] {
  return processes.filter((one) => {
    const [pid = '', began] = one.split(' ');
    return beginningOf(Number(pid))?.began === began;
  });
}

function beginningOf(pid: number): { readonly parent: number; readonly began: string } | undefined {
  try {
    const fields = readFileSync(`/proc/${String(pid)}/stat`, 'utf8')
      .replace(/^.*\) /u, '')
      .split(' ');
    return fields[0] === 'Z' ? undefined : { parent: Number(fields[1]), began: fields[19] ?? '' };
  } catch {
    // Ended between the listing and the reading.
    return undefined;
  }
}

/** What a mesh could leave behind on the machine. */
export function machineState(): string {
  const tool = (command: string, ...args: readonly string[]): string =>
    String(spawnSync(command, args).stdout)
      .replace(/^#.*$/gmu, '')
      .replace(/\[\d+:\d+\]/gu, '');
  const listed = (folder: string): string => readdirSync(folder).toSorted().join(' ');
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ').slice(3).join(' '))
    .join('\n');
  return [
    tool('ip', '-o', 'link'),
    tool('ip', 'route'),
    tool('iptables-save'),
    tool('ip', 'netns'),
    mounts,
    listed('/run'),
  ].join('\n---\n');
}
