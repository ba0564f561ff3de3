import { Readable, Writable, type Duplex } from 'node:stream';
import { finished } from 'node:stream/promises';
import { MizzenError } from '../../base/error.ts';
import { errorJson } from './error-json.ts';
import { createFrameReader, creditFrame, frameKind, frameOf, inputWindowBytes, jsonFrame, piecesOf } from './frames.ts';
import type { ExecRequest, MeshControl } from './protocol.ts';

type Wanted = Omit<ExecRequest, 'stdin' | 'stdout' | 'stderr' | 'signal'>;

/** Runs one command for a connection that has been upgraded. The command ends when its caller leaves. Never rejects. */
export async function serveExec(socket: Duplex, head: Uint8Array, control: MeshControl): Promise<void> {
  const { promise: requested, resolve: request, reject: refuse } = Promise.withResolvers<Wanted>();
  const caller = new AbortController();
  const input = createInput(socket);
  const take = createFrameReader((kind, payload) => {
    if (kind === frameKind.request) request(wantedOf(payload));
    else if (kind === frameKind.stdin) input.take(payload);
    else if (kind === frameKind.stdinEnd) input.end();
    else throw new MizzenError('bad-frame', `a frame of kind ${kind} does not come from a caller`);
  });
  const leave = (): void => {
    refuse(new MizzenError('caller-left', 'the caller left'));
    caller.abort();
    input.stream.destroy();
  };
  socket.on('data', (chunk: Buffer) => {
    try {
      take(chunk);
    } catch {
      // Whoever sends what is no frame is no client of ours: there is nobody to tell.
      socket.destroy();
    }
  });
  socket.on('error', () => socket.destroy());
  socket.on('end', leave);
  socket.on('close', leave);
  if (head.length > 0) socket.unshift(head);
  let result: unknown;
  try {
    const wanted = await requested;
    result = { exitCode: await runFor(socket, { ...wanted, stdin: input.stream, signal: caller.signal }, control) };
  } catch (error) {
    result = { error: errorJson(error) };
  }
  socket.off('end', leave);
  socket.off('close', leave);
  input.stream.destroy();
  if (!socket.destroyed) socket.end(jsonFrame(frameKind.result, result));
}

async function runFor(
  socket: Duplex,
  request: Omit<ExecRequest, 'stdout' | 'stderr'>,
  control: MeshControl,
): Promise<number> {
  const stdout = createOutput(socket, frameKind.stdout);
  const stderr = createOutput(socket, frameKind.stderr);
  const exitCode = await control.exec({ ...request, stdout, stderr });
  stdout.end();
  stderr.end();
  await Promise.all([finished(stdout), finished(stderr)]);
  return exitCode;
}

/** Output takes more only when the socket has taken what it had. */
function createOutput(socket: Duplex, kind: number): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      const frames = Array.from(piecesOf(chunk), (piece) => frameOf(kind, piece));
      // A caller that has left is told of by the signal; the command must not fail for it.
      if (socket.destroyed || !socket.writable) done();
      else socket.write(Buffer.concat(frames), () => done());
    },
  });
}

interface Input {
  readonly stream: Readable;
  take(bytes: Buffer): void;
  end(): void;
}

function createInput(socket: Duplex): Input {
  let outstanding = 0;
  const stream = new Readable({
    highWaterMark: inputWindowBytes,
    read() {
      const free = inputWindowBytes - stream.readableLength - outstanding;
      // Little credit is worth a frame only where the caller has none left: nothing else would ask again.
      if (free <= 0 || (outstanding > 0 && free < inputWindowBytes / 2)) return;
      outstanding += free;
      if (socket.writable) socket.write(creditFrame(free));
    },
  });
  return {
    stream,
    take(bytes) {
      if (bytes.length > outstanding) throw new MizzenError('bad-frame', 'more input than there was credit for');
      outstanding -= bytes.length;
      if (!stream.destroyed) stream.push(Buffer.from(bytes));
    },
    end: () => {
      if (!stream.destroyed) stream.push(null);
    },
  };
}

function wantedOf(payload: Buffer): Wanted {
  const value = JSON.parse(payload.toString('utf8')) as Partial<Wanted>;
  const { name, namespace, container, argv } = value;
  const texts = Array.isArray(argv) && argv.length > 0 && argv.every((word) => typeof word === 'string');
  if (typeof name !== 'string' || typeof namespace !== 'string' || !texts)
    throw new MizzenError('bad-frame', 'the request names no pod and command');
  return { name, namespace, argv, ...(typeof container === 'string' ? { container } : {}) };
}
