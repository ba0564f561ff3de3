import { createCodec, type Codec } from './codec.ts';
// Made by `node tools/proto/generate.ts ENVOY_BINARY`; the launcher does it before anything runs.
import table from './generated/table.json' with { type: 'json' };
import type { JsonObject } from './json.ts';

/** The codec of the Envoy that this checkout was set up with. */
export const envoyCodec: Codec = createCodec(table);

/** `envoyCodec.encode`: canonical proto JSON to bytes. Fails with a ProtoError that names the field's path. */
export function encode(typeName: string, json: unknown): Uint8Array {
  return envoyCodec.encode(typeName, json);
}

/** `envoyCodec.encodeField`: one field with tag and length, of a repeated field one element. Fails as `encode` does. */
export function encodeField(typeName: string, fieldName: string, json: unknown): Uint8Array {
  return envoyCodec.encodeField(typeName, fieldName, json);
}

/** `envoyCodec.decode`: bytes to canonical proto JSON with snake_case names. Fails with a ProtoError. */
export function decode(typeName: string, bytes: Uint8Array): JsonObject {
  return envoyCodec.decode(typeName, bytes);
}
