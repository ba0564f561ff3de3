/** A small mesh for delivery tests: one service in two versions, one client, the gateway, and nothing that hides a failure. */
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startMeshWith, type StartInternals } from '../../src/local/supervisor/start.ts';
import { until, type TestMesh } from '../demo/context.ts';
import { projectFolder } from '../demo/by-command.ts';

/** Host of the service under change: as a client of the mesh names it, and the Host header at the gateway. */
export const echoHost = 'echo.default.svc.cluster.local';

/** What a bed is started with. */
export interface BedOptions extends StartInternals {
  /** Files of the mesh by name. */
  readonly files: Readonly<Record<string, string>>;
  readonly onProgress?: (line: string) => void;
}

/** Starts a mesh from these files alone. Resolves when its control socket answers. */
export async function openBed(options: BedOptions): Promise<TestMesh> {
  const base = await mkdtemp(join(tmpdir(), 'mizzen-'));
  const folder = join(base, 'mesh');
  const stateFolder = join(base, 'state');
  await mkdir(folder);
  await mkdir(stateFolder, { mode: 0o700 });
  // As an editor that saves in one step: what is half written is never seen.
  const write = async (name: string, text: string): Promise<void> => {
    await writeFile(join(base, name), text);
    await rename(join(base, name), join(folder, name));
  };
  for (const [name, text] of Object.entries(options.files)) await write(name, text);
  const { controlPlane, onProgress = () => undefined } = options;
  const running = await startMeshWith(
    {
      folder,
      stateFolder,
      name: 'test',
      allowLoopback: false,
      ports: { 80: 0, 443: 0 },
      onProgress,
      signal: new AbortController().signal,
    },
    controlPlane === undefined ? {} : { controlPlane },
  );
  return {
    running,
    control: running.control,
    folder,
    projectFolder,
    gateway: async () => {
      const { gateways } = await running.control.status();
      const address = gateways.flatMap(({ addresses }) => addresses).find(({ port }) => port === 80);
      if (address === undefined) throw new Error('the gateway has no address yet');
      return address.url;
    },
    write,
    remove: (name) => rm(join(folder, name)),
    end: async () => {
      await running.stop();
      await rm(base, { recursive: true, force: true });
    },
  };
}

/** Waits until every pod is ready and every proxy SYNCED; ends the mesh if that does not come. */
export async function readyBed(mesh: TestMesh): Promise<TestMesh> {
  try {
    await until('everything is ready', async () => (await mesh.control.status()).state === 'ready', 120_000);
    return mesh;
  } catch (error) {
    const { pods, proxies, problems } = await mesh.control.status();
    await mesh.end();
    throw new Error(`${String(error)}\n${JSON.stringify({ pods, proxies, problems }, undefined, 1)}`, { cause: error });
  }
}

const preamble = `apiVersion: v1
kind: Namespace
metadata: { name: default, labels: { istio-injection: enabled } }
---
apiVersion: v1
kind: Service
metadata: { name: echo, labels: { app: echo } }
spec: { selector: { app: echo }, ports: [{ name: http, port: 8000, targetPort: 9080 }] }
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: door }
spec:
  selector: { istio: ingressgateway }
  servers: [{ port: { number: 8080, name: http, protocol: HTTP }, hosts: ['*'] }]
---
${sleeper('client', 1)}`;

/** A Deployment of pods that do nothing but have a sidecar. */
export function sleeper(name: string, replicas: number): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name} }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name} } }
    spec: { terminationGracePeriodSeconds: 0, containers: [{ name: main, image: none, command: [sleep, infinity] }] }
`;
}

/** One version of the service. */
export function echoDeployment(version: string, replicas = 1, annotation = ''): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata: { name: echo-${version} }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: echo, version: ${version} } }
  template:
    metadata:
      labels: { app: echo, version: ${version} }
      annotations: { run: '${annotation}' }
    spec:
      containers:
        - name: echo
          image: none
          command: [node, ${projectFolder}/test/delivery/echo-app.ts, ${version}, '9080']
          readinessProbe: { httpGet: { path: /, port: 9080 }, periodSeconds: 1 }
`;
}

/** The service's VirtualService for gateway and sidecars alike, without retries. */
export function echoRoute(subsets: Readonly<Record<string, number>>): string {
  const to = Object.entries(subsets).map(
    ([subset, weight]) => `{ destination: { host: ${echoHost}, subset: ${subset} }, weight: ${weight} }`,
  );
  return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: echo }
spec:
  hosts: [${echoHost}]
  gateways: [door, mesh]
  http: [{ retries: { attempts: 0 }, route: [${to.join(', ')}] }]
`;
}

/** Its DestinationRule: subset → the version that it selects. */
export function echoSubsets(subsets: Readonly<Record<string, string>>): string {
  const lines = Object.entries(subsets).map(([name, version]) => `{ name: ${name}, labels: { version: ${version} } }`);
  return `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: echo }
spec: { host: ${echoHost}, subsets: [${lines.join(', ')}] }
`;
}

/** The files of the bed: v1 and v2, all requests to v1. */
export const bedFiles: Readonly<Record<string, string>> = Object.freeze({
  'base.yaml': preamble,
  'echo-v1.yaml': echoDeployment('v1'),
  'echo-v2.yaml': echoDeployment('v2'),
  'subsets.yaml': echoSubsets({ v1: 'v1', v2: 'v2' }),
  'route.yaml': echoRoute({ v1: 100 }),
});
