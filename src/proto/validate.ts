import { checkValue } from './check-value.ts';
import { envoyCodec } from './envoy.ts';
import { joinPath } from './error.ts';
// Made together with the table by `node tools/proto/generate.ts ENVOY_BINARY`.
import envoyRules from './generated/rules.json' with { type: 'json' };
import { isObject } from './json.ts';
import { openRules, type FieldRules, type ListRules, type MapRules } from './rules.ts';
import { kinds, shapes, type FieldType, type MessageType, type Types } from './table.ts';

/** A value that Envoy would refuse. */
export interface Breach {
  /** From the outermost message: `route_config.virtual_hosts[0].domains`; empty for the message itself. */
  readonly path: string;
  readonly message: string;
}

type JsonMessage = Readonly<Record<string, unknown>>;

/** What is to be checked in a message, found once for each type. */
interface Plan {
  readonly ruled: readonly { readonly field: FieldType; readonly rules: FieldRules }[];
  readonly oneofs: readonly (readonly FieldType[])[];
  /** Fields whose messages are not looked into. */
  readonly skipped: ReadonlySet<FieldType>;
}

interface Walk {
  readonly types: Types;
  /** Where the walk stands: one segment a level, joined only when something is broken. */
  readonly path: string[];
  readonly breaches: Breach[];
}

const rulesOf = openRules(envoyRules);
const plans = new Map<string, Plan>();

/**
 * What Envoy would refuse in a message although its types are right: every rule that its descriptors carry, in nested
 * messages and those inside of Any too. Pairs with `encode`, which refuses what does not fit the types; a value that
 * does not fit is passed over here. Not checked: patterns that the user wrote, and what Envoy's code wants beyond the
 * descriptors. Fails with a ProtoError for an unknown message.
 */
export function check(typeName: string, json: unknown): readonly Breach[] {
  const { types } = envoyCodec;
  const walk: Walk = { types, path: [], breaches: [] };
  checkMessage(walk, types.message(typeName), json);
  return walk.breaches;
}

function planOf(type: MessageType): Plan {
  const known = plans.get(type.name);
  if (known !== undefined) return known;
  const { fields, oneofs } = rulesOf(type.name);
  const ruled = type.fields.flatMap((field) => {
    const rules = Object.hasOwn(fields, field.name) ? fields[field.name] : undefined;
    return rules === undefined ? [] : [{ field, rules }];
  });
  const plan: Plan = {
    ruled,
    oneofs: oneofs.map((oneof) => type.fields.filter((field) => field.oneof === oneof)),
    skipped: new Set(ruled.filter(({ rules }) => rules.message?.skip === true).map(({ field }) => field)),
  };
  plans.set(type.name, plan);
  return plan;
}

function report({ path, breaches }: Walk, message: string): void {
  breaches.push({ path: path.reduce(joinPath, ''), message });
}

function checkMessage(walk: Walk, type: MessageType, json: unknown): void {
  if (!isObject(json)) return;
  if (type.form === 'any') {
    const url = json['@type'];
    const inner = typeof url === 'string' ? walk.types.findMessage(url.slice(url.lastIndexOf('/') + 1)) : undefined;
    if (inner?.form === 'fields') checkMessage(walk, inner, json);
    return;
  }
  if (type.form !== 'fields') return;
  const plan = planOf(type);
  for (const { field, rules } of plan.ruled) {
    walk.path.push(field.name);
    checkField({ walk, field, rules }, valueOf(json, field));
    walk.path.pop();
  }
  for (const members of plan.oneofs) {
    if (members.every((field) => valueOf(json, field) === undefined)) {
      report(walk, `one of ${members.map((field) => field.name).join(', ')} must be set`);
    }
  }
  for (const key of Object.keys(json)) {
    const field = type.byName.get(key);
    if (field?.kind !== kinds.message || plan.skipped.has(field)) continue;
    walk.path.push(field.name);
    checkNested(walk, field, json[key]);
    walk.path.pop();
  }
}

function valueOf(json: JsonMessage, field: FieldType): unknown {
  return json[field.name] ?? json[field.jsonName] ?? undefined;
}

interface Place {
  readonly walk: Walk;
  readonly field: FieldType;
  readonly rules: FieldRules;
}

function checkField(place: Place, value: unknown): void {
  const { walk, field, rules } = place;
  if (field.shape === shapes.repeated || field.shape === shapes.packed) {
    if (rules.repeated !== undefined) checkList(place, rules.repeated, value);
    return;
  }
  if (field.shape === shapes.map) {
    if (rules.map !== undefined) checkMap(place, rules.map, value);
    return;
  }
  // A member of a oneof that is not chosen need not be there.
  if (value === undefined && field.oneof === '' && isRequired(rules)) report(walk, 'must be set');
  const present = value ?? (field.shape === shapes.implicit ? emptyOf(field) : undefined);
  if (present !== undefined) checkOne(place, present);
}

function isRequired({ message, any, duration }: FieldRules): boolean {
  return message?.required === true || any?.required === true || duration?.required === true;
}

function checkOne({ walk, field, rules }: Place, value: unknown): void {
  const message = checkValue(rules, value, () => walk.types.enumeration(field.reference));
  if (message !== undefined) report(walk, message);
}

/** One level further in. */
function checkInside(place: Place, value: unknown, segment: string): void {
  place.walk.path.push(segment);
  checkOne(place, value);
  place.walk.path.pop();
}

function emptyOf(field: FieldType): unknown {
  if (field.kind === kinds.string || field.kind === kinds.bytes) return '';
  return field.kind === kinds.bool ? false : 0;
}

function checkList(place: Place, rules: ListRules, value: unknown): void {
  const elements: readonly unknown[] = Array.isArray(value) ? value : [];
  const { min_items: min, max_items: max, items } = rules;
  if (min !== undefined && elements.length < min) report(place.walk, `must have at least ${min} elements`);
  if (max !== undefined && elements.length > max) report(place.walk, `must have at most ${max} elements`);
  if (rules.unique === true && new Set(elements).size < elements.length) {
    report(place.walk, 'must not have an element twice');
  }
  if (items === undefined) return;
  for (const [index, element] of elements.entries()) checkInside({ ...place, rules: items }, element, `[${index}]`);
}

function checkMap(place: Place, rules: MapRules, value: unknown): void {
  const entries = isObject(value) ? Object.entries(value) : [];
  const { min_pairs: min, keys, values } = rules;
  if (min !== undefined && entries.length < min) report(place.walk, `must have at least ${min} entries`);
  for (const [key, element] of entries) {
    const segment = `[${JSON.stringify(key)}]`;
    if (keys !== undefined) checkInside({ ...place, rules: keys }, key, segment);
    if (values !== undefined) checkInside({ ...place, rules: values }, element, segment);
  }
}

function checkNested(walk: Walk, field: FieldType, value: unknown): void {
  const type = walk.types.message(field.reference);
  if (type.form !== 'fields' && type.form !== 'any') return;
  const inside = (element: unknown, segment: string): void => {
    walk.path.push(segment);
    checkMessage(walk, type, element);
    walk.path.pop();
  };
  if (Array.isArray(value)) {
    const elements: readonly unknown[] = value;
    for (const [index, element] of elements.entries()) inside(element, `[${index}]`);
  } else if (field.shape === shapes.map && isObject(value)) {
    for (const [key, element] of Object.entries(value)) inside(element, `[${JSON.stringify(key)}]`);
  } else {
    checkMessage(walk, type, value);
  }
}
