/** The last accepted form of each Istio object, kept in files, so that a restarted control plane computes the same bytes. */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { objectKey, refOf, type KubeObject, type ObjectRef } from '../schema/object.ts';

/** What was accepted, by object. */
export interface AcceptedStore {
  /** Every recorded object, read once at the start. Files that cannot be read are left out and named. */
  load(): Promise<{ readonly objects: readonly KubeObject[]; readonly unreadable: readonly string[] }>;
  save(object: KubeObject): void;
  remove(ref: ObjectRef): void;
  /** Resolves when everything said so far is on disk. */
  flush(): Promise<void>;
}

/** Opens the store in a folder of its own, which it makes. Writes are atomic and in order. */
export function openAcceptedStore(folder: string, onFailure: (error: unknown) => void): AcceptedStore {
  let last: Promise<unknown> = mkdir(folder, { recursive: true, mode: 0o700 });
  const then = (work: () => Promise<unknown>): void => {
    last = last.then(work).catch(onFailure);
  };
  return {
    load: () => loadAll(folder),
    save: (object) => then(() => writeObject(folder, object)),
    remove: (ref) => then(() => rm(join(folder, fileOf(ref)), { force: true })),
    flush: async () => void (await last),
  };
}

// Names of Kubernetes objects hold no slash and no `~`.
function fileOf(ref: ObjectRef): string {
  return `${ref.kind}~${ref.namespace}~${ref.name}.json`;
}

async function writeObject(folder: string, object: KubeObject): Promise<void> {
  const path = join(folder, fileOf(refOf(object)));
  await writeFile(`${path}.new`, JSON.stringify(object), { mode: 0o600 });
  await rename(`${path}.new`, path);
}

async function loadAll(folder: string): ReturnType<AcceptedStore['load']> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const objects: KubeObject[] = [];
  const unreadable: string[] = [];
  for (const name of (await readdir(folder)).filter((file) => file.endsWith('.json'))) {
    const parsed = parseObject(await readFile(join(folder, name), 'utf8'));
    if (parsed === undefined) unreadable.push(name);
    else objects.push(parsed);
  }
  return {
    objects: objects.toSorted((a, b) => (`${a.kind}/${objectKey(a)}` < `${b.kind}/${objectKey(b)}` ? -1 : 1)),
    unreadable,
  };
}

function parseObject(text: string): KubeObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && 'kind' in value && 'metadata' in value
      ? (value as KubeObject)
      : undefined;
  } catch {
    // A torn file is what this function's callers are told about.
    return undefined;
  }
}
