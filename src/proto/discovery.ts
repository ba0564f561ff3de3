import { envoyCodec } from './envoy.ts';
import { ProtoError } from './error.ts';
import type { JsonObject } from './json.ts';
import { Reader } from './reader.ts';
import type { Resource, Unit } from './resource.ts';
import { wires } from './table.ts';
import { Writer } from './writer.ts';

/** What a proxy says on a delta stream (envoy/service/discovery/v3/discovery.proto, DeltaDiscoveryRequest). */
export interface DeltaRequest {
  /** Only in the first message of a stream. */
  readonly node: JsonObject | undefined;
  readonly typeUrl: string;
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  /** Name to version of what the proxy still has from an earlier stream; only in the first message of a type. */
  readonly initialVersions: ReadonlyMap<string, string>;
  /** The response that this acknowledges or refuses; empty when it answers none. */
  readonly nonce: string;
  /** Set when the response was refused. */
  readonly error: DeltaError | undefined;
}

/** google.rpc.Status without its details. */
export interface DeltaError {
  readonly code: number;
  readonly message: string;
}

/** A resource as it goes out: any head and any units, be they the newest or the ones acknowledged last. */
export interface DeltaResource extends Pick<Resource, 'name' | 'version' | 'head'> {
  readonly units: readonly Pick<Unit, 'bytes'>[];
}

/** What goes out on a delta stream, but for the nonce. */
export interface DeltaBody {
  readonly typeUrl: string;
  /** For people and logs only; Envoy makes nothing of it but a gauge. */
  readonly systemVersion: string;
  readonly resources: readonly DeltaResource[];
  readonly removed: readonly string[];
}

/** A message in pieces, to be written one after the other. */
export interface Chunks {
  readonly chunks: readonly Uint8Array[];
  /** Of all pieces together. */
  readonly sizeBytes: number;
}

/** Largest request that is read, in bytes. 20,000 names with their versions take 3 MiB. */
export const maxRequestBytes = 16 << 20;

/** Largest node that is read, in bytes. Envoy's with its 516 extensions takes 50 KiB. */
export const maxNodeBytes = 1 << 20;

/** Tag of a length-delimited field. */
function tagOf(number: number): number {
  return (number << 3) | wires.bytes;
}

const request = Object.freeze({
  node: tagOf(1),
  typeUrl: tagOf(2),
  subscribe: tagOf(3),
  unsubscribe: tagOf(4),
  initialVersions: tagOf(5),
  nonce: tagOf(6),
  error: tagOf(7),
});
const response = Object.freeze({
  systemVersion: tagOf(1),
  resources: tagOf(2),
  typeUrl: tagOf(4),
  nonce: tagOf(5),
  removed: tagOf(6),
});
const resourceTags = Object.freeze({ version: tagOf(1), resource: tagOf(2), name: tagOf(3) });
const anyTags = Object.freeze({ typeUrl: tagOf(1), value: tagOf(2) });
const entryTags = Object.freeze({ key: tagOf(1), value: tagOf(2) });
const statusTags = Object.freeze({ code: (1 << 3) | wires.varint, message: tagOf(2) });

/** Reads a DeltaDiscoveryRequest; unknown fields are passed over. Fails with a ProtoError. */
export function decodeDeltaRequest(bytes: Uint8Array): DeltaRequest {
  if (bytes.length > maxRequestBytes) throw new ProtoError('too-large', '', `more than ${maxRequestBytes} bytes`);
  const reader = new Reader(bytes);
  const subscribe: string[] = [];
  const unsubscribe: string[] = [];
  const initialVersions = new Map<string, string>();
  let node: JsonObject | undefined;
  let typeUrl = '';
  let nonce = '';
  let error: DeltaError | undefined;
  while (reader.more) {
    const tag = reader.tag();
    switch (tag) {
      case request.node:
        node = readNode(reader.bytes());
        break;
      case request.typeUrl:
        typeUrl = reader.text();
        break;
      case request.subscribe:
        subscribe.push(reader.text());
        break;
      case request.unsubscribe:
        unsubscribe.push(reader.text());
        break;
      case request.initialVersions: {
        const [name, version] = readEntry(reader.nested());
        initialVersions.set(name, version);
        break;
      }
      case request.nonce:
        nonce = reader.text();
        break;
      case request.error:
        error = readStatus(reader.nested());
        break;
      default:
        reader.skipValue(tag & 7);
    }
  }
  return { node, typeUrl, subscribe, unsubscribe, initialVersions, nonce, error };
}

function readNode(bytes: Uint8Array): JsonObject {
  // JSON takes many times the space of its bytes, and a node is read before anybody knows who speaks.
  if (bytes.length > maxNodeBytes) throw new ProtoError('too-large', 'node', `more than ${maxNodeBytes} bytes`);
  return envoyCodec.decode('envoy.config.core.v3.Node', bytes);
}

function readEntry(reader: Reader): readonly [string, string] {
  let key = '';
  let value = '';
  while (reader.more) {
    const tag = reader.tag();
    if (tag === entryTags.key) key = reader.text();
    else if (tag === entryTags.value) value = reader.text();
    else reader.skipValue(tag & 7);
  }
  return [key, value];
}

function readStatus(reader: Reader): DeltaError {
  let code = 0;
  let message = '';
  while (reader.more) {
    const tag = reader.tag();
    if (tag === statusTags.code) code = reader.varint32() | 0;
    else if (tag === statusTags.message) message = reader.text();
    else reader.skipValue(tag & 7);
  }
  return { code, message };
}

const writer = new Writer(maxRequestBytes);

function writeText(tag: number, text: string): void {
  writer.text(text);
  writer.varint(tag);
}

/**
 * A DeltaDiscoveryResponse without its nonce, which `withNonce` adds: the same for every stream that gets these
 * resources. The pieces of the resources are their own buffers, not copies.
 */
export function encodeDeltaBody(body: DeltaBody): Chunks {
  writer.reset();
  for (const name of body.removed.toReversed()) writeText(response.removed, name);
  writeText(response.typeUrl, body.typeUrl);
  if (body.systemVersion !== '') writeText(response.systemVersion, body.systemVersion);
  const chunks: Uint8Array[] = [writer.copy()];
  for (const resource of body.resources) addResource(chunks, body.typeUrl, resource);
  let sizeBytes = 0;
  for (const chunk of chunks) sizeBytes += chunk.length;
  return { chunks, sizeBytes };
}

/** The body followed by the nonce, a piece of its own. */
export function withNonce(body: Chunks, nonce: string): Chunks {
  writer.reset();
  writeText(response.nonce, nonce);
  const tail = writer.copy();
  return { chunks: [...body.chunks, tail], sizeBytes: body.sizeBytes + tail.length };
}

function addResource(chunks: Uint8Array[], typeUrl: string, resource: DeltaResource): void {
  let valueBytes = resource.head.length;
  for (const unit of resource.units) valueBytes += unit.bytes.length;
  writer.reset();
  // Backwards, and the value itself is not among what the writer holds, so it is added to every length.
  writer.varint(valueBytes);
  writer.varint(anyTags.value);
  writeText(anyTags.typeUrl, typeUrl);
  writer.varint(writer.used + valueBytes);
  writer.varint(resourceTags.resource);
  writeText(resourceTags.version, resource.version);
  writeText(resourceTags.name, resource.name);
  writer.varint(writer.used + valueBytes);
  writer.varint(response.resources);
  chunks.push(writer.copy());
  if (resource.head.length > 0) chunks.push(resource.head);
  for (const unit of resource.units) if (unit.bytes.length > 0) chunks.push(unit.bytes);
}
