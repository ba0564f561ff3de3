/** The files that `apply` writes into a mesh's folder: one for each object, known by their first line. */
import { closeSync, openSync, readFileSync, readSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { stringify } from 'yaml';
import { MizzenError } from '../base/error.ts';
import { hashText } from '../base/hash.ts';
import { deepEqual } from '../base/json.ts';
import type { MeshStatus } from '../local/control/protocol.ts';
import { normalise } from '../schema/index.ts';
import { refOf, refText, type KubeObject, type SourcedObject } from '../schema/object.ts';
import { parseYaml } from '../sources/yaml.ts';
import { scopeOf } from './read-manifests.ts';

const marker = '# Written by mizzen apply';
const firstLine = `${marker}; mizzen delete takes it away.\n`;

/** Where a mesh's files lie. */
export interface MeshFolder {
  /** What `Origin.file` is relative to. */
  readonly base: string;
  /** Where `apply` writes. */
  readonly target: string;
}

/** The folders of a running mesh. Throws `no-folder` where the mesh reads single files only. */
export function meshFolderOf({ folder, manifests }: MeshStatus): MeshFolder {
  const target = manifests.find(isFolder);
  if (target === undefined)
    throw new MizzenError(
      'no-folder',
      'this mesh reads single files and has no folder that an object could be written to',
      {
        fix: 'start it with a folder, or name one under manifests in its mizzen.yaml',
      },
    );
  return { base: isFolder(folder) ? folder : dirname(folder), target };
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** Whether `apply` wrote a file. */
export function isApplied(path: string): boolean {
  try {
    const file = openSync(path, 'r');
    try {
      const head = Buffer.alloc(marker.length);
      readSync(file, head, 0, head.length, 0);
      return head.toString('utf8') === marker;
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw new MizzenError('file-unreadable', `${path} cannot be read`, { cause: error });
  }
}

/**
 * The file of an object: `KIND-NAMESPACE-NAME.yaml`. Dashes within names can make two objects meet in one name; the second
 * then gets a hash. `planned` are paths that are about to be written.
 */
export function fileFor(folder: MeshFolder, object: KubeObject, planned: ReadonlySet<string>): string {
  const { kind, namespace, name } = refOf(object);
  const words = [kind.toLowerCase(), namespace, name].filter((word) => word !== '').join('-');
  const plain = join(folder.target, `${words}.yaml`);
  const isThere = statSync(plain, { throwIfNoEntry: false }) !== undefined;
  const taken = planned.has(plain) || (isThere && !(isApplied(plain) && holds(plain, object)));
  if (!taken) return plain;
  const hash = hashText(`${kind}/${namespace}/${name}`)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/gu, '')
    .slice(0, 6);
  return join(folder.target, `${words}-${hash}.yaml`);
}

/** The one object of a file that `apply` wrote; undefined where there is no such file or somebody broke it. */
export function appliedObject(path: string): KubeObject | undefined {
  if (!isApplied(path)) return undefined;
  const { objects } = parseYaml(path, readFileSync(path), scopeOf);
  return objects.length === 1 ? objects[0]?.object : undefined;
}

function holds(path: string, object: KubeObject): boolean {
  const own = appliedObject(path);
  // What can no longer be read was once this object's, by its name and first line.
  return own === undefined || refText(refOf(own)) === refText(refOf(object));
}

/** Writes an object's file in one step, so that the mesh never sees half of it. `text` is the user's own, where it says the same. */
export function writeObject(path: string, object: KubeObject, text: string | undefined): void {
  const folder = dirname(path);
  const temporary = join(folder, `.${relative(folder, path)}.${process.pid}.tmp`);
  const mode = object.kind === 'Secret' ? 0o600 : 0o644;
  try {
    writeFileSync(temporary, `${firstLine}${text === undefined ? yamlOf(object) : ownText(text)}`, {
      mode,
      flush: true,
    });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    throw new MizzenError('file-unwritable', `${path} cannot be written${code}`, { cause: error });
  }
}

function ownText(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}

/** YAML that reads back as the same data; JSON, which is YAML too, where that cannot be had. */
function yamlOf(object: KubeObject): string {
  const text = stringify(object, { version: '1.1', lineWidth: 0 });
  const back = parseYaml('', text, scopeOf).objects[0]?.object;
  return deepEqual(back, object) ? text : `${JSON.stringify(object, null, 2)}\n`;
}

/** Whether a mesh's object is what was written: everything written is there; the mesh may have filled in more. */
export function isTaken(written: KubeObject, found: SourcedObject): boolean {
  // Their content is not shown, or was changed on the way into the mesh (injection).
  if (written.kind === 'Secret' || written.kind === 'Pod') return true;
  return contains(normalise(found.object), normalise(written));
}

function contains(whole: unknown, part: unknown): boolean {
  if (Array.isArray(part))
    return Array.isArray(whole) && whole.length === part.length && part.every((item, i) => contains(whole[i], item));
  if (typeof part !== 'object' || part === null) return deepEqual(whole, part);
  if (typeof whole !== 'object' || whole === null) return false;
  const members = whole as Readonly<Record<string, unknown>>;
  return Object.entries(part).every(([key, value]) => value === undefined || contains(members[key], value));
}

/** Where an object of a mesh comes from, for people. */
export function placeOf({ object, origin }: SourcedObject): string {
  const maker = object.metadata.ownerReferences?.find(({ controller }) => controller === true);
  if (maker !== undefined) return `made by ${maker.kind} ${maker.name}`;
  return isFile(origin.file) ? `defined in ${origin.file}:${origin.line}` : 'a part of every mesh';
}

/** Whether an object comes from a file; the mesh's own objects do not. */
export function isFile(originFile: string): boolean {
  return /\.(?:ya?ml|json)$/iu.test(originFile);
}
