import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { MizzenError } from '../../base/error.ts';
import { isWithin } from './mount-table.ts';
import { resolvePath } from './host-view.ts';
import { writePayload } from './payload.ts';
import type { TreeMount } from './root-tree.ts';
import type { Container, Pod, Volume, VolumeMount } from './spec.ts';
import { createTokenCache } from './token-cache.ts';
import { MissingReference } from './variables.ts';
import type { ContentSource } from './variables.ts';
import { volumeFiles } from './volume-files.ts';

/** What volumes are made from. */
export interface VolumeRequest {
  readonly pod: Pod;
  readonly address: string;
  readonly content: ContentSource;
  /** A token of the pod's service account; the default audience where none is named. */
  readonly token: (audience: string | undefined, expirationSeconds: number) => Promise<string>;
  /** The pod's own folder on the sandbox's tmpfs. */
  readonly folder: string;
  readonly kind: 'root' | 'user';
  /** Folders that no pod may mount from the host, but for `allowed`. */
  readonly hidden: readonly string[];
  readonly allowed: readonly string[];
}

/** The volumes of one pod. */
export interface PodVolumes {
  /** Writes every volume; again, what changed. Throws MissingReference, MizzenError `mount-refused`. */
  write(): Promise<void>;
  /** A container's mounts. */
  mountsOf(container: Container): readonly TreeMount[];
  /** Ends the renewal of tokens. */
  close(): void;
}

/** The volumes of a pod. `onTrouble` hears when a token could not be renewed. */
export function createVolumes(request: VolumeRequest, onTrouble: (message: string) => void): PodVolumes {
  const { pod, folder } = request;
  const volumes = new Map((pod.spec?.volumes ?? []).map((volume) => [volume.name, volume]));
  const tokens = createTokenCache(request.token, (name) => writeVolume(volumes.get(name)), onTrouble);

  async function write(): Promise<void> {
    for (const volume of volumes.values()) await writeVolume(volume);
  }

  async function writeVolume(volume: Volume | undefined): Promise<void> {
    if (volume === undefined) return;
    if (volume.hostPath !== undefined) {
      checkHostPath(volume, request);
      return;
    }
    const place = placeOf(volume, folder);
    mkdirSync(place, { recursive: true });
    if (volume.emptyDir !== undefined) {
      chmodSync(place, 0o777);
      return;
    }
    const files = await volumeFiles(volume, { ...request, tokenFor: (source) => tokens.get(volume.name, source) });
    if (files === undefined)
      throw new MizzenError('mount-refused', `volume "${volume.name}" is of a kind that is not supported here`, {
        fix: 'use emptyDir, configMap, secret, hostPath, downwardAPI or projected',
      });
    writePayload(place, files, request.kind === 'root' ? pod.spec?.securityContext?.fsGroup : undefined);
  }

  function mountsOf(container: Container): readonly TreeMount[] {
    return (container.volumeMounts ?? []).map((mount) => {
      const volume = volumes.get(mount.name);
      if (volume === undefined)
        throw new MissingReference(
          `volume "${mount.name}" of container "${container.name}" is not among the pod's volumes`,
        );
      return mountOf(volume, mount, placeOf(volume, folder));
    });
  }

  return { write, mountsOf, close: () => tokens.close() };
}

function mountOf(volume: Volume, mount: VolumeMount, place: string): TreeMount {
  const source = mount.subPath === undefined || mount.subPath === '' ? place : subPathOf(place, mount.subPath, volume);
  const fromHost = volume.hostPath !== undefined;
  const isPayload = volume.emptyDir === undefined && !fromHost;
  return {
    source,
    target: mount.mountPath,
    readOnly: mount.readOnly === true || isPayload,
    isFile: !statSync(source).isDirectory(),
    fromHost,
  };
}

function placeOf(volume: Volume, folder: string): string {
  return volume.hostPath === undefined ? `${folder}/volumes/${volume.name}` : resolvePath(volume.hostPath.path).path;
}

function subPathOf(place: string, subPath: string, volume: Volume): string {
  if (subPath.startsWith('/') || subPath.split('/').includes('..'))
    throw new MizzenError('mount-refused', `subPath "${subPath}" must lie inside its volume`);
  const full = `${place}/${subPath}`;
  // The kubelet makes a missing folder of an emptyDir; elsewhere there is nothing to show.
  if (volume.emptyDir !== undefined && !resolvePath(full).exists) mkdirSync(full, { recursive: true });
  const { path, exists } = resolvePath(full);
  if (!exists || !isWithin(path, place))
    throw new MissingReference(`volume "${volume.name}" has nothing at subPath "${subPath}"`);
  return path;
}

function checkHostPath(volume: Volume, request: VolumeRequest): void {
  const wanted = volume.hostPath?.path ?? '';
  const type = volume.hostPath?.type ?? '';
  const found = resolvePath(wanted);
  const inside = request.hidden.find((one) => isWithin(found.path, one));
  if (inside !== undefined && !request.allowed.some((one) => isWithin(found.path, one)))
    throw new MizzenError(
      'mount-refused',
      `volume "${volume.name}": ${wanted} belongs to the mesh and is not for pods`,
    );
  if (found.exists) return;
  if (type === 'DirectoryOrCreate') mkdirSync(found.path, { recursive: true });
  else if (type === 'FileOrCreate') writeFileSync(found.path, '', { flag: 'a' });
  else throw new MissingReference(`volume "${volume.name}": ${wanted} does not exist on this machine`);
}
