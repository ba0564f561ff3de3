/** The ledger: every field of a schema with what it does and how far it is honoured. */
import type { Field, Node, Support } from './node.ts';

/** One row of the ledger. */
export interface LedgerRow {
  /** Path with `[]` for any entry of a list and `.*` for any key: `spec.http[].match[].headers.*.exact`. Values without effect stand behind ` = `. */
  readonly path: string;
  /** Type as people read it: `duration`, `list of text`, `HTTP|HTTPS`. */
  readonly type: string;
  readonly support: Support;
  readonly text: string;
  readonly note?: string;
  readonly required: boolean;
  readonly default?: Field<unknown, boolean>['default'];
}

/** Every field below a node, in the order of the schema. A field of a field without effect has none either. */
export function rowsOf(node: Node, path: string): readonly LedgerRow[] {
  const rows: LedgerRow[] = [];
  collect(node, { path, dead: undefined }, rows);
  return rows;
}

type Place = { readonly path: string; readonly dead: string | undefined };

function collect(node: Node, place: Place, rows: LedgerRow[]): void {
  switch (node.type) {
    case 'object':
      for (const [name, field] of Object.entries(node.fields)) collectField(name, field, place, rows);
      return;
    case 'list':
      collect(node.item, { ...place, path: `${place.path}[]` }, rows);
      return;
    case 'map':
      if (node.key?.unsupported !== undefined) collectValues(node.key.unsupported, place, rows);
      collect(node.value, { ...place, path: `${place.path}.*` }, rows);
      return;
    case 'string':
      if (node.unsupported !== undefined) collectValues(node.unsupported, place, rows);
      return;
    case 'number':
    case 'duration':
    case 'boolean':
    case 'intOrString':
    case 'quantity':
    case 'any':
      return;
  }
}

function collectField(name: string, field: Field<unknown, boolean>, place: Place, rows: LedgerRow[]): void {
  const path = place.path === '' ? name : `${place.path}.${name}`;
  const support = place.dead === undefined ? field.support : 'no';
  const note = field.note ?? (field.support === 'no' ? undefined : place.dead);
  rows.push(
    Object.freeze({
      path,
      type: typeText(field.schema),
      support,
      text: field.text,
      required: field.required,
      ...(note === undefined ? {} : { note }),
      ...(field.default === undefined ? {} : { default: field.default }),
    }),
  );
  const dead = place.dead ?? (field.support === 'no' ? (field.note ?? `${path} has no effect`) : undefined);
  collect(field.schema, { path, dead }, rows);
}

function collectValues(values: Readonly<Record<string, string>>, place: Place, rows: LedgerRow[]): void {
  for (const [value, missing] of Object.entries(values)) {
    rows.push(
      Object.freeze({ path: `${place.path} = ${value}`, type: 'value', support: 'no', text: missing, required: false }),
    );
  }
}

/** A type as people read it. */
export function typeText(node: Node): string {
  switch (node.type) {
    case 'string':
      return node.values === undefined ? 'text' : node.values.filter((value) => value !== '').join('|');
    case 'number':
      return node.integer ? 'whole number' : 'number';
    case 'duration':
      return 'duration';
    case 'boolean':
      return 'true|false';
    case 'intOrString':
      return 'number or text';
    case 'quantity':
      return 'quantity';
    case 'any':
      return node.object ? 'object' : 'anything';
    case 'list':
      return `list of ${typeText(node.item)}`;
    case 'map':
      return `map of ${typeText(node.value)}`;
    case 'object':
      return 'object';
  }
}
