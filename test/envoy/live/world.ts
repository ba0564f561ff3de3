/** A client's sidecar, a server's sidecar and a gateway as real Envoys, with applications behind them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAuthority, type Authority, type IssuedCertificate } from '../../../src/identity/authority.ts';
import { envoyPath } from '../../../src/local/envoy-binary.ts';
import { loadMesh } from '../../../src/model/load.ts';
import type { ProxyKey } from '../../../src/model/view.ts';
import type { MeshConfig } from '../../../src/schema/index.ts';
import { objectsOf } from '../mesh-fixture.ts';
import {
  echoApplication,
  helloApplication,
  httpApplication,
  refusingApplication,
  type Application,
  type Hello,
} from './applications.ts';
import { startEnvoy, type RunningEnvoy } from './envoy-process.ts';
import { staticBootstrap } from './static-proxy.ts';

/** Everything that runs. */
export interface World {
  /** Loopback addresses of this world alone. */
  readonly at: { readonly client: string; readonly server: string; readonly gateway: string; readonly outside: string };
  readonly client: RunningEnvoy;
  readonly server: RunningEnvoy;
  readonly gateway: RunningEnvoy;
  /** The application behind the server's sidecar. */
  readonly app: Application<unknown>;
  /** One that no service names. */
  readonly outside: Application<unknown>;
  readonly refusing: Application<string>;
  readonly hello: Application<Hello>;
  readonly stop: () => Promise<void>;
}

/** Port on which nothing ever listens here. */
export const closedPort = 9;

interface Member {
  readonly app: string;
  readonly address: string;
  readonly port: number;
  readonly account?: string;
  readonly inMesh?: boolean;
  readonly name?: string;
}

/** Pod and endpoint of a service. */
function member({ app, address, port, account = app, inMesh = false, name = app }: Member): string {
  const tls = inMesh ? ', security.istio.io/tlsMode: istio' : '';
  return `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, labels: { app: ${app}${tls} } }
spec: { serviceAccountName: ${account}, containers: [{ name: app, image: none }] }
status: { podIP: ${address} }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ${name}, labels: { kubernetes.io/service-name: ${app} } }
addressType: IPv4
ports: [{ name: http, port: ${port} }, { name: grpc, port: ${port} }, { name: '', port: ${port} }, { name: http-strict, port: 9081 }]
endpoints: [{ addresses: [${address}], conditions: { ready: true }, targetRef: { kind: Pod, name: ${name}, namespace: default } }]
---
`;
}

function service(name: string, virtualIp: string, ports: string): string {
  return `
apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec: { clusterIP: ${virtualIp}, selector: { app: ${name} }, ports: [${ports}] }
---
`;
}

const http = '{ name: http, port: 9080 }';

const rules = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: reviews }
spec: { host: reviews, subsets: [{ name: none, labels: { version: none } }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: empty }
spec: { hosts: [empty.example.com], http: [{ route: [{ destination: { host: reviews, subset: none, port: { number: 9080 } } }] }] }
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: front }
spec: { selector: { istio: ingressgateway }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: [shop.example.com] }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: shop }
spec: { hosts: [shop.example.com], gateways: [front], http: [{ route: [{ destination: { host: reviews, port: { number: 9080 } } }] }] }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: closed }
spec: { action: DENY, selector: { matchLabels: { app: reviews } }, rules: [{ to: [{ operation: { paths: [/denied] } }] }] }
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: strict }
spec: { selector: { matchLabels: { app: reviews } }, portLevelMtls: { '9081': { mode: STRICT } } }
---
`;

const pods = `
apiVersion: v1
kind: Pod
metadata: { name: client, labels: { app: client } }
spec: { serviceAccountName: client, containers: [{ name: app, image: none }] }
---
apiVersion: v1
kind: Pod
metadata: { name: gateway, namespace: istio-system, labels: { istio: ingressgateway } }
spec: { serviceAccountName: gateway, containers: [{ name: istio-proxy, image: auto }] }
---
apiVersion: v1
kind: Service
metadata: { name: istio-ingressgateway, namespace: istio-system }
spec: { clusterIP: 10.96.9.9, selector: { istio: ingressgateway }, ports: [{ name: http2, port: 80, targetPort: 8080 }] }
---
`;

type Four = [string, string, string, string];
let worlds = 0;

/** Starts the world. Its loopback addresses are this process's own, so that worlds can run beside each other. */
export async function startWorld(settings: MeshConfig = {}): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'mizzen-world-'));
  const stops: (() => Promise<void>)[] = [async () => rm(folder, { recursive: true, force: true })];
  const keep = async <T extends { stop(): Promise<void> }>(started: Promise<T>): Promise<T> => {
    const each = await started;
    stops.push(() => each.stop());
    return each;
  };
  const block = `127.${100 + (process.pid % 100)}.${Math.floor(process.pid / 100) % 250}`;
  const first = worlds++ * 10;
  const [client, server, gateway, outside] = [1, 2, 3, 4].map((i) => `${block}.${first + i}`) as Four;
  const at = { client, server, gateway, outside };
  try {
    const authority = await openAuthority({ folder: join(folder, 'ca') });
    const applications = await startApplications(authority, at, keep);
    const objects = objectsOf(meshText(at, applications));
    const engine = loadMesh(objects, settings);
    const run = (proxy: ProxyKey, address: string, account: string): Promise<RunningEnvoy> =>
      keep(
        startEnvoy(
          envoyPath(),
          staticBootstrap(engine, {
            proxy,
            address,
            certificate: certificateOf(authority, account),
            trustBundlePem: authority.trustBundlePem,
            ...(account === 'reviews'
              ? { applications: { 9080: applications.app.port, 9081: applications.app.port } }
              : {}),
          }),
        ),
      );
    const [clientEnvoy, serverEnvoy, gatewayEnvoy] = await Promise.all([
      run({ type: 'sidecar', pod: 'default/client' }, at.client, 'client'),
      run({ type: 'sidecar', pod: 'default/reviews' }, at.server, 'reviews'),
      run({ type: 'router', pod: 'istio-system/gateway' }, at.gateway, 'gateway'),
    ]);
    const envoys = { client: clientEnvoy, server: serverEnvoy, gateway: gatewayEnvoy };
    return { at, ...envoys, ...applications, stop: () => stopAll(stops) };
  } catch (error) {
    await stopAll(stops);
    throw error;
  }
}

async function stopAll(stops: (() => Promise<void>)[]): Promise<void> {
  for (const stop of stops.splice(0).toReversed()) await stop();
}

function certificateOf(authority: Authority, serviceAccount: string): IssuedCertificate {
  const identity = { trustDomain: 'cluster.local', namespace: 'default', serviceAccount };
  return authority.issueWorkload({ ...identity, ttlMs: 3_600_000 });
}

type Applications = Pick<World, 'app' | 'outside' | 'refusing' | 'hello'> & { readonly echo: Application<string> };

async function startApplications(
  authority: Authority,
  at: World['at'],
  keep: <T extends { stop(): Promise<void> }>(started: Promise<T>) => Promise<T>,
): Promise<Applications> {
  return {
    app: await keep(httpApplication()),
    outside: await keep(httpApplication({ address: at.outside, port: 9080 })),
    refusing: await keep(refusingApplication()),
    echo: await keep(echoApplication()),
    hello: await keep(helloApplication(certificateOf(authority, 'hello'), authority.trustBundlePem)),
  };
}

function meshText(at: World['at'], { app, refusing, echo, hello }: Applications): string {
  const local = '127.0.0.1';
  return [
    pods,
    rules,
    service('reviews', '10.96.0.1', `${http}, { name: http-strict, port: 9081 }`),
    member({ app: 'reviews', address: at.server, port: 9080, inMesh: true }),
    service('plain', '10.96.0.2', http),
    member({ app: 'plain', address: local, port: app.port }),
    service('dead', '10.96.0.3', http),
    member({ app: 'dead', address: local, port: closedPort }),
    service('half', '10.96.0.4', http),
    member({ app: 'half', address: local, port: app.port, name: 'half-a' }),
    member({ app: 'half', address: local, port: closedPort, name: 'half-b' }),
    service('refusing', '10.96.0.5', '{ name: grpc, port: 9090 }'),
    member({ app: 'refusing', address: local, port: refusing.port }),
    service('sniffed', '10.96.0.6', '{ port: 9999 }'),
    member({ app: 'sniffed', address: local, port: app.port }),
    service('echo', '10.96.0.7', '{ port: 9998 }'),
    member({ app: 'echo', address: local, port: echo.port }),
    service('impostor', '10.96.0.8', http),
    member({ app: 'impostor', address: at.server, port: 9080, inMesh: true }),
    service('hello', '10.96.0.9', http),
    member({ app: 'hello', address: local, port: hello.port, inMesh: true }),
  ].join('\n---\n');
}
