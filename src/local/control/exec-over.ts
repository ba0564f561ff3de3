import type { Duplex, Readable, Writable } from 'node:stream';
import { MizzenError } from '../../base/error.ts';
import { errorFromJson } from './error-json.ts';
import { createFrameReader, frameKind, frameOf, jsonFrame, maxPayloadBytes } from './frames.ts';
import type { ExecRequest } from './protocol.ts';

/** The caller's half of `exec` over an upgraded connection. Resolves with the exit code once all output has been handed on. */
export function execOver(socket: Duplex, request: ExecRequest): Promise<number> {
  const { name, namespace, container, argv, stdin, stdout, stderr, signal } = request;
  return new Promise((resolve, reject) => {
    let settled = false;
    const end = (): void => void socket.destroy();
    const input = createSender(socket, stdin);
    const settle = (finish: () => void): void => {
      if (settled) return;
      settled = true;
      input.stop();
      signal?.removeEventListener('abort', end);
      socket.destroy();
      finish();
    };
    const read = createFrameReader((kind, payload) => {
      if (kind === frameKind.stdout) handOn(socket, stdout, payload);
      else if (kind === frameKind.stderr) handOn(socket, stderr, payload);
      else if (kind === frameKind.credit) input.grant(payload.readUInt32BE(0));
      else if (kind === frameKind.result) settle(() => finishWith(payload, resolve, reject));
      else throw new MizzenError('bad-answer', `the mesh sent a frame of kind ${kind}`);
    });
    socket.on('data', (chunk: Buffer) => {
      try {
        read(chunk);
      } catch (error) {
        settle(() => reject(error instanceof Error ? error : new MizzenError('bad-answer', String(error))));
      }
    });
    socket.on('error', () => socket.destroy());
    socket.on('end', end);
    socket.on('close', () =>
      settle(() => reject(new MizzenError('mesh-gone', 'the connection ended before the command did'))),
    );
    signal?.addEventListener('abort', end, { once: true });
    socket.write(jsonFrame(frameKind.request, { name, namespace, container, argv }));
    if (signal?.aborted === true) end();
  });
}

function finishWith(payload: Buffer, resolve: (code: number) => void, reject: (error: Error) => void): void {
  const result = JSON.parse(payload.toString('utf8')) as { readonly exitCode?: number; readonly error?: unknown };
  if (typeof result.exitCode === 'number') resolve(result.exitCode);
  else reject(errorFromJson(result.error));
}

/** Writes output and lets the mesh wait until it has been taken. */
function handOn(socket: Duplex, output: Writable, bytes: Uint8Array): void {
  if (output.destroyed || output.write(Buffer.from(bytes))) return;
  socket.pause();
  output.once('drain', () => socket.resume());
}

interface Sender {
  grant(bytes: number): void;
  stop(): void;
}

/** Sends input as far as there is credit, and its end. */
function createSender(socket: Duplex, stdin: Readable): Sender {
  let credit = 0;
  let rest: Buffer | undefined;
  let state: 'open' | 'ended' | 'done' = 'open';
  const next = (): Buffer | undefined => {
    const chunk = rest ?? (stdin.read() as Buffer | string | null);
    rest = undefined;
    return chunk === null ? undefined : Buffer.from(chunk);
  };
  const pump = (): void => {
    while (credit > 0 && state !== 'done') {
      const chunk = next();
      if (chunk === undefined) break;
      const piece = chunk.subarray(0, Math.min(credit, maxPayloadBytes));
      if (piece.length < chunk.length) rest = chunk.subarray(piece.length);
      credit -= piece.length;
      socket.write(frameOf(frameKind.stdin, piece));
    }
    if (state !== 'ended' || rest !== undefined) return;
    state = 'done';
    socket.write(frameOf(frameKind.stdinEnd));
  };
  const ended = (): void => {
    if (state === 'open') state = 'ended';
    pump();
  };
  stdin.on('readable', pump);
  stdin.on('end', ended);
  stdin.on('error', ended);
  stdin.on('close', ended);
  if (stdin.readableEnded || stdin.destroyed) ended();
  return {
    grant(bytes) {
      credit += bytes;
      pump();
    },
    stop() {
      state = 'done';
      stdin.off('readable', pump).off('end', ended).off('error', ended).off('close', ended);
      // What nobody reads any more must not keep this process alive.
      stdin.pause();
    },
  };
}
