/** Objects out of the files that a command line names, with what is wrong about them. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { MizzenError } from '../base/error.ts';
import type { MeshProblem } from '../local/control/protocol.ts';
import { check, kindOf } from '../schema/index.ts';
import { refOf, type SourcedObject } from '../schema/object.ts';
import { ofSource, ofViolation } from '../server/problem.ts';
import { createFileSource } from '../sources/files.ts';
import type { ScopeOf, SourceBatch } from '../sources/source.ts';
import { maxFileBytes } from '../sources/yaml-split.ts';
import { parseYaml } from '../sources/yaml.ts';
import type { Context } from './context.ts';

/** What files hold. */
export interface ReadObjects {
  readonly objects: readonly SourcedObject[];
  readonly problems: readonly MeshProblem[];
}

/** Where kinds live, for readers of YAML. */
export const scopeOf: ScopeOf = (apiVersion, kind) => {
  const known = kindOf({ apiVersion, kind });
  return known === undefined ? undefined : known.namespaced ? 'Namespaced' : 'Cluster';
};

/** Reads and checks what is named; `-` is standard input. Throws `file-missing`. */
export async function readObjects(context: Context, names: readonly string[]): Promise<ReadObjects> {
  const batches = await Promise.all(
    names.map((name) => (name === '-' ? readInput(context) : readFiles(context, name))),
  );
  const objects = batches.flatMap(({ changed }) => changed);
  const checked = objects.flatMap(({ object, origin }) =>
    check(object).map((violation) => ofViolation(refOf(object), origin, violation)),
  );
  return { objects, problems: [...batches.flatMap(({ problems }) => problems.map(ofSource)), ...checked] };
}

async function readInput(context: Context): Promise<SourceBatch> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of context.stdin as AsyncIterable<Buffer | string>) {
    const bytes = Buffer.from(chunk);
    sizeBytes += bytes.length;
    if (sizeBytes > maxFileBytes)
      throw new MizzenError('input-too-large', `standard input is larger than ${maxFileBytes >> 20} MiB`);
    chunks.push(bytes);
  }
  const { objects, problems } = parseYaml('standard input', Buffer.concat(chunks), scopeOf);
  return { changed: objects, removed: [], problems };
}

async function readFiles(context: Context, name: string): Promise<SourceBatch> {
  const path = resolve(context.cwd, name);
  if (!existsSync(path))
    throw new MizzenError('file-missing', `${name} does not exist`, {
      fix: 'name a file or folder with YAML, or - for standard input',
    });
  const source = createFileSource({ roots: [path], base: context.cwd, scopeOf });
  const changed: SourcedObject[] = [];
  let problems: SourceBatch['problems'] = [];
  source.start((batch) => {
    changed.push(...batch.changed);
    problems = batch.problems;
  });
  await source.synced;
  await source.stop();
  return { changed, removed: [], problems };
}
