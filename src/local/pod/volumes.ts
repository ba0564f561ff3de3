import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { MizzenError } from '../../base/error.ts';
import { isWithin } from './mount-table.ts';
import { resolvePath } from './host-view.ts';
import { writePayload } from './payload.ts';
import type { PayloadFile } from './payload.ts';
import type { TreeMount } from './root-tree.ts';
import type { Container, DownwardFile, KeyToPath, NamedSource, Pod, TokenSource, Volume } from './spec.ts';
import { configMapFiles, fieldValue, MissingReference, required, resourceValue, secretFiles } from './variables.ts';
import type { ContentSource } from './variables.ts';

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

const defaultMode = 0o644;
const defaultExpirationSeconds = 3600;

/** A token is renewed at 80 % of its life, as the kubelet does; when that fails, again after this long. */
const renewAt = 0.8;
const retryMs = 5000;

export function createVolumes(request: VolumeRequest, onTrouble: (message: string) => void): PodVolumes {
  const { pod, folder } = request;
  const volumes = pod.spec?.volumes ?? [];
  const places = new Map(volumes.map((volume) => [volume.name, placeOf(volume, folder)]));
  const timers = new Map<string, NodeJS.Timeout>();
  const tokens = new Map<string, string>();
  let closed = false;

  async function write(): Promise<void> {
    for (const volume of volumes) await writeVolume(volume);
  }

  async function writeVolume(volume: Volume): Promise<void> {
    const place = places.get(volume.name) ?? '';
    if (volume.hostPath !== undefined) {
      checkHostPath(volume, request);
      return;
    }
    mkdirSync(place, { recursive: true });
    if (volume.emptyDir !== undefined) {
      chmodSync(place, 0o777);
      return;
    }
    const files = await payloadOf(volume, request, tokenFor);
    if (files === undefined)
      throw new MizzenError('mount-refused', `volume "${volume.name}" is of a kind that is not supported here`, {
        fix: 'use emptyDir, configMap, secret, hostPath, downwardAPI or projected',
      });
    writePayload(place, files, request.kind === 'root' ? pod.spec?.securityContext?.fsGroup : undefined);
  }

  async function tokenFor(volume: Volume, source: TokenSource): Promise<string> {
    const id = `${volume.name}\0${source.path}`;
    const known = tokens.get(id);
    if (known !== undefined) return known;
    const seconds = source.expirationSeconds ?? defaultExpirationSeconds;
    const token = await request.token(source.audience, seconds);
    tokens.set(id, token);
    schedule(id, volume, seconds * renewAt * 1000);
    return token;
  }

  function schedule(id: string, volume: Volume, delayMs: number): void {
    if (closed) return;
    clearTimeout(timers.get(id));
    // setTimeout counts in 31 bits; a longer life is simply renewed earlier.
    const timer = setTimeout(() => void renew(id, volume), Math.min(delayMs, 2 ** 31 - 1));
    timer.unref();
    timers.set(id, timer);
  }

  async function renew(id: string, volume: Volume): Promise<void> {
    const old = tokens.get(id);
    tokens.delete(id);
    try {
      await writeVolume(volume);
    } catch (error) {
      if (old !== undefined && !tokens.has(id)) tokens.set(id, old);
      schedule(id, volume, retryMs);
      onTrouble(
        `the token of volume "${volume.name}" could not be renewed: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }

  function mountsOf(container: Container): readonly TreeMount[] {
    return (container.volumeMounts ?? []).map((mount) => {
      const volume = volumes.find((one) => one.name === mount.name);
      const place = places.get(mount.name);
      if (volume === undefined || place === undefined)
        throw new MissingReference(
          `volume "${mount.name}" of container "${container.name}" is not among the pod's volumes`,
        );
      const resolved =
        mount.subPath === undefined || mount.subPath === '' ? place : subPathOf(place, mount.subPath, volume);
      const isPayload = volume.emptyDir === undefined && volume.hostPath === undefined;
      return {
        source: resolved,
        target: mount.mountPath,
        readOnly: mount.readOnly === true || isPayload,
        isFile: !statSync(resolved).isDirectory(),
        fromHost: volume.hostPath !== undefined,
      };
    });
  }

  function close(): void {
    closed = true;
    for (const timer of timers.values()) clearTimeout(timer);
    tokens.clear();
  }

  return { write, mountsOf, close };
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

type TokenFor = (volume: Volume, source: TokenSource) => Promise<string>;

async function payloadOf(
  volume: Volume,
  request: VolumeRequest,
  tokenFor: TokenFor,
): Promise<Map<string, PayloadFile> | undefined> {
  const files = new Map<string, PayloadFile>();
  const mode =
    volume.projected?.defaultMode ??
    volume.configMap?.defaultMode ??
    volume.secret?.defaultMode ??
    volume.downwardAPI?.defaultMode ??
    defaultMode;
  const put = (path: string, content: Buffer | string, own?: number): void => {
    files.set(path, { content: Buffer.from(content), mode: own ?? mode });
  };
  if (volume.configMap !== undefined) putConfigMap(volume.configMap, request, put);
  else if (volume.secret !== undefined)
    putSecret(
      { ...volume.secret, ...(volume.secret.secretName === undefined ? {} : { name: volume.secret.secretName }) },
      request,
      put,
    );
  else if (volume.downwardAPI !== undefined) putDownward(volume.downwardAPI.items ?? [], request, put);
  else if (volume.projected === undefined) return undefined;
  for (const source of volume.projected?.sources ?? []) {
    if (source.serviceAccountToken !== undefined)
      put(source.serviceAccountToken.path, await tokenFor(volume, source.serviceAccountToken));
    if (source.configMap !== undefined) putConfigMap(source.configMap, request, put);
    if (source.secret !== undefined) putSecret(source.secret, request, put);
    if (source.downwardAPI !== undefined) putDownward(source.downwardAPI.items ?? [], request, put);
  }
  return files;
}

type Put = (path: string, content: Buffer | string, mode?: number) => void;

function putConfigMap(source: NamedSource, request: VolumeRequest, put: Put): void {
  const object = required('config map', source, request.content.configMap(source.name ?? ''));
  if (object !== undefined) putKeys(configMapFiles(object), source, `config map "${source.name ?? ''}"`, put);
}

function putSecret(source: NamedSource, request: VolumeRequest, put: Put): void {
  const object = required('secret', source, request.content.secret(source.name ?? ''));
  if (object !== undefined) putKeys(secretFiles(object), source, `secret "${source.name ?? ''}"`, put);
}

function putKeys(
  keys: ReadonlyMap<string, Buffer>,
  source: { readonly items?: readonly KeyToPath[]; readonly optional?: boolean },
  what: string,
  put: Put,
): void {
  if (source.items === undefined) {
    for (const [key, bytes] of keys) put(key, bytes);
    return;
  }
  for (const item of source.items) {
    const bytes = keys.get(item.key);
    if (bytes !== undefined) put(item.path, bytes, item.mode);
    else if (source.optional !== true) throw new MissingReference(`${what} has no key "${item.key}"`);
  }
}

function putDownward(items: readonly DownwardFile[], { pod, address }: VolumeRequest, put: Put): void {
  for (const item of items) {
    const container =
      pod.spec?.containers.find((one) => one.name === item.resourceFieldRef?.containerName) ?? pod.spec?.containers[0];
    const value =
      item.fieldRef !== undefined
        ? fieldValue(pod, item.fieldRef.fieldPath, address)
        : item.resourceFieldRef !== undefined && container !== undefined
          ? resourceValue(pod, container, item.resourceFieldRef)
          : undefined;
    if (value === undefined)
      throw new MissingReference(
        `the downward API has no ${item.fieldRef?.fieldPath ?? item.resourceFieldRef?.resource ?? 'such field'}`,
      );
    put(item.path, value, item.mode);
  }
}
