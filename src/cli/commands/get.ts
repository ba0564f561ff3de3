import { stringify } from 'yaml';
import { MizzenError } from '../../base/error.ts';
import type { Kind } from '../../schema/index.ts';
import { objectKey, type SourcedObject } from '../../schema/object.ts';
import { defineCommand } from '../command.ts';
import type { Context } from '../context.ts';
import { findMesh } from '../find-mesh.ts';
import { columnsOf, type Column } from '../get-columns.ts';
import { kindOfWord } from '../kind-words.ts';
import { defaultNamespace, meshOptions, namespaceOption } from '../options.ts';
import { age, table } from '../table.ts';

/** Shows the objects that a mesh has. */
export const get = defineCommand({
  name: 'get',
  summary: 'Show the objects of a running mesh',
  description: 'The content of a Secret is never shown.',
  examples: [
    { line: 'get pods -A', text: 'pods of all namespaces' },
    { line: 'get vs reviews -o yaml', text: 'one VirtualService' },
    { line: 'get dr -o wide', text: 'with the file and line that each comes from' },
  ],
  arguments: [
    { name: 'KIND', text: 'kind, plural or short name', offers: 'kind' },
    { name: 'NAME', text: 'one object; all without it', optional: true },
  ],
  options: {
    ...namespaceOption,
    'all-namespaces': { kind: 'flag', short: 'A', text: 'of all namespaces' },
    output: {
      kind: 'text',
      short: 'o',
      choices: ['json', 'yaml', 'wide', 'name'],
      text: 'json and yaml for programs, wide for more columns',
    },
    ...meshOptions,
  },
  async run(context, { options, args: [word = '', name] }) {
    const [kindWord = '', joined] = word.split('/');
    const kind = kindOfWord(kindWord);
    const wanted = name ?? joined;
    const everywhere = options['all-namespaces'] || !kind.namespaced;
    const { namespace = defaultNamespace, output } = options;
    const found = await findMesh(context, options.state).control.objects({
      kind: kind.kind,
      ...(everywhere ? {} : { namespace }),
      ...(wanted === undefined ? {} : { name: wanted }),
    });
    const where = everywhere ? '' : ` in namespace ${namespace}`;
    if (wanted !== undefined && found.length === 0)
      throw new MizzenError('object-unknown', `there is no ${kind.kind} ${wanted}${where}`, {
        fix: `${context.program} get ${kindWord} -A shows those that there are`,
      });
    const sorted = found.toSorted((a, b) => (objectKey(a.object) < objectKey(b.object) ? -1 : 1));
    if (output === 'json' || output === 'yaml')
      context.out(documentText(sorted, wanted !== undefined && !options['all-namespaces'], output));
    else if (output === 'name')
      context.out(sorted.map(({ object }) => `${kind.plural}/${object.metadata.name}\n`).join(''));
    else if (sorted.length === 0) context.err(`there is no ${kind.kind}${where}\n`);
    else
      context.out(
        tableText(context, kind, sorted, { isWide: output === 'wide', showNamespace: everywhere && kind.namespaced }),
      );
    return 0;
  },
});

function documentText(found: readonly SourcedObject[], isSingle: boolean, output: 'json' | 'yaml'): string {
  const objects = found.map(({ object }) => object);
  const value = isSingle && objects[0] !== undefined ? objects[0] : { apiVersion: 'v1', kind: 'List', items: objects };
  return output === 'json' ? `${JSON.stringify(value, null, 2)}\n` : stringify(value, { version: '1.1', lineWidth: 0 });
}

interface TableLook {
  readonly isWide: boolean;
  readonly showNamespace: boolean;
}

function tableText(context: Context, kind: Kind, found: readonly SourcedObject[], look: TableLook): string {
  const own = columnsOf(kind.kind).filter(({ wide }) => look.isWide || wide !== true);
  const columns: readonly Column[] = [
    ...(look.showNamespace
      ? [{ head: 'NAMESPACE', cell: ({ object }: SourcedObject) => object.metadata.namespace ?? '' }]
      : []),
    { head: 'NAME', cell: ({ object }) => object.metadata.name },
    ...own,
    { head: 'AGE', cell: ({ object }) => age(object.metadata.creationTimestamp, context.now()) },
    ...(look.isWide ? [{ head: 'FROM', cell: fromOf }] : []),
  ];
  return table([columns.map(({ head }) => head), ...found.map((sourced) => columns.map(({ cell }) => cell(sourced)))]);
}

/** Only what a person wrote has a place: the mesh's own objects have none. */
function fromOf({ object, origin }: SourcedObject): string {
  const maker = object.metadata.ownerReferences?.find(({ controller }) => controller === true);
  if (maker !== undefined) return `${maker.kind} ${maker.name}`;
  return /\.(?:ya?ml|json)$/iu.test(origin.file) ? `${origin.file}:${origin.line}` : 'mizzen';
}
