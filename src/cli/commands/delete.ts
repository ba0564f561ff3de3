import { rmSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { MizzenError } from '../../base/error.ts';
import type { MeshControl } from '../../local/control/protocol.ts';
import { refOf, refText, type ObjectRef } from '../../schema/object.ts';
import { isApplied, isFile, meshFolderOf, placeOf, type MeshFolder } from '../applied-files.ts';
import { defineCommand } from '../command.ts';
import { pause, type Context } from '../context.ts';
import { filterOf, findMesh } from '../find-mesh.ts';
import { kindOfWord } from '../kind-words.ts';
import { defaultNamespace, meshOptions, namespaceOption } from '../options.ts';
import { readManifests } from '../read-manifests.ts';
import { usageError } from '../usage-error.ts';

const defaultTimeoutS = 45;

/** Takes away what `apply` wrote. */
export const deleteCommand = defineCommand({
  name: 'delete',
  summary: 'Take objects that apply wrote out of a running mesh',
  description: 'An object that another file defines is refused: take it away there.',
  examples: [
    { line: 'delete vs reviews', text: 'one object' },
    { line: 'delete -f reviews.yaml', text: 'every object that a file names' },
  ],
  arguments: [
    { name: 'KIND', text: 'kind, plural or short name; not with -f', optional: true, offers: 'kind' },
    { name: 'NAME', text: 'name of the object', optional: true },
  ],
  options: {
    filename: {
      kind: 'texts',
      short: 'f',
      value: 'FILE',
      text: 'a file, a folder, or - for standard input; may be repeated',
    },
    ...namespaceOption,
    'ignore-not-found': { kind: 'flag', text: 'what is not there is no failure' },
    timeout: {
      kind: 'number',
      value: 'SECONDS',
      text: `how long to wait until it is gone (default: ${defaultTimeoutS})`,
    },
    ...meshOptions,
  },
  async run(context, { options, args }) {
    const { filename, namespace } = options;
    const wanted =
      filename.length > 0 ? await refsOfFiles(context, filename, { namespace, args }) : [refOfWords(args, namespace)];
    const { control } = findMesh(context, options.state);
    const folder = meshFolderOf(await control.status());
    const found = await findAll(control, folder, wanted);
    const missing = wanted.filter((ref) => !found.some((each) => refText(each.ref) === refText(ref)));
    if (missing.length > 0 && !options['ignore-not-found'])
      throw new MizzenError(
        'object-unknown',
        `${missing.map(refText).join(', ')}: not in the mesh; nothing was deleted`,
      );
    for (const { path } of found) rmSync(path, { force: true });
    const endMs = context.now() + 1000 * (options.timeout ?? defaultTimeoutS);
    for (const { ref, path } of found) {
      await untilGone(context, control, { ref, file: relative(folder.base, path), endMs });
      context.out(`${refText(ref)} deleted\n`);
    }
    return 0;
  },
});

interface Asked {
  readonly namespace: string | undefined;
  readonly args: readonly string[];
}

async function refsOfFiles(
  context: Context,
  names: readonly string[],
  { namespace, args }: Asked,
): Promise<readonly ObjectRef[]> {
  if (args.length > 0) throw usageError('KIND and -f exclude each other');
  const { manifests } = await readManifests(context, names);
  if (manifests.length === 0) throw new MizzenError('manifest-empty', 'the files name no object');
  return manifests.map(({ sourced, namesNamespace }) => {
    const ref = refOf(sourced.object);
    return namespace === undefined || namesNamespace || ref.namespace === '' ? ref : { ...ref, namespace };
  });
}

function refOfWords([word = '', name]: readonly string[], namespace = defaultNamespace): ObjectRef {
  const [kindWord = '', joined] = word.split('/');
  if (kindWord === '') throw usageError('no object is named', 'write KIND NAME, or -f FILE');
  const kind = kindOfWord(kindWord);
  const wanted = name ?? joined;
  if (wanted === undefined || wanted === '') throw usageError('NAME is missing: name of the object');
  return { kind: kind.kind, namespace: kind.namespaced ? namespace : '', name: wanted };
}

interface Found {
  readonly ref: ObjectRef;
  readonly path: string;
}

/** The files of objects that are there. Throws `object-defined` if any of them is not one that `apply` wrote. */
async function findAll(
  control: MeshControl,
  folder: MeshFolder,
  wanted: readonly ObjectRef[],
): Promise<readonly Found[]> {
  const found: Found[] = [];
  const refused: string[] = [];
  for (const ref of wanted) {
    const [sourced] = await control.objects(filterOf(ref));
    if (sourced === undefined) continue;
    const path = resolve(folder.base, sourced.origin.file);
    if (isFile(sourced.origin.file) && isApplied(path)) found.push({ ref, path });
    else refused.push(`${refText(ref)} is ${placeOf(sourced)}`);
  }
  if (refused.length === 0) return found;
  throw new MizzenError('object-defined', `${refused.join('\n       ')}\nnothing was deleted`, {
    fix: 'apply did not write it: take it away where it is defined',
  });
}

interface Waiting {
  readonly ref: ObjectRef;
  readonly file: string;
  readonly endMs: number;
}

async function untilGone(context: Context, control: MeshControl, { ref, file, endMs }: Waiting): Promise<void> {
  for (; ; await pause(50)) {
    const [found] = await control.objects(filterOf(ref));
    // The mesh's own form of it may come back in its place.
    if (found === undefined || found.origin.file !== file) return;
    if (context.now() >= endMs)
      throw new MizzenError('not-gone', `${refText(ref)} is still there; its file is gone`, {
        fix: `${context.program} status`,
      });
  }
}
