/**
 * The framing of `exec` after the upgrade: kind (one byte), length (four bytes, big endian), payload. Input is sent only
 * against credit, so that the supervisor always reads and so sees a caller leave.
 */
import { MizzenError } from '../../base/error.ts';

/** Protocol name in the Upgrade header. */
export const execProtocol = 'mizzen-exec';

/** Kinds of frame. `request`, `stdin` and `stdinEnd` go to the mesh, the others come from it. */
export const frameKind = Object.freeze({
  /** JSON: an `ExecRequest` without its streams. The first frame, and the only one of its kind. */
  request: 0,
  stdin: 1,
  stdinEnd: 2,
  /** How many more bytes of input may be sent (four bytes). */
  credit: 3,
  stdout: 4,
  stderr: 5,
  /** JSON: `{exitCode}` or `{error}`. The last frame. */
  result: 6,
});

/** Largest payload of one frame, in bytes; a request may have four times as much. */
export const maxPayloadBytes = 64 * 1024;
/** Input that may be under way or unread, in bytes. */
export const inputWindowBytes = 256 * 1024;

const headBytes = 5;
const lastKind = frameKind.result;

/** A frame as it is sent. */
export function frameOf(kind: number, payload: Uint8Array = new Uint8Array()): Buffer {
  const frame = Buffer.allocUnsafe(headBytes + payload.length);
  frame.writeUInt8(kind, 0);
  frame.writeUInt32BE(payload.length, 1);
  frame.set(payload, headBytes);
  return frame;
}

/** A frame whose payload is JSON. */
export function jsonFrame(kind: number, value: unknown): Buffer {
  return frameOf(kind, Buffer.from(JSON.stringify(value)));
}

/** A credit frame. */
export function creditFrame(bytes: number): Buffer {
  const payload = Buffer.allocUnsafe(4);
  payload.writeUInt32BE(bytes, 0);
  return frameOf(frameKind.credit, payload);
}

/** Bytes as pieces that fit into frames. */
export function* piecesOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += maxPayloadBytes) yield bytes.subarray(at, at + maxPayloadBytes);
}

/** Takes bytes as they come and calls with each whole frame. Throws `bad-frame` for what cannot be one. */
export function createFrameReader(onFrame: (kind: number, payload: Buffer) => void): (chunk: Uint8Array) => void {
  let held: Buffer = Buffer.alloc(0);
  return (chunk) => {
    held = held.length === 0 ? Buffer.from(chunk) : Buffer.concat([held, chunk]);
    let at = 0;
    while (held.length - at >= headBytes) {
      const kind = held.readUInt8(at);
      const length = held.readUInt32BE(at + 1);
      const most = kind === frameKind.request ? 4 * maxPayloadBytes : maxPayloadBytes;
      if (kind > lastKind || length > most)
        throw new MizzenError('bad-frame', `a frame of kind ${kind} with ${length} bytes is none`);
      if (held.length - at - headBytes < length) break;
      const start = at + headBytes;
      at = start + length;
      onFrame(kind, held.subarray(start, at));
    }
    held = held.subarray(at);
  };
}
