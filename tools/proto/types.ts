import { ScalarType, type DescEnum, type DescField, type DescMessage, type FileRegistry } from '@bufbuild/protobuf';
import { authoredMessages } from './authored.ts';

/** Messages whose JSON is written as a type of its own, not as an object of their fields. */
const wellKnown: Readonly<Record<string, string>> = {
  'google.protobuf.Any': 'Any',
  'google.protobuf.Struct': 'Struct',
  'google.protobuf.Value': 'unknown',
  'google.protobuf.ListValue': 'readonly unknown[]',
  'google.protobuf.Duration': 'Duration',
  'google.protobuf.Timestamp': 'string',
  'google.protobuf.FieldMask': 'string',
  'google.protobuf.DoubleValue': 'number',
  'google.protobuf.FloatValue': 'number',
  'google.protobuf.Int64Value': 'string | number',
  'google.protobuf.UInt64Value': 'string | number',
  'google.protobuf.Int32Value': 'number',
  'google.protobuf.UInt32Value': 'number',
  'google.protobuf.BoolValue': 'boolean',
  'google.protobuf.StringValue': 'string',
  'google.protobuf.BytesValue': 'string',
};

const head = `/** Made by tools/proto from the descriptors of the Envoy binary: Envoy's canonical proto JSON, in snake_case. */

/** A message of any type with its type's URL. */
export type Any = { readonly '@type': string; readonly [field: string]: unknown };

/** Free JSON. */
export type Struct = { readonly [key: string]: unknown };

/** Seconds with an "s": "1.5s". */
export type Duration = string;
`;

/**
 * TypeScript types of the JSON of every message that we author and all that they consist of. All members are optional
 * and readonly; enums are unions of names. `TypedMessages` gives the type of each authored message by its full name.
 * Fails when the binary does not know an authored message.
 */
export function typesText(registry: FileRegistry): string {
  const { messages, enums } = closure(registry);
  const names = shortNames([...messages.keys(), ...enums.keys()].sort());
  const nameOf = (typeName: string): string => names.get(typeName) ?? typeName;
  const parts = [head];
  for (const [typeName, type] of sorted(enums)) parts.push(enumText(nameOf(typeName), type));
  for (const [typeName, type] of sorted(messages)) parts.push(messageText(nameOf(typeName), type, nameOf));
  const entries = authoredMessages.toSorted().map((name) => `  readonly '${name}': ${nameOf(name)};`);
  parts.push(`/** Authored messages by full name. */\nexport type TypedMessages = {\n${entries.join('\n')}\n};\n`);
  return parts.join('\n');
}

function sorted<T>(types: ReadonlyMap<string, T>): readonly (readonly [string, T])[] {
  return [...types].sort(([a], [b]) => (a < b ? -1 : 1));
}

interface Closure {
  readonly messages: ReadonlyMap<string, DescMessage>;
  readonly enums: ReadonlyMap<string, DescEnum>;
}

function closure(registry: FileRegistry): Closure {
  const messages = new Map<string, DescMessage>();
  const enums = new Map<string, DescEnum>();
  const visit = (message: DescMessage): void => {
    if (messages.has(message.typeName) || Object.hasOwn(wellKnown, message.typeName)) return;
    messages.set(message.typeName, message);
    for (const field of message.fields) {
      if (field.message !== undefined) visit(field.message);
      if (field.enum !== undefined) enums.set(field.enum.typeName, field.enum);
    }
  };
  for (const name of authoredMessages) {
    const message = registry.getMessage(name);
    if (message === undefined) throw new Error(`${name} is not among the descriptors of the binary`);
    visit(message);
  }
  return { messages, enums };
}

/**
 * The name without its package, nested names joined. Where several have the same, the only one of `envoy.config.` keeps
 * it and the others are told apart by as many parts of their package, nearest first, as it takes.
 */
function shortNames(typeNames: readonly string[]): ReadonlyMap<string, string> {
  const byShort = Map.groupBy(typeNames, (name) => nameWith(name, 0));
  const result = new Map<string, string>();
  for (const [short, sharing] of byShort) {
    const central = sharing.filter((name) => name.startsWith('envoy.config.'));
    const keeper = sharing.length === 1 ? sharing[0] : central.length === 1 ? central[0] : undefined;
    for (const name of sharing) {
      result.set(name, name === keeper ? short : distinct(name, sharing, byShort));
    }
  }
  if (new Set(result.values()).size !== typeNames.length) throw new Error('two messages would have the same name');
  return result;
}

function distinct(name: string, sharing: readonly string[], taken: ReadonlyMap<string, unknown>): string {
  const depth = packageParts(name).length;
  for (let parts = 1; parts <= depth; parts++) {
    const candidate = nameWith(name, parts);
    const isAlone = sharing.every((other) => other === name || nameWith(other, parts) !== candidate);
    if (isAlone && !taken.has(candidate)) return candidate;
  }
  throw new Error(`no distinct name for ${name}`);
}

function nameWith(typeName: string, packageCount: number): string {
  const parts = packageParts(typeName);
  const prefix = packageCount === 0 ? [] : parts.slice(-packageCount);
  return [...prefix.map(pascal), ...typeName.split('.').filter(isUpper)].join('');
}

/** Parts of the package but for the version, which would tell nothing. */
function packageParts(typeName: string): readonly string[] {
  return typeName.split('.').filter((part) => !isUpper(part) && !/^v\d/.test(part));
}

function isUpper(part: string): boolean {
  return /^[A-Z]/.test(part);
}

function pascal(part: string): string {
  return part.replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function enumText(name: string, type: DescEnum): string {
  const values = type.values.map((value) => `  | '${value.name}'`);
  return `/** ${type.typeName} */\nexport type ${name} =\n${values.join('\n')};\n`;
}

function messageText(name: string, type: DescMessage, nameOf: (typeName: string) => string): string {
  const heading = `/** ${type.typeName} */\nexport type ${name} = `;
  if (type.fields.length === 0) return `${heading}Readonly<Record<string, never>>;\n`;
  const fields = type.fields.map((field) => {
    const note = field.deprecated ? '  /** @deprecated */\n' : '';
    const member = /^[a-z_][a-z0-9_]*$/i.test(field.name) ? field.name : `'${field.name}'`;
    return `${note}  readonly ${member}?: ${fieldType(field, nameOf)} | undefined;`;
  });
  return `${heading}{\n${fields.join('\n')}\n};\n`;
}

function fieldType(field: DescField, nameOf: (typeName: string) => string): string {
  const value = valueType(field, nameOf);
  if (field.fieldKind === 'map') return `{ readonly [key: string]: ${value} }`;
  if (field.fieldKind === 'list') return value.includes(' ') ? `readonly (${value})[]` : `readonly ${value}[]`;
  return value;
}

function valueType(field: DescField, nameOf: (typeName: string) => string): string {
  if (field.message !== undefined) return wellKnown[field.message.typeName] ?? nameOf(field.message.typeName);
  if (field.enum !== undefined) return nameOf(field.enum.typeName);
  switch (field.scalar) {
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return 'string';
    case ScalarType.BOOL:
      return 'boolean';
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
    case ScalarType.SINT64:
      return 'string | number';
    default:
      return 'number';
  }
}
