import type { DescEnum, DescField, DescMessage, FileRegistry } from '@bufbuild/protobuf';
import { ScalarType } from '@bufbuild/protobuf';
import { lowerCamel } from './extract.ts';

/** The encoder table as `src/proto/table.ts` reads it: a text of one line a field, a text of one line an enum value. */
export interface TableText {
  readonly messages: Readonly<Record<string, string>>;
  readonly enums: Readonly<Record<string, string>>;
}

const messageType = 11;
const enumType = 14;

/** How a field's values are laid out; the numbers are those of `src/proto/table.ts`. */
const shapes = { implicit: 0, explicit: 1, repeated: 2, packed: 3, map: 4 } as const;

/**
 * Writes every message and enum of the registry as a line per field:
 * `name number type shape reference oneof keyType jsonName`, where `-` stands for nothing, types are protobuf's own
 * type numbers, and `jsonName` is given only where it is not the lower camel case of the name.
 */
export function tableText(registry: FileRegistry): TableText {
  const messages: Record<string, string> = {};
  const enums: Record<string, string> = {};
  const named = [...registry].filter((type) => type.kind === 'message' || type.kind === 'enum');
  for (const type of named.sort((a, b) => (a.typeName < b.typeName ? -1 : 1))) {
    if (type.kind === 'message') messages[type.typeName] = messageText(type);
    else enums[type.typeName] = enumText(type);
  }
  return { messages, enums };
}

function messageText(message: DescMessage): string {
  const fields = message.fields.filter((field) => !isGroup(field));
  return fields
    .sort((a, b) => a.number - b.number)
    .map(fieldText)
    .join('\n');
}

function isGroup(field: DescField): boolean {
  return field.fieldKind === 'message' && field.delimitedEncoding;
}

function fieldText(field: DescField): string {
  const value = valueType(field);
  const parts: readonly (string | number)[] = [
    field.name,
    field.number,
    value.type,
    shapeOf(field),
    value.reference,
    field.oneof?.name ?? '-',
    field.fieldKind === 'map' ? field.mapKey : '-',
    field.jsonName === lowerCamel(field.name) ? '-' : field.jsonName,
  ];
  return parts.join(' ').replace(/( -)+$/, '');
}

function valueType(field: DescField): { readonly type: number; readonly reference: string } {
  if (field.message !== undefined) return { type: messageType, reference: field.message.typeName };
  if (field.enum !== undefined) return { type: enumType, reference: field.enum.typeName };
  return { type: field.scalar ?? ScalarType.BYTES, reference: '-' };
}

function shapeOf(field: DescField): number {
  if (field.fieldKind === 'map') return shapes.map;
  if (field.fieldKind === 'list') return field.packed ? shapes.packed : shapes.repeated;
  return hasPresence(field) ? shapes.explicit : shapes.implicit;
}

function hasPresence(field: DescField): boolean {
  return field.fieldKind === 'message' || field.oneof !== undefined || field.proto.proto3Optional || !isProto3(field);
}

function isProto3(field: DescField): boolean {
  return field.parent.file.proto.syntax === 'proto3';
}

function enumText(type: DescEnum): string {
  return type.values.map((value) => `${value.name} ${value.number}`).join('\n');
}
