/** Envoy's messages: JSON to bytes and back, and what travels between compiler and xDS server. */
export { createCodec, maxMessageBytes, type Codec } from './codec.ts';
export { decode, encode, encodeField, envoyCodec } from './envoy.ts';
export { ProtoError, type ProtoErrorCode } from './error.ts';
export type { JsonObject, JsonValue } from './json.ts';
export { typeUrls, type Need, type Resource, type Unit, type XdsType } from './resource.ts';
export {
  decodeDeltaRequest,
  encodeDeltaBody,
  maxNodeBytes,
  maxRequestBytes,
  withNonce,
  type Chunks,
  type DeltaBody,
  type DeltaError,
  type DeltaRequest,
  type DeltaResource,
} from './discovery.ts';
export { typed, typePrefix, type Typed } from './typed.ts';
