import { encodeDeltaBody, withNonce, type Chunks } from '../proto/index.ts';
import { typeUrls, type XdsType } from '../proto/resource.ts';
import type { Composite } from './composite.ts';
import type { GateResponse } from './message.ts';

/** A resource's pieces on the wire are the same on every stream and in every response, so they are made once. */
const encoded = new WeakMap<Composite, readonly Uint8Array[]>();

/** A response as pieces, shared among streams but for its first and last. `systemVersion` is for people only. */
export function encodeResponse(response: GateResponse, systemVersion: string): Chunks {
  const { type, removed, nonce } = response;
  const envelope = encodeDeltaBody({ typeUrl: typeUrls[type], systemVersion, resources: [], removed });
  const chunks = [...envelope.chunks];
  for (const resource of response.resources) chunks.push(...piecesOf(type, resource));
  let sizeBytes = 0;
  for (const chunk of chunks) sizeBytes += chunk.length;
  return withNonce({ chunks, sizeBytes }, nonce);
}

function piecesOf(type: XdsType, resource: Composite): readonly Uint8Array[] {
  let pieces = encoded.get(resource);
  if (pieces === undefined) {
    const body = encodeDeltaBody({ typeUrl: typeUrls[type], systemVersion: '', resources: [resource], removed: [] });
    // The first piece is the envelope, of which each response has its own.
    pieces = body.chunks.slice(1);
    encoded.set(resource, pieces);
  }
  return pieces;
}
