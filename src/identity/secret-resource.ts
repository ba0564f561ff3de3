import type { JsonObject } from '../base/json.ts';
import { hashBytes } from '../base/hash.ts';
import { encode } from '../proto/index.ts';
import type { Resource } from '../proto/resource.ts';
import { concealBytes } from './sealed.ts';

const secretMessage = 'envoy.extensions.transport_sockets.tls.v3.Secret';

/**
 * An Envoy secret as the xDS server takes it; its bytes do not print. `version` is for secrets whose bytes differ from
 * one replica to the next; by default it is the hash of the bytes.
 */
export function secretResource(name: string, fields: JsonObject, version?: string): Resource {
  const head = encode(secretMessage, { name, ...fields });
  return Object.freeze({ name, version: version ?? hashBytes(head), head: concealBytes(head), needs: [], units: [] });
}

/** Bytes as `DataSource` JSON; base64 hides nothing, so the result goes nowhere but into `secretResource`. */
export function inlineBytes(text: string): JsonObject {
  return { inline_bytes: Buffer.from(text, 'utf8').toString('base64') };
}
