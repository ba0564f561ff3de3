import type { Explanation, LedgerRow } from '../../schema/index.ts';
import { explain, kinds } from '../../schema/index.ts';
import { defineCommand } from '../command.ts';
import { kindWords, unknownKind } from '../kind-words.ts';
import { jsonOption } from '../options.ts';
import { table } from '../table.ts';
import { usageError } from '../usage-error.ts';

/** The ledger: what each field does, and what is not there yet. */
export const explainApi = defineCommand({
  name: 'explain-api',
  summary: 'Say what each field of a kind does and whether it is supported',
  description: [
    'Without KIND: one line for each kind. KIND may go on with a field: virtualservice.spec.http shows what is below it.',
    'A field that is not supported is reported when it is used, never ignored.',
  ].join('\n'),
  examples: [
    { line: 'explain-api', text: 'every kind, with how many of its fields are supported' },
    { line: 'explain-api VirtualService', text: 'every field of a kind' },
    { line: 'explain-api dr.spec.trafficPolicy', text: 'the fields below one' },
    { line: 'explain-api meshconfig -o json', text: 'for programs' },
  ],
  arguments: [{ name: 'KIND', text: 'kind, plural or short name; MeshConfig too', optional: true, offers: 'kind' }],
  options: { ...jsonOption },
  async run(context, { options, args: [asked] }) {
    const isJson = options.output === 'json';
    if (asked === undefined) {
      const all = [...kinds.map(({ kind }) => kind), 'MeshConfig'].flatMap((name) => explain(name) ?? []);
      context.out(isJson ? json(all.map(summaryOf)) : kindTable(all));
      return 0;
    }
    const [name = '', ...steps] = asked.split('.');
    const explanation = explain(name);
    if (explanation === undefined) throw unknownKind(name, [...kindWords(), 'meshconfig']);
    const fields = below(explanation.fields, steps.join('.'));
    if (fields.length === 0)
      throw usageError(
        `${explanation.kind} has no field ${steps.join('.')}`,
        `see: ${context.program} explain-api ${name}`,
      );
    const shown = { ...explanation, fields };
    context.out(isJson ? json(shown) : fieldTable(shown));
    return 0;
  },
});

function summaryOf({ kind, apiVersion, supported, total }: Explanation): Omit<Explanation, 'fields'> {
  return { kind, apiVersion, supported, total };
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** Rows at or below a path; list brackets may be left out (`spec.http.match`). */
function below(rows: readonly LedgerRow[], path: string): readonly LedgerRow[] {
  if (path === '') return rows;
  const plain = (text: string): string => text.replaceAll('[]', '');
  const wanted = plain(path);
  return rows.filter((row) => {
    const own = plain(row.path);
    return own === wanted || own.startsWith(`${wanted}.`) || own.startsWith(`${wanted} = `);
  });
}

function kindTable(all: readonly Explanation[]): string {
  const rows = all.map(({ kind, apiVersion, supported, total }) => {
    const shortNames = kinds.find((each) => each.kind === kind)?.shortNames.join(',') ?? '';
    return [kind, apiVersion, shortNames, `${supported}/${total}`];
  });
  return table([['KIND', 'APIVERSION', 'SHORT', 'SUPPORTED'], ...rows]);
}

function fieldTable({ kind, apiVersion, supported, total, fields }: Explanation): string {
  const rows = fields.map((row) => [
    row.path,
    row.required ? `${row.type}, required` : row.type,
    row.support,
    textOf(row),
  ]);
  const head = `${kind} (${apiVersion}): ${supported}/${total} fields supported\n\n`;
  return head + table([['FIELD', 'TYPE', 'SUPPORTED', 'WHAT IT DOES'], ...rows]);
}

function textOf({ text, note, default: value }: LedgerRow): string {
  const parts = [text];
  if (value !== undefined) parts.push(`default ${typeof value === 'string' ? value : JSON.stringify(value)}`);
  if (note !== undefined) parts.push(note);
  return parts.join('; ');
}
