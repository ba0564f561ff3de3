/** From `mizzen up` to the first answer, and what the mesh then holds. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { MeshStatus } from '../src/local/control/protocol.ts';
import { projectFolder, startByCommand, type CommandMesh } from '../test/demo/by-command.ts';
import { get } from '../test/demo/context.ts';
import { cpuMs, memoryOf, meshProcesses, type MeshProcess, type Role } from './processes.ts';
import { figure, spread, tableLines, type Suite } from './suite.ts';

const runs = 3;
const aimMs = 10_000;
const limitMs = 60_000;
/** How long the mesh is left alone before its memory is read, in milliseconds. */
const idleMs = 5_000;

const stages: readonly (readonly [name: string, isDone: (status: MeshStatus) => boolean])[] = [
  ['supervisor answers', () => true],
  ['control plane answers', ({ controlPlane }) => controlPlane.connected],
  ['control plane serves', ({ pods }) => pods.some(({ name, ready }) => ready && name.startsWith('istiod'))],
  ['gateway ready', ({ pods }) => pods.some(({ name, ready }) => ready && name.startsWith('istio-ingressgateway'))],
  ['every pod ready', ({ pods }) => pods.length > 2 && pods.every(({ ready }) => ready)],
  ['every proxy SYNCED', ({ state }) => state === 'ready'],
];
const firstAnswer = 'first 200 through the gateway';

interface Run {
  /** Stage → milliseconds since the command. */
  readonly stages: ReadonlyMap<string, number>;
  /** CPU of everything that runs at the first answer, by role, in milliseconds. */
  readonly cpu: ReadonlyMap<Role, number>;
  readonly idle: readonly IdleProcess[];
}

interface IdleProcess extends MeshProcess {
  readonly residentBytes: number;
  readonly proportionalBytes: number;
  /** CPU in a second of doing nothing, in milliseconds. */
  readonly idleCpuMs: number;
}

/** Starts Bookinfo three times; the memory is that of the last. */
export const startSuite: Suite = {
  name: 'start',
  about: 'from `mizzen up examples/bookinfo` to the first 200 through the gateway, set-up done; idle memory',
  run: async (print) => {
    const all: Run[] = [];
    for (let run = 1; run <= runs; run++) all.push(await measure(run === runs));
    for (const line of stageLines(all)) print(line);
    print('');
    for (const line of memoryLines(all.at(-1)?.idle ?? [])) print(line);
  },
};

async function measure(isIdleRead: boolean): Promise<Run> {
  const base = mkdtempSync(join(tmpdir(), 'mizzen-'));
  const stateFolder = join(base, 'state');
  mkdirSync(stateFolder, { mode: 0o700 });
  const startMs = performance.now();
  const as = process.getuid?.() === 0 ? 'root' : 'user';
  const mesh = await startByCommand({ base, folder: join(projectFolder, 'examples/bookinfo'), stateFolder, as });
  try {
    const seen = await watch(mesh, startMs);
    const processes = meshProcesses(process.pid);
    const cpu = new Map<Role, number>();
    for (const each of processes) cpu.set(each.role, (cpu.get(each.role) ?? 0) + cpuMs(each.pid));
    return { stages: seen, cpu, idle: isIdleRead ? await readIdle() : [] };
  } finally {
    await mesh.stop();
    rmSync(base, { recursive: true, force: true });
  }
}

/** Notes when each stage was first seen; answers are asked for from the moment at which there is somebody to ask. */
async function watch(mesh: CommandMesh, startMs: number): Promise<ReadonlyMap<string, number>> {
  const seen = new Map<string, number>();
  const note = (name: string): void => void (seen.has(name) || seen.set(name, performance.now() - startMs));
  while (seen.size < stages.length + 1) {
    const status = await mesh.control.status();
    for (const [name, isDone] of stages) if (isDone(status)) note(name);
    if (!seen.has(firstAnswer) && (await isAnswered(status))) note(firstAnswer);
    if (performance.now() - startMs > limitMs) throw new Error(`not up after a minute: ${mesh.output()}`);
    await pause(25);
  }
  return seen;
}

async function isAnswered({ gateways }: MeshStatus): Promise<boolean> {
  const url = gateways.flatMap(({ addresses }) => addresses).find(({ port }) => port === 80)?.url;
  if (url === undefined) return false;
  return get(`${url}/productpage`).then(
    ({ status }) => status === 200,
    () => false,
  );
}

async function readIdle(): Promise<readonly IdleProcess[]> {
  await pause(idleMs);
  const processes = meshProcesses(process.pid);
  const before = new Map(processes.map(({ pid }) => [pid, cpuMs(pid)]));
  await pause(idleMs);
  return processes.flatMap((each) => {
    const memory = memoryOf(each.pid);
    const idleCpuMs = (cpuMs(each.pid) - (before.get(each.pid) ?? 0)) / (idleMs / 1_000);
    return memory === undefined ? [] : [{ ...each, ...memory, idleCpuMs }];
  });
}

function stageLines(all: readonly Run[]): readonly string[] {
  const rows = [...stages.map(([name]) => name), firstAnswer].map((name) => {
    const values = all.map((run) => run.stages.get(name) ?? Number.NaN);
    return [name, spread(values), name === firstAnswer ? `aim below ${figure(aimMs)}` : ''];
  });
  const roles = [...new Set(all.flatMap(({ cpu }) => [...cpu.keys()]))];
  const cpu = roles.map((role) => [role, spread(all.map((run) => run.cpu.get(role) ?? 0))]);
  const total = ['together', spread(all.map((run) => [...run.cpu.values()].reduce((sum, value) => sum + value, 0)))];
  return [
    ...tableLines([['since the command [ms]', `median and range of ${runs}`], ...rows]),
    '',
    ...tableLines([['CPU until then, user + system [ms]', `median and range of ${runs}`], ...cpu, total]),
  ];
}

function memoryLines(idle: readonly IdleProcess[]): readonly string[] {
  const mebibytes = (bytes: number): string => figure(bytes / 1_048_576);
  const row = (
    name: string,
    each: Pick<IdleProcess, 'residentBytes' | 'proportionalBytes' | 'idleCpuMs'>,
  ): string[] => [name, mebibytes(each.residentBytes), mebibytes(each.proportionalBytes), figure(each.idleCpuMs)];
  const named = idle.filter(({ role }) => role !== 'shell');
  const shells = idle.filter(({ role }) => role === 'shell');
  const sum = (
    processes: readonly IdleProcess[],
  ): Pick<IdleProcess, 'residentBytes' | 'proportionalBytes' | 'idleCpuMs'> => ({
    residentBytes: processes.reduce((bytes, each) => bytes + each.residentBytes, 0),
    proportionalBytes: processes.reduce((bytes, each) => bytes + each.proportionalBytes, 0),
    idleCpuMs: processes.reduce((ms, each) => ms + each.idleCpuMs, 0),
  });
  return tableLines([
    ['idle', 'RSS [MiB]', 'PSS [MiB]', 'CPU [ms/s]'],
    ...named.map((each) => row(`${each.role} ${each.label}`.trimEnd(), each)),
    row(`${shells.length} shells`, sum(shells)),
    row('together', sum(idle)),
  ]);
}
