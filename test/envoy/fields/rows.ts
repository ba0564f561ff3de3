/** The supported fields of a kind that hold a value of their own, and two values for each by its schema. */
import type { JsonValue } from '../../../src/base/json.ts';
import { explain, kindNamed } from '../../../src/schema/index.ts';
import type { Node, StringNode } from '../../../src/schema/kit/node.ts';
import { meshConfig } from '../../../src/schema/mesh-config.ts';

/** One field to be tested. */
export interface FieldRow {
  readonly kind: string;
  readonly path: string;
  readonly node: Node;
}

/** Fields of a kind that the ledger calls supported, without those that only hold others. */
export function supportedFields(kind: string): readonly FieldRow[] {
  const rows = (explain(kind)?.fields ?? []).filter((row) => !row.path.includes(' = '));
  const parents = new Set(rows.flatMap((row) => ancestors(row.path)));
  return rows
    .filter((row) => row.support !== 'no' && !parents.has(row.path))
    .map((row) => ({ kind, path: row.path, node: nodeAt(kind, row.path) }));
}

function ancestors(path: string): readonly string[] {
  const parts = path.split('.');
  return parts.slice(1).map((_, i) =>
    parts
      .slice(0, i + 1)
      .join('.')
      .replace(/(?:\[\]|\.\*)+$/u, ''),
  );
}

function nodeAt(kind: string, path: string): Node {
  let node: Node | undefined = kind === 'MeshConfig' ? meshConfig : kindNamed(kind)?.schema;
  for (const step of path.replaceAll('[]', '.[]').split('.')) node = node === undefined ? undefined : below(node, step);
  if (node === undefined) throw new Error(`the schema of ${kind} has no ${path}`);
  return node;
}

function below(node: Node, step: string): Node | undefined {
  if (node.type === 'object') return node.fields[step]?.schema;
  if (node.type === 'list' && step === '[]') return node.item;
  return node.type === 'map' && step === '*' ? node.value : undefined;
}

/** Two values that the schema alone allows; nothing where only a table can know them. */
export function valuesBySchema(node: Node): readonly [JsonValue, JsonValue] | undefined {
  switch (node.type) {
    case 'boolean':
      return [false, true];
    case 'duration':
      return ['3s', '7s'];
    case 'number':
      return [Math.max(3, node.min ?? 3), Math.min(Math.max(3, node.min ?? 3) + 4, node.max ?? 100)];
    case 'string':
      return texts(node);
    case 'list': {
      const pair = valuesBySchema(node.item);
      return pair === undefined ? undefined : [[pair[0]], [pair[1]]];
    }
    case 'map': {
      const pair = valuesBySchema(node.value);
      return pair === undefined ? undefined : [{ 'x-key': pair[0] }, { 'x-key': pair[1] }];
    }
    case 'object':
    case 'intOrString':
    case 'quantity':
    case 'any':
      return undefined;
  }
}

function texts(node: StringNode): readonly [string, string] | undefined {
  const { values, unsupported = {} } = node;
  if (node.format === 'regex') return ['a.*', 'b+'];
  if (values === undefined) return node.format === undefined && node.pattern === undefined ? ['a', 'b'] : undefined;
  const [first, second] = values.filter((value) => value !== '' && unsupported[value] === undefined).slice(-2);
  return first === undefined || second === undefined ? undefined : [first, second];
}
