import { checkValue } from './check-value.ts';
import { envoyCodec } from './envoy.ts';
import { joinPath } from './error.ts';
// Made together with the table by `node tools/proto/generate.ts ENVOY_BINARY`.
import envoyRules from './generated/rules.json' with { type: 'json' };
import { isObject } from './json.ts';
import { openRules, type FieldRules, type ListRules, type MapRules, type MessageRules } from './rules.ts';
import { kinds, shapes, type FieldType, type MessageType, type Types } from './table.ts';

/** A value that Envoy would refuse. */
export interface Breach {
  /** From the outermost message: `route_config.virtual_hosts[0].domains`; empty for the message itself. */
  readonly path: string;
  readonly message: string;
}

type JsonMessage = Readonly<Record<string, unknown>>;

interface Walk {
  readonly types: Types;
  readonly rulesOf: (messageName: string) => MessageRules;
  readonly breaches: Breach[];
}

/**
 * What Envoy would refuse in a message although its types are right: every rule that its descriptors carry, in nested
 * messages and those inside of Any too. Pairs with `encode`, which refuses what does not fit the types; a value that
 * does not fit is passed over here. Not checked: patterns that the user wrote, and what Envoy's code wants beyond the
 * descriptors. Fails with a ProtoError for an unknown message.
 */
export function check(typeName: string, json: unknown): readonly Breach[] {
  const { types } = envoyCodec;
  const walk: Walk = { types, rulesOf, breaches: [] };
  checkMessage(walk, types.message(typeName), json, '');
  return walk.breaches;
}

const rulesOf = openRules(envoyRules);

function checkMessage(walk: Walk, type: MessageType, json: unknown, path: string): void {
  if (!isObject(json)) return;
  if (type.form === 'any') {
    const url = json['@type'];
    const inner = typeof url === 'string' ? walk.types.findMessage(url.slice(url.lastIndexOf('/') + 1)) : undefined;
    if (inner?.form === 'fields') checkMessage(walk, inner, json, path);
    return;
  }
  if (type.form !== 'fields') return;
  const rules = walk.rulesOf(type.name);
  for (const [name, fieldRules] of Object.entries(rules.fields)) {
    const field = type.byName.get(name);
    if (field !== undefined) checkField({ walk, field, rules: fieldRules }, valueOf(json, field), joinPath(path, name));
  }
  for (const oneof of rules.oneofs) checkOneof(walk, { type, oneof, json }, path);
  for (const key of Object.keys(json)) {
    const field = type.byName.get(key);
    if (field?.kind !== kinds.message || own(rules.fields, field.name)?.message?.skip === true) continue;
    checkNested(walk, field, json[key], joinPath(path, field.name));
  }
}

/** A member of a record that somebody else named. */
function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

function valueOf(json: JsonMessage, field: FieldType): unknown {
  return json[field.name] ?? json[field.jsonName] ?? undefined;
}

function checkOneof(
  { breaches }: Walk,
  { type, oneof, json }: { type: MessageType; oneof: string; json: JsonMessage },
  path: string,
): void {
  const members = type.fields.filter((field) => field.oneof === oneof);
  if (members.some((field) => valueOf(json, field) !== undefined)) return;
  breaches.push({ path, message: `one of ${members.map((field) => field.name).join(', ')} must be set` });
}

interface Place {
  readonly walk: Walk;
  readonly field: FieldType;
  readonly rules: FieldRules;
}

function checkField(place: Place, value: unknown, path: string): void {
  const { walk, field, rules } = place;
  if (field.shape === shapes.repeated || field.shape === shapes.packed) {
    if (rules.repeated !== undefined) checkList(place, rules.repeated, { value, path });
    return;
  }
  if (field.shape === shapes.map) {
    if (rules.map !== undefined) checkMap(place, rules.map, { value, path });
    return;
  }
  const isRequired = [rules.message, rules.any, rules.duration].some((rule) => rule?.required === true);
  // A member of a oneof that is not chosen need not be there.
  if (value === undefined && isRequired && field.oneof === '') walk.breaches.push({ path, message: 'must be set' });
  const present = value ?? (field.shape === shapes.implicit ? emptyOf(field) : undefined);
  if (present !== undefined) checkOne(place, present, path);
}

function checkOne({ walk, field, rules }: Place, value: unknown, path: string): void {
  for (const message of checkValue(rules, value, () => walk.types.enumeration(field.reference))) {
    walk.breaches.push({ path, message });
  }
}

function emptyOf(field: FieldType): unknown {
  if (field.kind === kinds.string || field.kind === kinds.bytes) return '';
  return field.kind === kinds.bool ? false : 0;
}

function checkList(place: Place, rules: ListRules, { value, path }: { value: unknown; path: string }): void {
  const { breaches } = place.walk;
  const elements: readonly unknown[] = Array.isArray(value) ? value : [];
  const { min_items: min, max_items: max, items } = rules;
  if (min !== undefined && elements.length < min)
    breaches.push({ path, message: `must have at least ${min} elements` });
  if (max !== undefined && elements.length > max) breaches.push({ path, message: `must have at most ${max} elements` });
  if (rules.unique === true && new Set(elements).size < elements.length) {
    breaches.push({ path, message: 'must not have an element twice' });
  }
  if (items === undefined) return;
  for (const [index, element] of elements.entries()) checkOne({ ...place, rules: items }, element, `${path}[${index}]`);
}

function checkMap(place: Place, rules: MapRules, { value, path }: { value: unknown; path: string }): void {
  const entries = isObject(value) ? Object.entries(value) : [];
  const { min_pairs: min, keys, values } = rules;
  if (min !== undefined && entries.length < min) {
    place.walk.breaches.push({ path, message: `must have at least ${min} entries` });
  }
  for (const [key, element] of entries) {
    const inner = `${path}[${JSON.stringify(key)}]`;
    if (keys !== undefined) checkOne({ ...place, rules: keys }, key, inner);
    if (values !== undefined) checkOne({ ...place, rules: values }, element, inner);
  }
}

function checkNested(walk: Walk, field: FieldType, value: unknown, path: string): void {
  const type = walk.types.message(field.reference);
  if (Array.isArray(value)) {
    const elements: readonly unknown[] = value;
    for (const [index, element] of elements.entries()) checkMessage(walk, type, element, `${path}[${index}]`);
  } else if (field.shape === shapes.map && isObject(value)) {
    for (const [key, element] of Object.entries(value)) {
      checkMessage(walk, type, element, `${path}[${JSON.stringify(key)}]`);
    }
  } else {
    checkMessage(walk, type, value, path);
  }
}
