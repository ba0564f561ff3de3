import type { PayloadFile } from './payload.ts';
import type { DownwardFile, KeyToPath, NamedSource, Pod, ProjectedSource, TokenSource, Volume } from './spec.ts';
import { configMapFiles, fieldValue, MissingReference, required, resourceValue, secretFiles } from './variables.ts';
import type { ContentSource } from './variables.ts';

/** What the files of a volume come from. */
export interface FileRequest {
  readonly pod: Pod;
  readonly address: string;
  readonly content: ContentSource;
  /** The token for a source of the volume. */
  readonly tokenFor: (source: TokenSource) => Promise<string>;
}

const defaultMode = 0o644;

/** The files of a configMap, secret, downwardAPI or projected volume; undefined for another kind. Throws MissingReference. */
export async function volumeFiles(volume: Volume, request: FileRequest): Promise<Map<string, PayloadFile> | undefined> {
  const { configMap, secret, downwardAPI, projected } = volume;
  const source = configMap ?? secret ?? downwardAPI ?? projected;
  if (source === undefined) return undefined;
  const mode = source.defaultMode ?? defaultMode;
  const files = new Map<string, PayloadFile>();
  const put: Put = (path, content, own) => files.set(path, { content: Buffer.from(content), mode: own ?? mode });
  if (configMap !== undefined) putConfigMap(configMap, request, put);
  if (secret !== undefined) putSecret({ ...secret, name: secret.secretName ?? '' }, request, put);
  if (downwardAPI !== undefined) putDownward(downwardAPI.items ?? [], request, put);
  for (const one of projected?.sources ?? []) await putProjected(one, request, put);
  return files;
}

async function putProjected(source: ProjectedSource, request: FileRequest, put: Put): Promise<void> {
  const token = source.serviceAccountToken;
  if (token !== undefined) put(token.path, await request.tokenFor(token));
  if (source.configMap !== undefined) putConfigMap(source.configMap, request, put);
  if (source.secret !== undefined) putSecret(source.secret, request, put);
  if (source.downwardAPI !== undefined) putDownward(source.downwardAPI.items ?? [], request, put);
}

type Put = (path: string, content: Buffer | string, mode?: number) => unknown;

function putConfigMap(source: NamedSource, request: FileRequest, put: Put): void {
  const object = required('config map', source, request.content.configMap(source.name ?? ''));
  if (object !== undefined) putKeys(configMapFiles(object), source, `config map "${source.name ?? ''}"`, put);
}

function putSecret(source: NamedSource, request: FileRequest, put: Put): void {
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

function putDownward(items: readonly DownwardFile[], { pod, address }: FileRequest, put: Put): void {
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
