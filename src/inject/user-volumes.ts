/** Volumes that a pod's annotations give to its proxy, as certificates in files are brought to one (Istio's `userVolume`). */
import { MizzenError } from '../base/error.ts';
import { isRecord } from '../base/json.ts';
import type { Pod, Volume, VolumeMount } from '../schema/index.ts';

/** Annotation with the volumes, as JSON: a list of volumes, or an object of volumes by name. */
export const userVolumeAnnotation = 'sidecar.istio.io/userVolume';
/** Annotation with where the proxy sees them, as JSON: a list of mounts, or an object of mounts by volume. */
export const userVolumeMountAnnotation = 'sidecar.istio.io/userVolumeMount';

/** What the proxy gets besides its own. */
export interface UserVolumes {
  readonly volumes: readonly Volume[];
  readonly mounts: readonly VolumeMount[];
}

/** Reads both annotations (https://istio.io/latest/docs/reference/config/annotations). Throws `injection-refused`. */
export function userVolumesOf(pod: Pod): UserVolumes {
  return {
    volumes: entriesOf(pod, userVolumeAnnotation).map((entry) => entry as unknown as Volume),
    mounts: entriesOf(pod, userVolumeMountAnnotation).map((entry) => {
      const { mountPath } = entry;
      if (typeof mountPath === 'string' && mountPath !== '') return entry as unknown as VolumeMount;
      throw refused(userVolumeMountAnnotation, `${entry.name} has no mountPath`);
    }),
  };
}

type Entry = Readonly<Record<string, unknown>> & { readonly name: string };

function entriesOf(pod: Pod, annotation: string): readonly Entry[] {
  const text = pod.metadata.annotations?.[annotation] ?? '';
  if (text === '') return [];
  const value = parsed(annotation, text);
  const entries: readonly unknown[] = Array.isArray(value)
    ? value
    : Object.entries(value).map(([name, entry]) => (isRecord(entry) ? { ...entry, name } : entry));
  return entries.map((entry) => {
    if (isRecord(entry) && typeof entry['name'] === 'string' && entry['name'] !== '')
      return { ...entry, name: entry['name'] };
    throw refused(annotation, 'an entry has no name');
  });
}

function parsed(annotation: string, text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refused(annotation, 'it is not JSON');
  }
  if (typeof value === 'object' && value !== null) return value;
  throw refused(annotation, 'it is neither a list nor an object');
}

function refused(annotation: string, why: string): MizzenError {
  return new MizzenError('injection-refused', `the annotation ${annotation} cannot be read: ${why}`, {
    fix: `write it as JSON, like {"certificates":${annotation === userVolumeAnnotation ? '{"secret":{"secretName":"certificates"}}' : '{"mountPath":"/etc/certificates"}'}}`,
  });
}
