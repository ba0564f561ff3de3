import {
  getOption,
  hasOption,
  isMessage,
  toJson,
  type DescExtension,
  type DescField,
  type FileRegistry,
} from '@bufbuild/protobuf';

/** The rules of protoc-gen-validate as `src/proto/rules.ts` reads them. */
export interface RulesText {
  readonly fields: Readonly<Record<string, string>>;
  readonly oneofs: Readonly<Record<string, string>>;
}

const numeric: ReadonlySet<string> = new Set([
  'float',
  'double',
  'int32',
  'int64',
  'uint32',
  'uint64',
  'sint32',
  'sint64',
  'fixed32',
  'fixed64',
  'sfixed32',
  'sfixed64',
]);

/**
 * The rules (validate/validate.proto) that Envoy's messages carry as options: by message and field, and the oneofs of
 * which one member must be set. All kinds of number become `number`, and 64-bit limits plain numbers.
 * Fails when the binary has no such options or when a whole message opts out, which none does today.
 */
export function rulesText(registry: FileRegistry): RulesText {
  const fieldRules = extension(registry, 'validate.rules');
  const oneofRequired = extension(registry, 'validate.required');
  const optOuts = [extension(registry, 'validate.disabled'), extension(registry, 'validate.ignored')];
  const fields: Record<string, string> = {};
  const oneofs: Record<string, string> = {};
  const messages = [...registry].filter((type) => type.kind === 'message');
  for (const message of messages.sort((a, b) => (a.typeName < b.typeName ? -1 : 1))) {
    if (optOuts.some((option) => hasOption(message, option))) {
      throw new Error(`${message.typeName} opts out of validation, which is not provided for`);
    }
    const ruled = message.fields.filter((field) => hasOption(field, fieldRules));
    if (ruled.length > 0) {
      const rules = ruled.map((field) => [field.name, plain(rulesOf(registry, field, fieldRules))]);
      fields[message.typeName] = JSON.stringify(Object.fromEntries(rules));
    }
    const required = message.oneofs.filter((oneof) => hasOption(oneof, oneofRequired)).map((oneof) => oneof.name);
    if (required.length > 0) oneofs[message.typeName] = required.join(' ');
  }
  return { fields, oneofs };
}

function extension(registry: FileRegistry, name: string): DescExtension {
  const found = registry.getExtension(name);
  if (found === undefined) throw new Error(`${name} is not among the descriptors of the binary`);
  return found;
}

function rulesOf(registry: FileRegistry, field: DescField, option: DescExtension): unknown {
  const value = getOption(field, option);
  if (option.message === undefined || !isMessage(value)) {
    throw new Error(`the rules of ${field.parent.typeName}.${field.name} are not a message`);
  }
  return toJson(option.message, value, { registry, useProtoFieldName: true });
}

function plain(rules: unknown): unknown {
  if (Array.isArray(rules)) return rules;
  if (typeof rules !== 'object' || rules === null) {
    return typeof rules === 'string' && /^-?\d+$/.test(rules) ? Number(rules) : rules;
  }
  return Object.fromEntries(
    Object.entries(rules).map(([key, value]) => [numeric.has(key) ? 'number' : key, plain(value)]),
  );
}
