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

/** A deframer that never holds more than one message of `limitBytes`, and copies each byte once at most. */
export function createDeframer(limitBytes: number): Deframer {
  let pending: Buffer[] = [];
  let heldBytes = 0;
  /** How much must be there to go on: a prefix, or a prefix and its message. */
  let neededBytes = prefixBytes;
  const joined = (): Buffer => {
    const [first] = pending;
    const whole = pending.length === 1 && first !== undefined ? first : Buffer.concat(pending);
    pending = [whole];
    return whole;
  };
  return {
    push(chunk) {
      pending.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      heldBytes += chunk.length;
      const messages: Uint8Array[] = [];
      while (heldBytes >= neededBytes) {
        const whole = joined();
        if (neededBytes === prefixBytes) {
          if (whole[0] !== 0) return { kind: 'fault', fault: 'compressed' };
          const sizeBytes = whole.readUInt32BE(1);
          if (sizeBytes > limitBytes) return { kind: 'fault', fault: 'too-large' };
          neededBytes += sizeBytes;
          if (heldBytes < neededBytes) break;
        }
        messages.push(whole.subarray(prefixBytes, neededBytes));
        pending = [whole.subarray(neededBytes)];
        heldBytes -= neededBytes;
        neededBytes = prefixBytes;
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
  deadlineExceeded: 4,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  unavailable: 14,
  unauthenticated: 16,
} as const;
