/** A control plane with everything that it has on one machine, in this process and on loopback, and no proxy yet. */
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAuthority } from '../../src/identity/authority.ts';
import { meshAudience, openTokenIssuer } from '../../src/identity/pod-token.ts';
import { serveStore } from '../../src/local/store/serve-store.ts';
import { createStore, type Store } from '../../src/local/store/store.ts';
import { askIstiod } from '../../src/local/supervisor/istiod-client.ts';
import { answerTokenReview } from '../../src/local/supervisor/token-reviews.ts';
import type { KubeObject } from '../../src/schema/object.ts';
import { runControlPlane } from '../../src/server/control-plane.ts';
import type { ControlPlaneReport, ProxyReport } from '../../src/server/status-server.ts';
import { createStreamSource } from '../../src/sources/stream.ts';

/** The running parts. */
export interface LoopbackMesh {
  readonly store: Store;
  readonly port: number;
  readonly caPem: string;
  /** A token for a pod of the store, as its volume shows it; for another audience than the mesh's if one is named. */
  token(pod: string, audience?: string): string;
  report(): Promise<ControlPlaneReport>;
  proxy(pod: string): Promise<ProxyReport | undefined>;
  close(): Promise<void>;
}

/** Starts it over these objects. */
export async function openLoopbackMesh(objects: readonly KubeObject[]): Promise<LoopbackMesh> {
  const folder = await mkdtemp(join(tmpdir(), 'mizzen-'));
  const at = (name: string): string => join(folder, name);
  for (const name of ['ca', 'tokens', 'history']) await mkdir(at(name), { mode: 0o700 });
  const store = createStore({ now: () => new Date(), newUid: randomUUID });
  for (const object of objects) store.put(object);
  const tokens = await openTokenIssuer({ folder: at('tokens') });
  const { trustBundlePem } = await openAuthority({ folder: at('ca') });
  const served = await serveStore(store, {
    socketPath: at('store.sock'),
    reviewToken: (review) => Promise.resolve(answerTokenReview(tokens, store, review)),
  });
  let port = 0;
  const controlPlane = await runControlPlane({
    source: createStreamSource({ socketPath: at('store.sock') }),
    reviewSocket: at('store.sock'),
    caFolder: at('ca'),
    historyFolder: at('history'),
    statusSocket: at('status.sock'),
    port: 0,
    log: (message) => {
      port = Number(/ADS on port (\d+)/u.exec(message)?.[1] ?? port);
    },
  });
  const report = async (): Promise<ControlPlaneReport> => {
    const answer = await askIstiod(at('status.sock'));
    if (answer.kind === 'silent') throw new Error(answer.reason);
    return answer.report;
  };
  return {
    store,
    port,
    caPem: trustBundlePem,
    token: (pod, audience = meshAudience) => {
      const { metadata, ...rest } = store.get({ kind: 'Pod', namespace: 'default', name: pod })?.object ?? missing(pod);
      const serviceAccount = (rest as { readonly spec?: { readonly serviceAccountName?: string } }).spec
        ?.serviceAccountName;
      const identity = { namespace: 'default', serviceAccount: serviceAccount ?? 'default', podName: pod };
      return tokens.mint({ ...identity, podUid: metadata.uid ?? '', audience, ttlMs: 600_000, nowMs: Date.now() });
    },
    report,
    proxy: async (pod) => (await report()).proxies.find((proxy) => proxy.pod === pod),
    close: async () => {
      await controlPlane.close();
      await served.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function missing(pod: string): never {
  throw new Error(`there is no pod ${pod}`);
}

const named = (name: string): KubeObject['metadata'] => ({ name, namespace: 'default' });

/** A pod with a sidecar. */
export function injectedPod(name: string, ip: string): KubeObject {
  const labels = { app: name, 'security.istio.io/tlsMode': 'istio' };
  const metadata = { ...named(name), labels, annotations: { 'sidecar.istio.io/status': '{}' } };
  const spec = { serviceAccountName: name, containers: [{ name, image: name }] };
  const status = { podIP: ip, phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
  return objectOf({ apiVersion: 'v1', kind: 'Pod', metadata }, { spec, status });
}

/** A Service of one HTTP port. */
export function httpService(name: string, at: number): KubeObject {
  const spec = { clusterIP: `240.240.1.${at}`, selector: { app: name }, ports: [{ name: 'http', port: 8000 }] };
  return objectOf({ apiVersion: 'v1', kind: 'Service', metadata: named(name) }, { spec });
}

/** A DestinationRule that changes the cluster of a Service. */
export function timeoutRule(host: string, seconds: number): KubeObject {
  const spec = { host, trafficPolicy: { connectionPool: { tcp: { connectTimeout: `${seconds}s` } } } };
  return objectOf({ apiVersion: 'networking.istio.io/v1', kind: 'DestinationRule', metadata: named(host) }, { spec });
}

function objectOf(head: KubeObject, content: object): KubeObject {
  return { ...head, ...content };
}
