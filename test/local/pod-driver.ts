// Runs inside a sandbox and does with the pod runtime what the lines on its standard input say. One JSON object a line
// each way: {id, method, params} and {id, result} or {id, error}.
import { get } from 'node:http';
import { createInterface } from 'node:readline';
import { Readable, Writable } from 'node:stream';
import { resolvConfOf } from '../../src/local/pod/host-files.ts';
import type { PodInputs } from '../../src/local/pod/pod-run.ts';
import { createPodRuntime } from '../../src/local/pod/runtime.ts';
import type { Pod } from '../../src/local/pod/spec.ts';
import type { PodStatus } from '../../src/local/pod/status.ts';
import type { KeyedContent } from '../../src/local/pod/variables.ts';
import { runTool } from '../../src/local/sandbox/run-tool.ts';

/** What the methods take; each uses a few of these. */
export interface DriverParams {
  readonly key?: string;
  readonly pod?: Pod;
  readonly container?: string;
  readonly argv?: readonly string[];
  readonly stdin?: string;
  readonly graceMs?: number;
  readonly previous?: boolean;
  readonly tailLines?: number;
  readonly url?: string;
  readonly name?: string;
  readonly content?: KeyedContent;
  readonly timeMs?: number;
  readonly systemPaths?: readonly string[];
}

const [kind = 'root', stateFolder = '', visible = ''] = process.argv.slice(2);
const runtime = await createPodRuntime({
  kind: kind === 'user' ? 'user' : 'root',
  stateFolder,
  visible: visible.split(':'),
  backoff: { baseMs: 400, mostMs: 800, resetMs: 600_000 },
});
const configMaps = new Map<string, KeyedContent>();
const secrets = new Map<string, KeyedContent>();
const history = new Map<string, PodStatus[]>();
let minted = 0;

runtime.onStatus(({ key, status }) => {
  const list = history.get(key) ?? [];
  history.set(key, list);
  list.push(status);
});

const methods: Readonly<Record<string, (params: DriverParams) => unknown>> = {
  configMap: ({ name = '', content = {} }) => configMaps.set(name, content).size,
  secret: ({ name = '', content = {} }) => secrets.set(name, content).size,
  start: async ({ pod, systemPaths }) => {
    if (pod === undefined) throw new Error('no pod');
    const inputs: PodInputs = {
      configMap: (name) => configMaps.get(name),
      secret: (name) => secrets.get(name),
      token: (audience, seconds) => {
        minted += 1;
        return Promise.resolve(
          `token ${String(minted)} of ${pod.metadata.name} for ${audience ?? 'default'} (${String(seconds)})`,
        );
      },
      resolvConf: resolvConfOf(pod.metadata.namespace ?? '', '10.44.0.1'),
      command: (image) =>
        image === 'sleeper' ? { command: ['sleep'], args: ['1000'], env: { FROM_IMAGE: 'yes' } } : undefined,
      ...(systemPaths === undefined ? {} : { systemPaths }),
    };
    await runtime.start(pod, inputs);
  },
  stop: async ({ key = '', graceMs }) => {
    const began = Date.now();
    await runtime.stop(key, graceMs);
    return Date.now() - began;
  },
  refresh: ({ key = '' }) => runtime.refresh(key),
  status: ({ key = '' }) => runtime.status(key),
  history: ({ key = '' }) => history.get(key) ?? [],
  exec: async ({ key = '', container, argv = [], stdin, timeMs }) => {
    const text = { stdout: '', stderr: '' };
    const into = (name: 'stdout' | 'stderr'): Writable =>
      new Writable({
        write(chunk: Buffer, _encoding, done) {
          text[name] += chunk.toString();
          done();
        },
      });
    const code = await runtime.exec(key, container, argv, {
      ...(stdin === undefined ? {} : { stdin: Readable.from([stdin]) }),
      stdout: into('stdout'),
      stderr: into('stderr'),
      ...(timeMs === undefined ? {} : { signal: AbortSignal.timeout(timeMs) }),
    });
    return { code, ...text };
  },
  logs: async ({ key = '', container, previous, tailLines }) => {
    const chunks = await allOf(
      runtime.logs(key, container, {
        ...(previous === undefined ? {} : { previous }),
        ...(tailLines === undefined ? {} : { tailLines }),
      }),
    );
    return Buffer.concat(chunks).toString();
  },
  follow: async ({ key = '', container, timeMs = 0 }) => {
    const chunks = await allOf(runtime.logs(key, container, { follow: true, signal: AbortSignal.timeout(timeMs) }));
    return Buffer.concat(chunks).toString();
  },
  fetch: ({ url = '' }) =>
    new Promise((resolve, reject) => {
      get(url, { agent: false }, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
        response.on('end', () => resolve({ status: response.statusCode, body }));
      }).on('error', reject);
    }),
  run: async ({ argv = [] }) => runTool(argv[0] ?? '', argv.slice(1)),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line) as { id: number; method: string; params: DriverParams };
  void answer(id, method, params);
}
process.exit(0);

async function allOf(chunks: AsyncIterable<Buffer>): Promise<Buffer[]> {
  const all: Buffer[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return all;
}

async function answer(id: number, method: string, params: DriverParams): Promise<void> {
  try {
    const result = await methods[method]?.(params);
    process.stdout.write(`${JSON.stringify({ id, result })}\n`);
  } catch (error) {
    process.stdout.write(`${JSON.stringify({ id, error: error instanceof Error ? error.message : String(error) })}\n`);
  }
}
