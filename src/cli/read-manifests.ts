/** Reads manifests as `-f` names them: files, folders, standard input. Nothing is asked of a mesh. */
import { readFileSync, statSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { MizzenError } from '../base/error.ts';
import type { MeshProblem } from '../local/control/protocol.ts';
import { check, kindOf } from '../schema/index.ts';
import { refOf, refText, type SourcedObject } from '../schema/object.ts';
import { ofSource, ofViolation } from '../server/problem.ts';
import { walkFiles } from '../sources/file-walk.ts';
import type { ScopeOf } from '../sources/source.ts';
import { parseDocumentText } from '../sources/yaml-document.ts';
import { maxFileBytes, splitDocuments, type DocumentText } from '../sources/yaml-split.ts';
import { inFile, readDocument } from '../sources/yaml.ts';
import type { Context } from './context.ts';

/** An object as it was written. */
export interface Manifest {
  /** `origin.file` is the path as it is shown to the user. */
  readonly sourced: SourcedObject;
  /** The document's own text, comments and all; absent where it holds more than this object. */
  readonly text: string | undefined;
  readonly namesNamespace: boolean;
}

/** What was read. */
export interface ReadManifests {
  /** As they are shown; `-` for standard input. */
  readonly files: readonly string[];
  readonly manifests: readonly Manifest[];
  readonly problems: readonly MeshProblem[];
  /** Objects that stand in it twice: an error for whoever wants to use them all. */
  readonly duplicates: readonly MeshProblem[];
}

/** Reads everything that `-f` names. Throws `file-unreadable`; what is wrong inside a file is a problem of the result. */
export async function readManifests(context: Context, names: readonly string[]): Promise<ReadManifests> {
  const all = names.flatMap((name) => (name === '-' ? ['-'] : filesOf(context, name)));
  const files = [...new Set(all)];
  const manifests: Manifest[] = [];
  const problems: MeshProblem[] = [];
  for (const file of files) {
    const bytes = file === '-' ? await readInput(context) : readFile(context, file);
    const shown = file === '-' ? 'standard input' : file;
    for (const found of readText(shown, bytes)) {
      manifests.push(...found.manifests);
      problems.push(...found.problems);
    }
  }
  return { files, manifests, problems, duplicates: twice(manifests) };
}

/** The scope of a kind, by its schema. */
export const scopeOf: ScopeOf = (apiVersion, kind) => {
  const known = kindOf({ apiVersion, kind });
  if (known === undefined) return undefined;
  return known.namespaced ? 'Namespaced' : 'Cluster';
};

function filesOf(context: Context, name: string): readonly string[] {
  const path = resolve(context.cwd, name);
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) throw new MizzenError('file-unreadable', `${name} does not exist`);
  if (!stats.isDirectory()) return [shownPath(context, path)];
  const walk = walkFiles([path], { watch: () => undefined, ignored: new Set(['mizzen.yaml']) });
  const [failed] = walk.failures;
  if (failed !== undefined) throw new MizzenError('file-unreadable', `${failed[0]} cannot be read (${failed[1]})`);
  const files = [...walk.files.keys()].toSorted();
  if (files.length === 0)
    throw new MizzenError('file-unreadable', `${name} holds no YAML or JSON file`, {
      fix: 'name a file or another folder',
    });
  return files.map((file) => shownPath(context, file));
}

/** Relative to where the user stands, unless that leads far away. */
function shownPath(context: Context, path: string): string {
  const short = relative(context.cwd, path);
  return short.startsWith('../../') ? path : short;
}

function readFile(context: Context, shown: string): Uint8Array {
  try {
    const path = resolve(context.cwd, shown);
    // Checked before it is read: reading is what a cap is for.
    if (statSync(path).size > maxFileBytes) throw tooLarge(shown);
    return readFileSync(path);
  } catch (error) {
    if (error instanceof MizzenError) throw error;
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    throw new MizzenError('file-unreadable', `${shown} cannot be read${code}`, { cause: error });
  }
}

async function readInput(context: Context): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of context.stdin as AsyncIterable<Buffer | string>) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > maxFileBytes) throw tooLarge('standard input');
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

function tooLarge(what: string): MizzenError {
  return new MizzenError('file-unreadable', `${what} has more than ${maxFileBytes} bytes`, {
    fix: 'split it into several files',
  });
}

interface Found {
  readonly manifests: readonly Manifest[];
  readonly problems: readonly MeshProblem[];
}

function readText(file: string, bytes: Uint8Array): readonly Found[] {
  const split = splitDocuments(bytes);
  const whole = split.problems.map((problem) => ofSource(inFile(file, problem, 1)));
  return [{ manifests: [], problems: whole }, ...split.documents.map((document) => readOne(file, document))];
}

function readOne(file: string, document: DocumentText): Found {
  const { objects, problems } = readDocument(file, { document, values: parseDocumentText(document.text) }, scopeOf);
  const isAlone = objects.length === 1 && problems.length === 0;
  return {
    manifests: objects.map((sourced) => ({
      sourced,
      text: isAlone ? document.text : undefined,
      namesNamespace: sourced.origin.lines?.['metadata.namespace'] !== undefined,
    })),
    problems: [...problems.map(ofSource), ...objects.flatMap(violationsOf)],
  };
}

function violationsOf({ object, origin }: SourcedObject): readonly MeshProblem[] {
  return check(object).map((violation) => ofViolation(refOf(object), origin, violation));
}

function twice(manifests: readonly Manifest[]): readonly MeshProblem[] {
  const first = new Map<string, SourcedObject>();
  return manifests.flatMap(({ sourced }): MeshProblem[] => {
    const { object, origin } = sourced;
    const name = refText(refOf(object));
    const before = first.get(name);
    if (before === undefined) {
      first.set(name, sourced);
      return [];
    }
    const message = `is defined at ${before.origin.file}:${before.origin.line} already`;
    return [
      {
        level: 'error',
        object: name,
        file: origin.file,
        line: origin.line,
        field: '',
        message,
        fix: 'remove one of the two',
      },
    ];
  });
}
