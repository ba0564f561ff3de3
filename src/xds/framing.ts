/** gRPC's length-prefixed messages (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). */

/** Why a stream's bytes are no gRPC messages of ours. */
export type FramingFault = 'compressed' | 'too-large';

/** Cuts a stream of bytes into messages. */
export interface Deframer {
  /** Takes bytes as they come; gives the messages that are whole now, or what is wrong with them. */
  push(
    chunk: Uint8Array,
  ):
    | { readonly kind: 'messages'; readonly messages: readonly Uint8Array[] }
    | { readonly kind: 'fault'; readonly fault: FramingFault };
}

const prefixBytes = 5;

/** A deframer that never holds more than one message of `limitBytes`. */
export function createDeframer(limitBytes: number): Deframer {
  let pending: Buffer = Buffer.alloc(0);
  return {
    push(chunk) {
      pending = pending.length === 0 ? Buffer.from(chunk) : Buffer.concat([pending, chunk]);
      const messages: Uint8Array[] = [];
      while (pending.length >= prefixBytes) {
        if (pending[0] !== 0) return { kind: 'fault', fault: 'compressed' };
        const sizeBytes = pending.readUInt32BE(1);
        if (sizeBytes > limitBytes) return { kind: 'fault', fault: 'too-large' };
        if (pending.length < prefixBytes + sizeBytes) break;
        messages.push(pending.subarray(prefixBytes, prefixBytes + sizeBytes));
        pending = pending.subarray(prefixBytes + sizeBytes);
      }
      return { kind: 'messages', messages };
    },
  };
}

/** The prefix of an uncompressed message. */
export function messagePrefix(sizeBytes: number): Uint8Array {
  const prefix = Buffer.alloc(prefixBytes);
  prefix.writeUInt32BE(sizeBytes, 1);
  return prefix;
}

/** gRPC status codes that this server answers with. */
export const grpcStatus = {
  ok: 0,
  invalidArgument: 3,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  unavailable: 14,
  unauthenticated: 16,
} as const;
