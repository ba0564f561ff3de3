/** The processes of a mesh as the machine sees them: who they are, what they used, what they hold. Linux's /proc. */
import { readdirSync, readFileSync } from 'node:fs';

/** Parts of a mesh. Whatever only holds namespaces together (sh, unshare) is `shell`. */
export type Role = 'program' | 'supervisor' | 'control plane' | 'egress Envoy' | 'Envoy' | 'application' | 'shell';

/** One process. */
export interface MeshProcess {
  readonly pid: number;
  readonly role: Role;
  /** Which of its kind: the pod of an Envoy, the command of an application. */
  readonly label: string;
}

/** Memory of a process, in bytes. */
export interface Memory {
  readonly residentBytes: number;
  /** Shared pages count by the number of processes that share them; 0 where this user may not know. */
  readonly proportionalBytes: number;
}

/** All descendants of a process, and the process itself where it is not the benchmark. */
export function meshProcesses(root: number): readonly MeshProcess[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    const parent = /^\d+$/u.test(name) ? parentOf(Number(name)) : undefined;
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const found: number[] = [];
  for (const queue = [root]; queue.length > 0;) {
    const pid = queue.shift() ?? 0;
    found.push(pid);
    queue.push(...(children.get(pid) ?? []));
  }
  return found.filter((pid) => pid !== process.pid).flatMap(identify);
}

function parentOf(pid: number): number | undefined {
  const stat = tryRead(`/proc/${pid}/stat`);
  return stat === undefined ? undefined : Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

function identify(pid: number): readonly MeshProcess[] {
  const argv = (tryRead(`/proc/${pid}/cmdline`) ?? '').split('\0').slice(0, -1);
  const [program = ''] = argv;
  if (program === '') return [];
  const line = argv.join(' ');
  if (/\/(?:unshare|sh)$|^(?:unshare|sh|setpriv)$/u.test(program)) return [{ pid, role: 'shell', label: '' }];
  if (program.endsWith('/envoy')) {
    const pod = /(?:sidecar|router)~[^~]*~(?<pod>[^~]+)\.[^.~]+~/u.exec(line)?.groups?.['pod'];
    return [pod === undefined ? { pid, role: 'egress Envoy', label: '' } : { pid, role: 'Envoy', label: pod }];
  }
  const role = (
    [
      ['src/cli/main.ts', 'program'],
      ['src/local/supervisor/main.ts', 'supervisor'],
      ['src/server/main.ts', 'control plane'],
    ] as const
  ).find(([path]) => argv[1]?.endsWith(path) === true)?.[1];
  return [role === undefined ? { pid, role: 'application', label: line.slice(0, 40) } : { pid, role, label: '' }];
}

/** CPU that a process used so far in all its threads, user and system, in milliseconds. 0 for one that is gone. */
export function cpuMs(pid: number): number {
  let nanoseconds = 0;
  for (const task of tryList(`/proc/${pid}/task`)) {
    nanoseconds += Number((tryRead(`/proc/${pid}/task/${task}/schedstat`) ?? '0').split(' ')[0]);
  }
  return nanoseconds / 1e6;
}

/** CPU of several processes together, in milliseconds. */
export function cpuMsOf(processes: readonly MeshProcess[]): number {
  return processes.reduce((sum, { pid }) => sum + cpuMs(pid), 0);
}

/** What a process holds; undefined for one that is gone or another user's. */
export function memoryOf(pid: number): Memory | undefined {
  const text = tryRead(`/proc/${pid}/smaps_rollup`);
  if (text === undefined) return undefined;
  const bytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'mu').exec(text)?.[1]) * 1_024;
  return { residentBytes: bytes('Rss'), proportionalBytes: bytes('Pss') };
}

// Processes come and go while they are looked at, and others are nobody's business.
function tryRead(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function tryList(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
