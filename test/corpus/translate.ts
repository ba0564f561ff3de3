/** Samples are compiled for the proxies that they concern, and a real Envoy says whether it takes the result. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { envoyPath } from '../../src/local/envoy-binary.ts';
import { isMeshKind, loadMesh } from '../../src/model/load.ts';
import type { ProxyKey } from '../../src/model/view.ts';
import { normalise, type KubeObject } from '../../src/schema/index.ts';
import { renderedProxy } from '../envoy/rendered.ts';

/** Compiles the objects of a sample for every proxy they concern; says what Envoy would not take, or nothing. */
export type Translate = (objects: readonly KubeObject[]) => string | undefined;

/** Kinds that put something into the mesh. */
const configuring: ReadonlySet<string> = new Set([
  'VirtualService',
  'DestinationRule',
  'Gateway',
  'ServiceEntry',
  'Sidecar',
  'PeerAuthentication',
  'AuthorizationPolicy',
]);

/** True where there is anything to translate. */
export function isTranslatable(objects: readonly KubeObject[]): boolean {
  return objects.some(({ kind }) => configuring.has(kind));
}

/** See {@link Translate}. */
export const translate: Translate = (objects) => {
  const placed = objects.filter(({ kind }) => isMeshKind(kind)).map((object) => normalise(inNamespace(object)));
  const namespaces = [...new Set(placed.map(({ metadata }) => metadata.namespace ?? 'default'))];
  const clients = namespaces.map((namespace) => pod('client', namespace, { app: 'client' }));
  const gateways = placed.flatMap((object) => (object.kind === 'Gateway' ? [selectorOf(object)] : []));
  const routers = gateways.map((labels, i) => pod(`gateway-${i}`, 'istio-system', labels));
  const engine = loadMesh([...placed, ...clients, ...routers]);
  const proxies: readonly ProxyKey[] = [
    ...clients.map(({ metadata }): ProxyKey => ({
      type: 'sidecar',
      pod: `${metadata.namespace ?? ''}/${metadata.name}`,
    })),
    ...routers.map(({ metadata }): ProxyKey => ({
      type: 'router',
      pod: `${metadata.namespace ?? ''}/${metadata.name}`,
    })),
  ];
  for (const proxy of proxies) {
    const refused = refusal(renderedProxy(engine, proxy));
    if (refused !== '') return `${proxy.type} in ${proxy.pod}: ${refused}`;
  }
  return undefined;
};

function inNamespace(object: KubeObject): KubeObject {
  return { ...object, metadata: { namespace: 'default', ...object.metadata } };
}

function selectorOf(gateway: KubeObject): Readonly<Record<string, string>> {
  return (gateway.spec as { readonly selector?: Readonly<Record<string, string>> } | undefined)?.selector ?? {};
}

function pod(name: string, namespace: string, labels: Readonly<Record<string, string>>): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels },
    spec: { containers: [{ name, image: name }] },
  };
}

function refusal(bootstrap: unknown): string {
  const folder = mkdtempSync(join(tmpdir(), 'mizzen-sample-'));
  try {
    const file = join(folder, 'envoy.json');
    writeFileSync(file, JSON.stringify(bootstrap));
    const run = spawnSync(envoyPath(), ['--mode', 'validate', '-c', file, '-l', 'error', '--disable-hot-restart'], {
      encoding: 'utf8',
    });
    return run.status === 0 ? '' : (run.stderr.split('\n').find((line) => line !== '') ?? `exit code ${run.status}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
