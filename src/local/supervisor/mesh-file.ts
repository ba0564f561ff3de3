/** `mizzen.yaml` beside a mesh's objects: what is read, and what runs in place of images. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { MizzenError } from '../../base/error.ts';
import type { ImageCommand } from '../pod/pod-run.ts';

/** One entry of `images`. */
export interface ImageEntry {
  /** The image's name, or a pattern in which `*` stands for anything. */
  readonly image: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Absolute. */
  readonly workingDir: string;
}

/** A host outside that is answered by something else, as `outside` writes it. */
export interface OutsideEntry {
  readonly host: string;
  readonly port: number;
  /** `address:port` on this machine or elsewhere. */
  readonly to: string;
}

/** The file with its defaults filled in. */
export interface MeshFile {
  /** Absolute files and folders whose objects make up the mesh. */
  readonly manifests: readonly string[];
  readonly images: readonly ImageEntry[];
  readonly outside: readonly OutsideEntry[];
  /** Lines shown once the mesh is up. */
  readonly tryThis: readonly string[];
}

const largestFile = 1_048_576;

/** Reads `mizzen.yaml` of a folder, or gives the defaults. Throws `mesh-file-invalid`, naming field and fix. */
export function readMeshFile(folder: string): MeshFile {
  const root = statSync(folder, { throwIfNoEntry: false });
  if (root === undefined) {
    throw new MizzenError('folder-missing', `${folder} does not exist`, {
      fix: 'name a folder or a file with Kubernetes YAML',
    });
  }
  const base = root.isDirectory() ? resolve(folder) : dirname(resolve(folder));
  const path = join(base, 'mizzen.yaml');
  if (!root.isDirectory() || !existsSync(path)) {
    return { manifests: [resolve(folder)], images: [], outside: [], tryThis: [] };
  }
  if (statSync(path).size > largestFile) throw invalid(path, 'the file is larger than 1 MiB');
  return readFields(path, base, parseFile(path));
}

function parseFile(path: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = parse(readFileSync(path, 'utf8'), { maxAliasCount: 0 }) ?? {};
    if (typeof value === 'object' && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>;
  } catch (error) {
    throw invalid(path, error instanceof Error ? error.message : String(error));
  }
  throw invalid(path, 'it must be a mapping');
}

const knownFields: ReadonlySet<string> = new Set(['manifests', 'images', 'outside', 'tryThis']);

function readFields(path: string, base: string, fields: Readonly<Record<string, unknown>>): MeshFile {
  for (const field of Object.keys(fields)) {
    if (!knownFields.has(field))
      throw invalid(path, `unknown field ${field}; known are ${[...knownFields].join(', ')}`);
  }
  const manifests = texts(path, 'manifests', fields['manifests'] ?? ['.']).map((entry) => resolve(base, entry));
  return {
    manifests,
    images: list(path, 'images', fields['images']).map((entry, i) =>
      imageEntry({ path, base, field: `images[${i}]` }, entry),
    ),
    outside: list(path, 'outside', fields['outside']).map((entry, i) => outsideEntry(path, `outside[${i}]`, entry)),
    tryThis: texts(path, 'tryThis', fields['tryThis'] ?? []),
  };
}

interface Place {
  readonly path: string;
  readonly base: string;
  readonly field: string;
}

function imageEntry({ path, base, field }: Place, entry: unknown): ImageEntry {
  const { image, command, env, workingDir } = record(path, field, entry);
  if (typeof image !== 'string' || image === '') throw invalid(path, `${field}.image must name an image`);
  const variables = env === undefined ? {} : record(path, `${field}.env`, env);
  return {
    image,
    command: texts(path, `${field}.command`, command ?? []),
    env: Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, String(value)])),
    workingDir: resolve(base, typeof workingDir === 'string' ? workingDir : '.'),
  };
}

function outsideEntry(path: string, field: string, entry: unknown): OutsideEntry {
  const { host, port, to } = record(path, field, entry);
  if (typeof host !== 'string' || typeof port !== 'number' || typeof to !== 'string') {
    throw invalid(path, `${field} must have host, port and to (address:port)`);
  }
  return { host, port, to };
}

function record(path: string, field: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Readonly<Record<string, unknown>>;
  throw invalid(path, `${field} must be a mapping`);
}

function list(path: string, field: string, value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  if (Array.isArray(value)) return value;
  throw invalid(path, `${field} must be a list`);
}

function texts(path: string, field: string, value: unknown): readonly string[] {
  const entries = list(path, field, value);
  if (entries.every((entry) => typeof entry === 'string')) return entries;
  throw invalid(path, `${field} must be a list of texts`);
}

function invalid(path: string, message: string): MizzenError {
  return new MizzenError('mesh-file-invalid', `${path}: ${message}`, {
    fix: 'see examples/bookinfo/mizzen.yaml for a file that works',
  });
}

/** What runs for an image: the first entry whose pattern fits. */
export function commandFor(entries: readonly ImageEntry[], image: string): ImageCommand | undefined {
  const found = entries.find((entry) => fits(entry.image, image));
  return found === undefined ? undefined : { command: found.command, env: found.env, workingDir: found.workingDir };
}

// Star by star, so that no pattern of a user ever runs as a regular expression.
function fits(pattern: string, image: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  if (rest.length === 0) return pattern === image;
  if (!image.startsWith(first)) return false;
  let at = first.length;
  for (const [i, part] of rest.entries()) {
    const last = i === rest.length - 1;
    const found = last ? image.length - part.length : image.indexOf(part, at);
    if (found < at || image.slice(found, found + part.length) !== part) return false;
    at = found + part.length;
  }
  return true;
}
