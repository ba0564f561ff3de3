/** A mesh under test: Bookinfo in a folder of its own, changed by files as a user would change it. */
import { request } from 'node:http';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import type { MeshControl, MeshStatus, RunningMesh } from '../../src/local/control/protocol.ts';
import { startMesh } from '../../src/local/supervisor/start.ts';
import { projectFolder, startByCommand, type CommandMesh } from './by-command.ts';
import type { LoadResult } from '../load/open-loop.ts';

/** A running mesh and the folder that it follows. */
export interface TestMesh {
  readonly running: RunningMesh;
  readonly control: MeshControl;
  /** Folder of the YAML. */
  readonly folder: string;
  /** The project's folder as pods see it. */
  readonly projectFolder: string;
  /** Address of the ingress gateway's port 80, like `http://localhost:8080`. */
  gateway(): Promise<string>;
  /** Writes a file of the mesh's folder, as a user's editor would. */
  write(name: string, text: string): Promise<void>;
  remove(name: string): Promise<void>;
  end(): Promise<void>;
}

/** How a mesh is started for a test. */
export interface TestMeshOptions {
  readonly mode?: 'root' | 'user';
  /** Starts it by the program, in a process of its own, instead of within this one. */
  readonly byCommandAs?: 'root' | 'user' | 'nobody';
  readonly allowLoopback?: boolean;
  /** Further files by name. */
  readonly files?: Readonly<Record<string, string>>;
  /** `mizzen.yaml` besides the example's own lines. */
  readonly meshFile?: string;
  readonly onProgress?: (line: string) => void;
}

/** Starts Bookinfo and waits until everything of it is ready and every proxy SYNCED. */
export async function startBookinfo(options: TestMeshOptions = {}): Promise<TestMesh> {
  const base = await mkdtemp(join(tmpdir(), 'mizzen-'));
  const folder = join(base, 'bookinfo');
  const stateFolder = join(base, 'state');
  await cp(join(projectFolder, 'examples/bookinfo'), folder, { recursive: true });
  await mkdir(stateFolder, { mode: 0o700 });
  for (const [name, text] of Object.entries(options.files ?? {})) await writeFile(join(folder, 'mesh', name), text);
  if (options.meshFile !== undefined) {
    const path = join(folder, 'mizzen.yaml');
    await writeFile(path, `${await readFile(path, 'utf8')}\n${options.meshFile}`);
  }
  const running = await start(options, { base, folder, stateFolder });
  const mesh: TestMesh = {
    running,
    control: running.control,
    folder,
    projectFolder: 'projectFolder' in running ? running.projectFolder : projectFolder,
    gateway: async () => {
      const status = await running.control.status();
      const address = status.gateways
        .flatMap((gateway) => gateway.addresses)
        .find((candidate) => candidate.port === 80);
      if (address === undefined) throw new Error('the gateway has no address yet');
      return address.url;
    },
    write: (name, text) => writeFile(join(folder, 'mesh', name), text),
    remove: (name) => rm(join(folder, 'mesh', name)),
    end: async () => {
      await running.stop();
      await rm(base, { recursive: true, force: true });
    },
  };
  try {
    await until('everything is ready', async () => (await running.control.status()).state === 'ready', 120_000);
  } catch (error) {
    const status = await running.control.status();
    await mesh.end();
    throw new Error(`${String(error)}\n${describe(status)}`, { cause: error });
  }
  return mesh;
}

function start(
  options: TestMeshOptions,
  places: { readonly base: string; readonly folder: string; readonly stateFolder: string },
): Promise<RunningMesh | CommandMesh> {
  if (options.byCommandAs !== undefined) return startByCommand({ ...places, as: options.byCommandAs });
  return startMesh({
    folder: places.folder,
    stateFolder: places.stateFolder,
    name: 'test',
    ...(options.mode === undefined ? {} : { mode: options.mode }),
    allowLoopback: options.allowLoopback ?? false,
    ports: { 80: 0, 443: 0 },
    onProgress: options.onProgress ?? (() => undefined),
    signal: new AbortController().signal,
  });
}

function describe(status: MeshStatus): string {
  const pods = status.pods.filter((pod) => !pod.ready).map((pod) => `pod ${pod.name}: ${pod.phase} ${pod.reason}`);
  const proxies = status.proxies
    .filter((proxy) => proxy.state !== 'SYNCED')
    .map((proxy) => `proxy ${proxy.pod}: ${proxy.state} ${proxy.reason}`);
  const problems = status.problems.map((problem) => `${problem.file}:${problem.line} ${problem.message}`);
  return [...pods, ...proxies, ...problems].join('\n');
}

/** Waits for something that takes its time; fails loudly. */
export async function until(what: string, check: () => Promise<boolean>, limitMs = 15_000): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (!(await check())) {
    if (performance.now() > endMs) throw new Error(`after ${limitMs / 1_000} s not yet: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Waits until every proxy has applied the newest generation, which must be a later one than before. */
export async function applied(mesh: TestMesh, change: () => Promise<void>): Promise<void> {
  const before = (await mesh.control.status()).generation;
  await change();
  await until('every proxy has the change', async () => {
    const status = await mesh.control.status();
    return (
      status.generation > before &&
      status.proxies.every((proxy) => proxy.state === 'SYNCED' && proxy.generation >= status.generation)
    );
  });
}

/** Output and exit code of a command in a container. */
export interface ExecResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command in a pod (`deploy/NAME` or a name). */
export async function exec(
  mesh: TestMesh,
  name: string,
  argv: readonly string[],
  container?: string,
): Promise<ExecResult> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const texts = [collect(stdout), collect(stderr)];
  const namespace = name.includes('istio') ? 'istio-system' : 'default';
  const request = { name, namespace, argv, stdin: Readable.from([]), stdout, stderr };
  const code = await mesh.control.exec(container === undefined ? request : { ...request, container });
  stdout.end();
  stderr.end();
  const [out = '', err = ''] = await Promise.all(texts);
  return { code, stdout: out, stderr: err };
}

async function collect(stream: PassThrough): Promise<string> {
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) text += String(chunk);
  return text;
}

/** An open loop from within a pod, through its sidecar. */
export async function loadFrom(mesh: TestMesh, pod: string, args: readonly string[]): Promise<LoadResult> {
  const result = await exec(mesh, pod, ['node', join(mesh.projectFolder, 'test/load/open-loop.ts'), ...args]);
  if (result.code !== 0) throw new Error(`the load generator failed: ${result.stderr}`);
  return JSON.parse(result.stdout) as LoadResult;
}

/** Counters of a pod's proxy, by name. */
export async function proxyStats(mesh: TestMesh, pod: string, filter: string): Promise<ReadonlyMap<string, number>> {
  const script = `fetch('http://127.0.0.1:15000/stats?filter=${filter}').then(async (r) => process.stdout.write(await r.text()))`;
  const result = await exec(mesh, pod, ['node', '-e', script]);
  const lines = result.stdout.split('\n').flatMap((line): [string, number][] => {
    const at = line.lastIndexOf(': ');
    return at === -1 ? [] : [[line.slice(0, at), Number(line.slice(at + 2))]];
  });
  return new Map(lines);
}

/** An answer to one request. */
export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** One request on a connection of its own. */
export function get(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { headers, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body, headers: response.headers }));
      response.on('error', reject);
    });
    outgoing.setTimeout(20_000, () => outgoing.destroy(new Error(`no answer from ${url}`)));
    outgoing.on('error', reject);
    outgoing.end();
  });
}
