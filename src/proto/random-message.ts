import type { JsonValue } from './json.ts';
import { kinds, shapes, type FieldType, type MessageType, type Types } from './table.ts';

/** Random choices that a seed fixes. */
export interface Choices {
  /** A whole number from 0 to below `limit`. */
  below(limit: number): number;
  /** One element. */
  pick<T>(from: readonly [T, ...T[]]): T;
}

/** Choices from a seed (xorshift of 32 bits). */
export function choicesOf(seed: number): Choices {
  let state = (seed ^ 0x9e3779b9) | 1;
  const below = (limit: number): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return Math.floor(((state >>> 0) / 2 ** 32) * limit);
  };
  return { below, pick: (from) => from[below(from.length)] ?? from[0] };
}

interface Source {
  readonly types: Types;
  readonly choices: Choices;
}

const maxFields = 6;
const texts = [
  '',
  'a',
  'x-y_z.0',
  'é',
  '\ufeffbom',
  '\u0000',
  '\u{1f600}',
  `${'long '.repeat(60)}`,
  `${'ü'.repeat(130)}`,
] as const;
const anyTypes = [
  'envoy.config.route.v3.RouteMatch',
  'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
  'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
  'google.protobuf.Duration',
  'google.protobuf.Struct',
  'google.protobuf.UInt32Value',
] as const;

/** A random message of a type as canonical proto JSON, nested no deeper than `depth`. */
export function randomMessage(source: Source, type: MessageType, depth: number): JsonValue {
  const { choices } = source;
  switch (type.form) {
    case 'fields':
      return randomFields(source, type, depth);
    case 'any':
      return randomAny(source, depth);
    case 'struct':
      return randomStruct(choices, depth);
    case 'value':
      return randomValue(choices, depth);
    case 'list':
      return many(choices, () => randomValue(choices, depth));
    case 'duration':
      return `${choices.pick(['', '-'])}${choices.below(choices.pick([2, 315_576_000_000]))}.${fraction(choices)}s`;
    case 'timestamp':
      return randomTime(choices);
    case 'field-mask':
      return many(choices, () => choices.pick(['a', 'fooBar', 'x.yZ.w'])).join(',');
    case 'wrapper':
      return randomScalar(choices, type.fields[0]?.kind ?? kinds.string);
  }
}

function many<T>(choices: Choices, one: () => T): readonly T[] {
  return Array.from({ length: choices.below(4) }, one);
}

function fraction(choices: Choices): string {
  return String(choices.below(choices.pick([1, 1000, 1_000_000_000]))).padStart(9, '0');
}

function randomTime(choices: Choices): string {
  const two = (from: number, count: number): string => String(from + choices.below(count)).padStart(2, '0');
  const date = `${String(1 + choices.below(9998)).padStart(4, '0')}-${two(1, 12)}-${two(1, 28)}`;
  return `${date}T${two(0, 24)}:${two(0, 60)}:${two(0, 60)}.${fraction(choices)}${choices.pick(['Z', '+01:30', '-08:00'])}`;
}

function randomStruct(choices: Choices, depth: number): JsonValue {
  return Object.fromEntries(many(choices, () => [choices.pick(texts), randomValue(choices, depth - 1)]));
}

function randomValue(choices: Choices, depth: number): JsonValue {
  switch (choices.below(depth > 0 ? 6 : 4)) {
    case 0:
      return null;
    case 1:
      return choices.below(2) === 0;
    case 2:
      return randomDouble(choices);
    case 3:
      return choices.pick(texts);
    case 4:
      return many(choices, () => randomValue(choices, depth - 1));
    default:
      return randomStruct(choices, depth);
  }
}

function randomDouble(choices: Choices): number {
  return choices.pick([0, 1, -1, 0.5, 1e300, 5e-324, choices.below(2 ** 32) / 7]);
}

function randomAny(source: Source, depth: number): JsonValue {
  if (depth <= 0) return {};
  const type = source.types.message(source.choices.pick(anyTypes));
  const content = randomMessage(source, type, depth - 1);
  const url = `type.googleapis.com/${type.name}`;
  if (type.form !== 'fields') return { '@type': url, value: content };
  return { '@type': url, ...(content as Record<string, JsonValue>) };
}

function randomFields(source: Source, type: MessageType, depth: number): JsonValue {
  const { choices } = source;
  const message: Record<string, JsonValue> = {};
  const used = new Set<string>();
  const possible = type.fields.filter((field) => depth > 0 || field.kind !== kinds.message);
  for (let count = choices.below(maxFields); count > 0; count--) {
    const field = possible[choices.below(possible.length)];
    if (field === undefined || used.has(field.name) || used.has(`oneof ${field.oneof}`)) continue;
    used.add(field.name);
    if (field.oneof !== '') used.add(`oneof ${field.oneof}`);
    message[choices.pick([field.name, field.jsonName])] = randomField(source, field, depth);
  }
  return message;
}

function randomField(source: Source, field: FieldType, depth: number): JsonValue {
  const { types, choices } = source;
  const one = (): JsonValue => {
    if (field.kind === kinds.message) return randomMessage(source, types.message(field.reference), depth - 1);
    return field.kind === kinds.enum ? randomEnum(source, field.reference) : randomScalar(choices, field.kind);
  };
  if (field.shape === shapes.repeated || field.shape === shapes.packed) return many(choices, one);
  if (field.shape !== shapes.map) return one();
  return Object.fromEntries(many(choices, () => [String(randomScalar(choices, field.keyKind)), one()]));
}

function randomEnum({ types, choices }: Source, name: string): JsonValue {
  if (name === 'google.protobuf.NullValue') return null;
  const { numbers } = types.enumeration(name);
  const all = [...numbers.keys(), ...numbers.values()];
  return all[choices.below(all.length)] ?? 0;
}

function randomScalar(choices: Choices, kind: number): boolean | number | string {
  const small = choices.below(200);
  switch (kind) {
    case kinds.string:
      return choices.pick(texts);
    case kinds.bool:
      return choices.below(2) === 0;
    case kinds.bytes:
      return choices.pick(['', 'AA==', '/+8=', 'AAEC', 'AAECAw==']);
    case kinds.double:
      return choices.pick<number | string>([randomDouble(choices), -0, 'NaN', 'Infinity', '-Infinity', '1.5']);
    case kinds.float:
      return choices.pick<number | string>([0, 0.5, -3.25, Math.fround(0.1), 3.4028234663852886e38, 'Infinity', 'NaN']);
    case kinds.uint32:
    case kinds.fixed32:
      return choices.pick([small, 127, 128, 0xffffffff, choices.below(2 ** 32)]);
    case kinds.int32:
    case kinds.sint32:
    case kinds.sfixed32:
      return choices.pick([small, -1, 0x7fffffff, -0x80000000, choices.below(2 ** 32) - 2 ** 31]);
    case kinds.uint64:
    case kinds.fixed64:
      return choices.pick<number | string>([small, 2 ** 53 - 1, '4294967296', '18446744073709551615']);
    default:
      return choices.pick<number | string>([small, -small, 2 ** 33, '-9223372036854775808', '9223372036854775807']);
  }
}
