/** JSON schemas for editors, and OpenAPI v3 schemas for custom resource definitions, from the same data. */
import type { JsonObject, JsonValue } from '../../base/json.ts';
import type { FormatName } from './formats.ts';
import type { Field, Node, ObjectNode } from './node.ts';

/** `json`: draft 2020-12, unknown fields refused. `openapi`: a structural schema as the API server wants it. */
export type Dialect = 'json' | 'openapi';

/** The JSON schema of a node. Rules between fields are not in it. */
export function jsonSchema(node: Node, dialect: Dialect): JsonObject {
  switch (node.type) {
    case 'string':
      return defined({
        type: 'string',
        enum: node.values,
        minLength: node.minLength,
        maxLength: node.maxLength,
        pattern: whole(node.pattern),
        format: formatOf(node.format),
      });
    case 'number':
      return defined({ type: node.integer ? 'integer' : 'number', minimum: node.min, maximum: node.max });
    case 'duration':
      return { type: 'string' };
    case 'boolean':
      return { type: 'boolean' };
    case 'intOrString':
    case 'quantity':
      return {
        anyOf: [{ type: node.type === 'quantity' ? 'number' : 'integer' }, { type: 'string' }],
        ...(dialect === 'openapi' ? { 'x-kubernetes-int-or-string': true } : {}),
      };
    case 'any':
      return {
        ...(node.object ? { type: 'object' } : {}),
        ...(dialect === 'openapi' ? { 'x-kubernetes-preserve-unknown-fields': true } : {}),
      };
    case 'list':
      return defined({
        type: 'array',
        items: jsonSchema(node.item, dialect),
        minItems: node.minItems,
        maxItems: node.maxItems,
      });
    case 'map':
      return defined({
        type: 'object',
        additionalProperties: jsonSchema(node.value, dialect),
        maxProperties: node.maxItems,
      });
    case 'object':
      return objectSchema(node, dialect);
  }
}

function objectSchema(node: ObjectNode, dialect: Dialect): JsonObject {
  const entries = Object.entries(node.fields);
  const required = entries.filter(([, field]) => field.required).map(([name]) => name);
  const groups = node.oneOf.map((group) => ({
    oneOf: [
      ...group.fields.map((name) => ({ required: [name] })),
      ...(group.must ? [] : [{ not: { anyOf: group.fields.map((name) => ({ required: [name] })) } }]),
    ],
  }));
  return defined({
    type: 'object',
    properties: Object.fromEntries(entries.map(([name, field]) => [name, fieldSchema(field, dialect)])),
    required: required.length === 0 ? undefined : required,
    allOf: groups.length === 0 ? undefined : groups,
    additionalProperties: dialect === 'json' ? false : undefined,
  });
}

function fieldSchema(field: Field<unknown, boolean>, dialect: Dialect): JsonObject {
  const schema = jsonSchema(field.schema, dialect);
  const description =
    field.support === 'yes'
      ? field.text
      : `${field.text} (${field.support === 'no' ? 'no effect yet' : 'in part'}${field.note === undefined ? '' : `: ${field.note}`})`;
  return { description, ...schema };
}

function whole(pattern: string | undefined): string | undefined {
  return pattern === undefined ? undefined : `^(?:${pattern})$`;
}

function formatOf(format: FormatName | undefined): string | undefined {
  return format === 'url' ? 'uri' : undefined;
}

function defined(members: Readonly<Record<string, JsonValue | undefined>>): JsonObject {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}
