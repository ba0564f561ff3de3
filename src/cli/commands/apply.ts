import { relative, resolve } from 'node:path';
import { MizzenError } from '../../base/error.ts';
import { deepEqual } from '../../base/json.ts';
import type { MeshControl, MeshProblem } from '../../local/control/protocol.ts';
import { normalise } from '../../schema/index.ts';
import { refOf, refText, type KubeObject, type SourcedObject } from '../../schema/object.ts';
import * as files from '../applied-files.ts';
import { isApplied } from '../changes.ts';
import { defineCommand } from '../command.ts';
import { pause, type Context } from '../context.ts';
import { filterOf, findMesh } from '../find-mesh.ts';
import { meshOptions, namespaceOption } from '../options.ts';
import { count, problemText } from '../problem-text.ts';
import { readManifests, type Manifest } from '../read-manifests.ts';
import { styleFor } from '../style.ts';
import { usageError } from '../usage-error.ts';

const defaultTimeoutS = 15;

/** Puts objects into a running mesh by way of its folder. */
export const apply = defineCommand({
  name: 'apply',
  summary: "Write objects into a running mesh's folder and wait until it has taken them",
  description: [
    'Each object becomes a file KIND-NAMESPACE-NAME.yaml in the folder that the mesh follows, which stays the only truth.',
    'An object that another file defines is refused: edit that file. Nothing is written where anything is wrong.',
  ].join('\n'),
  examples: [
    { line: 'apply -f reviews.yaml', text: 'every object of a file' },
    { line: 'apply -f rules/ --wait', text: 'of a folder, and wait until every proxy has it' },
    { line: 'apply -f - --dry-run < reviews.yaml', text: 'say what would be done' },
  ],
  arguments: [],
  options: {
    filename: {
      kind: 'texts',
      short: 'f',
      value: 'FILE',
      text: 'a file, a folder, or - for standard input; may be repeated',
    },
    ...namespaceOption,
    'dry-run': { kind: 'flag', text: 'check, say what would be done, write nothing' },
    wait: { kind: 'flag', text: 'wait until every proxy has acknowledged it too' },
    timeout: {
      kind: 'number',
      value: 'SECONDS',
      text: `how long to wait (default: ${defaultTimeoutS}; with --wait 60)`,
    },
    ...meshOptions,
  },
  async run(context, { options }) {
    if (options.filename.length === 0) throw usageError('no file is named', 'write -f FILE');
    const manifests = await readValid(context, options.filename, options.namespace);
    const { control } = findMesh(context, options.state);
    const status = await control.status();
    const folder = files.meshFolderOf(status);
    const steps = await planAll(control, folder, manifests);
    const done = options['dry-run'] ? ' (dry run)' : '';
    const changed = options['dry-run'] ? [] : steps.filter(({ action }) => action !== 'unchanged');
    for (const { path, object, text } of changed) files.writeObject(path, object, text);
    const endMs = context.now() + 1000 * (options.timeout ?? (options.wait ? 60 : defaultTimeoutS));
    for (const step of changed) await untilTaken(context, control, { step, folder, endMs });
    for (const { object, action, path } of steps)
      context.out(`${refText(refOf(object))} ${action}${done} (${relative(folder.base, path)})\n`);
    if (options.wait && !options['dry-run']) await untilApplied(context, control, { before: status.generation, endMs });
    return 0;
  },
});

/** Reads and checks everything; whatever is wrong is told before anything is written. */
async function readValid(
  context: Context,
  names: readonly string[],
  namespace: string | undefined,
): Promise<readonly Manifest[]> {
  const read = await readManifests(context, names);
  const placed = read.manifests.map((manifest) => inNamespace(manifest, namespace));
  const problems = [...read.problems, ...read.duplicates, ...placed.flatMap(({ problem }) => problem ?? [])];
  const style = styleFor(context.isTerminal.err, context.env);
  context.err(problems.map((problem) => problemText(problem, style)).join(''));
  const errors = problems.filter(({ level }) => level === 'error').length;
  if (errors > 0) {
    throw new MizzenError('manifest-invalid', `${count(errors, 'error')}; nothing was applied`);
  }
  if (placed.length === 0) throw new MizzenError('manifest-empty', 'there is no object to apply');
  return placed.map(({ manifest }) => manifest);
}

/** The namespace of the command line holds for objects that name none, and contradicts those that name another. */
function inNamespace(
  manifest: Manifest,
  namespace: string | undefined,
): { readonly manifest: Manifest; readonly problem?: MeshProblem } {
  const { sourced, namesNamespace } = manifest;
  const { object, origin } = sourced;
  const own = object.metadata.namespace;
  if (namespace === undefined || own === undefined || own === namespace) return { manifest };
  if (namesNamespace) {
    const problem = {
      level: 'error',
      object: refText(refOf(object)),
      file: origin.file,
      line: origin.lines?.['metadata.namespace'] ?? origin.line,
      field: 'metadata.namespace',
      message: `is ${own}, and the command line says ${namespace}`,
      fix: 'leave one of the two out',
    } as const;
    return { manifest, problem };
  }
  const moved = { ...object, metadata: { ...object.metadata, namespace } };
  return { manifest: { ...manifest, sourced: { object: moved, origin }, text: undefined } };
}

interface Step {
  readonly object: KubeObject;
  readonly text: string | undefined;
  readonly path: string;
  /** What the mesh has of it now. */
  readonly before: SourcedObject | undefined;
  readonly action: 'created' | 'configured' | 'unchanged';
}

async function planAll(
  control: MeshControl,
  folder: files.MeshFolder,
  manifests: readonly Manifest[],
): Promise<readonly Step[]> {
  const steps: Step[] = [];
  const refused: string[] = [];
  for (const manifest of manifests) {
    const { object } = manifest.sourced;
    const [before] = await control.objects(filterOf(refOf(object)));
    const path = files.fileFor(folder, object, new Set(steps.map((step) => step.path)));
    if (before !== undefined && isForeign(before, folder))
      refused.push(`${refText(refOf(object))} is ${files.placeOf(before)}`);
    const present = files.appliedObject(path);
    const isSame = present !== undefined && deepEqual(normalise(present), normalise(object)) && before !== undefined;
    const action = isSame ? 'unchanged' : before === undefined ? 'created' : 'configured';
    steps.push({ object, text: manifest.text, path, before, action });
  }
  if (refused.length === 0) return steps;
  throw new MizzenError('object-defined', `${refused.join('\n       ')}\nnothing was applied`, {
    fix: 'edit it there, or take it away there first',
  });
}

/** Whether an object is somebody else's: of a file that `apply` did not write, or of a controller. The mesh's own may be replaced. */
function isForeign(found: SourcedObject, folder: files.MeshFolder): boolean {
  if (found.object.metadata.ownerReferences?.some(({ controller }) => controller === true) === true) return true;
  return files.isFile(found.origin.file) && !files.isApplied(resolve(folder.base, found.origin.file));
}

interface Waiting {
  readonly step: Step;
  readonly folder: files.MeshFolder;
  readonly endMs: number;
}

async function untilTaken(context: Context, control: MeshControl, { step, folder, endMs }: Waiting): Promise<void> {
  const { object, path, before } = step;
  const file = relative(folder.base, path);
  const version = before?.object.metadata.resourceVersion;
  for (; ; await pause(50)) {
    const [found] = await control.objects(filterOf(refOf(object)));
    const isNew = version === undefined || found?.object.metadata.resourceVersion !== version;
    if (
      found !== undefined &&
      isNew &&
      (object.kind === 'Pod' || found.origin.file === file) &&
      files.isTaken(object, found)
    )
      return;
    if (context.now() < endMs) continue;
    const told = (await control.status()).problems.find((problem) => problem.file === file);
    throw new MizzenError(
      'not-taken',
      `the mesh has not taken ${refText(refOf(object))}: ${told?.message ?? 'it does not say why'}`,
      {
        fix: told?.fix ?? `${path} is written; ${context.program} status shows the mesh's problems`,
      },
    );
  }
}

/** How long a change that has nothing to say to the control plane may leave the generation as it was. */
const settleMs = 1_000;

async function untilApplied(
  context: Context,
  control: MeshControl,
  { before, endMs }: { readonly before: number; readonly endMs: number },
): Promise<void> {
  const startMs = context.now();
  for (; ; await pause(50)) {
    const status = await control.status();
    const isSeen = status.generation > before || context.now() - startMs > settleMs;
    if (isSeen && isApplied(status)) return context.out(`applied on all ${status.proxies.length} proxies\n`);
    if (context.now() < endMs) continue;
    const behind = status.proxies.find(({ state, generation }) => state !== 'SYNCED' || generation < status.generation);
    const who =
      behind === undefined ? '' : `: ${behind.namespace}/${behind.pod} is ${behind.state} ${behind.reason}`.trimEnd();
    throw new MizzenError('not-applied', `not every proxy has acknowledged it${who}`, {
      fix: `${context.program} status`,
    });
  }
}
