/** From saving a file to the last ACK of real proxies. */
import { setTimeout as pause } from 'node:timers/promises';
import { askIstiod } from '../src/local/supervisor/istiod-client.ts';
import { istiodStatusSocket } from '../src/local/supervisor/places.ts';
import type { ControlPlaneReport } from '../src/server/status-server.ts';
import { bedFiles, echoRoute, openBed, readyBed, sleeper } from '../test/delivery/bed.ts';
import type { TestMesh } from '../test/demo/context.ts';
import { meshOfSize } from './mesh-of-size.ts';
import { cpuMsOf, meshProcesses, type MeshProcess } from './processes.ts';
import { figure, median, spread, tableLines, type Suite } from './suite.ts';

const clients = 20;
const services = 100;
const saves = 20;
/** Time between two saves: long enough for every ACK, and for nothing to be under way at the next, in milliseconds. */
const restMs = 400;

/**
 * istiod 1.30.3 on a machine of this kind, fed from files, S = 100 services and 20 proxies (fakes that ACK at once),
 * default settings: of the time 100 ms are its debounce and 50 ms its file watcher. One weight in a VirtualService. (Its
 * mesh had authorization policies besides; ours has the service that is changed and real proxies.)
 */
const istiod = { wallMs: 211, cpuMs: 64, bytes: 1_700_000 };

/** The routes that are changed: one that all proxies see, and one that none does. */
const changes = {
  'a weight that every proxy sees': {
    file: 'route.yaml',
    text: (save: number) => echoRoute({ v1: 100 - (save % 40), v2: save % 40 }),
  },
  'a weight that no proxy sees': { file: 'elsewhere.yaml', text: elsewhere },
} as const;

function elsewhere(save: number): string {
  return `apiVersion: v1
kind: Namespace
metadata: { name: elsewhere }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: hidden, namespace: elsewhere }
spec:
  exportTo: ['.']
  hosts: [service-1.example]
  http:
    - route:
        - { destination: { host: service-1.example }, weight: ${100 - (save % 40)} }
        - { destination: { host: service-2.example }, weight: ${save % 40} }
`;
}

/** What one save cost. */
interface Saved {
  /** From the save to the last ACK; NaN where nobody was sent anything. */
  readonly wallMs: number;
  readonly bytes: number;
  readonly woken: number;
  readonly queries: number;
  readonly controlPlaneMs: number;
  readonly supervisorMs: number;
  readonly envoysMs: number;
}

/** A mesh of real Envoys, changed by saving files. */
export const saveSuite: Suite = {
  name: 'save',
  about: `from saving a file to the last ACK of real proxies; ${services} services, ${clients} client pods`,
  run: async (print) => {
    const files = { ...bedFiles, 'sleep.yaml': sleeper('sleep', clients), 'services.yaml': meshOfSize(services) };
    const mesh = await openBed({ files: { ...files, 'elsewhere.yaml': elsewhere(0) } });
    await readyBed(mesh);
    try {
      await pause(2_000);
      const bed = measured(meshProcesses(process.pid));
      print(`${(await report(bed)).proxies.length} proxies; CPU net of what the same time costs at rest`);
      for (const [name, change] of Object.entries(changes)) {
        const found: Saved[] = [];
        for (let save = 1; save <= saves; save++) {
          found.push(await saveOnce(mesh, bed, { file: change.file, text: change.text(save) }));
        }
        print('');
        for (const line of savedLines(name, found)) print(line);
      }
    } finally {
      await mesh.end();
    }
  },
};

interface Measured {
  readonly controlPlane: readonly MeshProcess[];
  readonly supervisor: readonly MeshProcess[];
  readonly envoys: readonly MeshProcess[];
  /** The control plane's own report, reached from outside of its namespaces. */
  readonly statusSocket: string;
}

function measured(processes: readonly MeshProcess[]): Measured {
  const of = (role: MeshProcess['role']): readonly MeshProcess[] => processes.filter((each) => each.role === role);
  const controlPlane = of('control plane');
  const statusSocket = `/proc/${controlPlane[0]?.pid ?? 0}/root${istiodStatusSocket}`;
  return { controlPlane, supervisor: of('supervisor'), envoys: of('Envoy'), statusSocket };
}

async function report({ statusSocket }: Measured): Promise<ControlPlaneReport> {
  const answer = await askIstiod(statusSocket);
  if (answer.kind === 'silent') throw new Error(answer.reason);
  return answer.report;
}

const usages = ({ controlPlane, supervisor, envoys }: Measured): readonly number[] =>
  [controlPlane, supervisor, envoys].map(cpuMsOf);

async function saveOnce(
  mesh: TestMesh,
  bed: Measured,
  change: { readonly file: string; readonly text: string },
): Promise<Saved> {
  const atRest = usages(bed);
  await pause(restMs);
  const restCpu = usages(bed).map((value, at) => value - (atRest[at] ?? 0));
  const before = await report(bed);
  const cpuBefore = usages(bed);
  const savedAtMs = performance.timeOrigin + performance.now();
  await mesh.write(change.file, change.text);
  await pause(restMs);
  const cpu = usages(bed).map((value, at) => value - (cpuBefore[at] ?? 0) - (restCpu[at] ?? 0));
  const after = await applied(bed, before.generation);
  const by = (name: string): number => (after.counters[name] ?? 0) - (before.counters[name] ?? 0);
  const lastAckMs = Math.max(...after.proxies.map(({ ackedAtMs }) => ackedAtMs));
  const [controlPlaneMs = 0, supervisorMs = 0, envoysMs = 0] = cpu;
  return {
    wallMs: lastAckMs > savedAtMs ? lastAckMs - savedAtMs : Number.NaN,
    bytes: by('sentBytes'),
    woken: by('wokenStreams'),
    queries: by('queriesRun'),
    controlPlaneMs,
    supervisorMs,
    envoysMs,
  };
}

/** The report when a later generation than `before` is applied on all proxies. */
async function applied(bed: Measured, before: number): Promise<ControlPlaneReport> {
  for (const endMs = performance.now() + 10_000; performance.now() < endMs; await pause(200)) {
    const now = await report(bed);
    const isApplied = now.proxies.every(({ state, generation }) => state === 'SYNCED' && generation >= now.generation);
    if (now.generation > before && isApplied) return now;
  }
  throw new Error('a save was not applied within 10 s');
}

function savedLines(name: string, found: readonly Saved[]): readonly string[] {
  const of = (pick: (saved: Saved) => number): number[] => found.map(pick);
  const isSent = found.some(({ bytes }) => bytes > 0);
  const row = (title: string, values: readonly number[], peer?: number): string[] => [
    title,
    spread(values),
    ...(peer === undefined || !isSent ? [] : [figure(peer), figure(peer / median(values))]),
  ];
  return tableLines([
    [name, `median and range of ${saves}`, ...(isSent ? ['istiod', 'ratio'] : [])],
    ...(isSent
      ? [
          row(
            'save to last ACK [ms]',
            of(({ wallMs }) => wallMs),
            istiod.wallMs,
          ),
        ]
      : []),
    row(
      'bytes sent',
      of(({ bytes }) => bytes),
      istiod.bytes,
    ),
    row(
      'streams woken',
      of(({ woken }) => woken),
    ),
    row(
      'queries run',
      of(({ queries }) => queries),
    ),
    row(
      'CPU control plane [ms]',
      of(({ controlPlaneMs }) => controlPlaneMs),
      istiod.cpuMs,
    ),
    row(
      'CPU supervisor [ms]',
      of(({ supervisorMs }) => supervisorMs),
    ),
    row(
      'CPU Envoys together [ms]',
      of(({ envoysMs }) => envoysMs),
    ),
  ]);
}
