/** A mesh of nothing but a folder and a control socket: its objects are what the folder's files say. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { TestContext } from 'node:test';
import { hashJson } from '../../base/hash.ts';
import { controlSocketName, type MeshControl, type MeshStatus } from '../../local/control/protocol.ts';
import { serveControl } from '../../local/control/server.ts';
import type { SourcedObject } from '../../schema/object.ts';
import { walkFiles } from '../../sources/file-walk.ts';
import { parseYaml } from '../../sources/yaml.ts';
import { scopeOf } from '../read-manifests.ts';
import type { Place } from './run-cli.ts';

/** Two pods, one of them in trouble. */
export function statusWith(parts: Partial<MeshStatus> = {}): MeshStatus {
  return {
    mesh: 'shop',
    folder: '/shop',
    manifests: ['/shop'],
    state: 'ready',
    mode: 'user',
    generation: 7,
    startedAt: '2026-01-01T00:00:00Z',
    notes: ['UDP other than DNS does not leave the mesh'],
    tryThis: [],
    gateways: [{ name: 'gw', namespace: 'istio-system', addresses: [{ port: 80, url: 'http://localhost:8080' }] }],
    pods: [
      {
        name: 'web-1',
        namespace: 'default',
        ready: true,
        containers: '2/2',
        phase: 'Running',
        restarts: 0,
        reason: '',
        ip: '10.0.0.1',
        startedAt: '2026-01-01T00:59:15Z',
      },
    ],
    proxies: [{ pod: 'web-1', namespace: 'default', state: 'SYNCED', reason: '', generation: 7 }],
    problems: [],
    controlPlane: { connected: true, reason: '' },
    ...parts,
  };
}

/** A mesh that answers. */
export interface FakeMesh {
  readonly stateFolder: string;
  /** Folder of its YAML. */
  readonly folder: string;
}

/** Serves a mesh whose folder is `shop` of the place, with parts of its answers replaced. */
export async function startFakeMesh(t: TestContext, place: Place, parts: Partial<MeshControl> = {}): Promise<FakeMesh> {
  const folder = join(place.folder, 'shop');
  const stateFolder = join(place.folder, 'mesh-state');
  mkdirSync(folder, { recursive: true });
  mkdirSync(stateFolder, { recursive: true });
  const server = await serveControl({ ...folderControl(folder), ...parts }, join(stateFolder, controlSocketName));
  t.after(() => server.close());
  return { stateFolder, folder };
}

function folderControl(folder: string): MeshControl {
  return {
    status: async () => statusWith({ folder, manifests: [folder] }),
    objects: async ({ kind, namespace, name }) =>
      objectsIn(folder).filter(
        ({ object }) =>
          (kind ?? object.kind) === object.kind &&
          (namespace ?? object.metadata.namespace) === object.metadata.namespace &&
          (name ?? object.metadata.name) === object.metadata.name,
      ),
    async *logs({ name }) {
      yield Buffer.from(`log of ${name}\n`);
    },
    exec: async () => 0,
    stop: async () => undefined,
  };
}

/** As the store keeps them: with a version, and with what the mesh fills in. */
function objectsIn(folder: string): readonly SourcedObject[] {
  const { files } = walkFiles([folder], { watch: () => undefined, ignored: new Set() });
  const found = [...files.keys()].flatMap(
    (path) => parseYaml(relative(folder, path), readFileSync(path), scopeOf).objects,
  );
  return found.map(({ object, origin }) => ({
    object: {
      ...object,
      metadata: { ...object.metadata, creationTimestamp: '2026-01-01T00:00:00Z', resourceVersion: hashJson(object) },
    },
    origin,
  }));
}
