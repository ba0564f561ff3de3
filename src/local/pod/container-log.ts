import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** The log of one container over all its runs. */
export interface ContainerLog {
  /** Opens the end that a process writes to; the caller closes it once the process has it. */
  openWriter(): number;
  /** Starts the log of a new run; the one before is kept as the previous. */
  nextRun(): void;
  /** Writes a line of the runtime's own. */
  note(line: string): void;
  close(): void;
}

/** Which part of a log is wanted. */
export interface LogOptions {
  /** The last so many lines; all by default. */
  readonly tailLines?: number;
  /** The run before the present one. */
  readonly previous?: boolean;
  /** Goes on with what is written later, until `signal`. */
  readonly follow?: boolean;
  readonly signal?: AbortSignal;
}

/** A file of a log is moved aside at this size, and one older is kept: 2 × 8 MiB a run. */
const defaultLimitBytes = 8 * 1024 * 1024;
const chunkBytes = 64 * 1024;
const followMs = 100;

/** Names of a log's files: now, moved aside, and the same of the run before. */
function filesOf(path: string): {
  readonly now: string;
  readonly older: string;
  readonly previous: string;
  readonly previousOlder: string;
} {
  return {
    now: `${path}.log`,
    older: `${path}.log.1`,
    previous: `${path}.previous.log`,
    previousOlder: `${path}.previous.log.1`,
  };
}

/**
 * Collects what a container writes to `fifo` into `path.log`. A pipe and not the file itself is what the container gets, so
 * that neither the size nor what is already written is in its hands; and a named one, because programs open /dev/stdout.
 * This side opens the pipe for both directions, so it never sees an end between two runs.
 */
export function createContainerLog(fifo: string, path: string, limitBytes: number = defaultLimitBytes): ContainerLog {
  const files = filesOf(path);
  mkdirSync(path.slice(0, path.lastIndexOf('/')), { recursive: true, mode: 0o700 });
  const socket = new Socket({
    fd: openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK),
    readable: true,
    writable: false,
  });
  let fd = openSync(files.now, 'a', 0o600);
  let sizeBytes = fstatSync(fd).size;

  function append(bytes: Uint8Array): void {
    if (sizeBytes > 0 && sizeBytes + bytes.length > limitBytes) {
      closeSync(fd);
      renameSync(files.now, files.older);
      fd = openSync(files.now, 'a', 0o600);
      sizeBytes = 0;
    }
    sizeBytes += bytes.length;
    writeSync(fd, bytes);
  }

  socket.on('data', append);
  // The pipe ends only when this side closes it.
  socket.on('error', () => undefined);

  function nextRun(): void {
    if (sizeBytes === 0 && !existsSync(files.older)) return;
    closeSync(fd);
    renameSync(files.now, files.previous);
    if (existsSync(files.older)) renameSync(files.older, files.previousOlder);
    else rmSync(files.previousOlder, { force: true });
    fd = openSync(files.now, 'a', 0o600);
    sizeBytes = 0;
  }

  return {
    openWriter: () => openSync(fifo, 'w'),
    nextRun,
    note: (line) => append(Buffer.from(`${line}\n`)),
    close: () => {
      socket.destroy();
      closeSync(fd);
    },
  };
}

/** Reads a container's log. Ends at once where there is none. */
export async function* readLog(path: string, options: LogOptions = {}): AsyncGenerator<Buffer, void, undefined> {
  const files = filesOf(path);
  const [older, now] = options.previous === true ? [files.previousOlder, files.previous] : [files.older, files.now];
  let fd = openOrNothing(now);
  if (fd === undefined) return;
  try {
    const held =
      options.tailLines === undefined
        ? [...readFrom(older, 0), ...readOpen(fd)]
        : tail(Buffer.concat([...readFrom(older, 0), ...readOpen(fd)]), options.tailLines);
    yield* held;
    let position = held.length === 0 ? 0 : fstatSync(fd).size;
    position = Math.max(position, fstatSync(fd).size);
    while (options.follow === true && options.signal?.aborted !== true) {
      await sleep(followMs);
      for (;;) {
        const chunk = readChunk(fd, position);
        if (chunk === undefined) break;
        position += chunk.length;
        yield chunk;
      }
      const next = openOrNothing(now);
      if (next === undefined) return;
      if (fstatSync(next).ino === fstatSync(fd).ino) closeSync(next);
      else {
        closeSync(fd);
        fd = next;
        position = 0;
      }
    }
  } finally {
    closeSync(fd);
  }
}

function openOrNothing(path: string): number | undefined {
  return existsSync(path) ? openSync(path, 'r') : undefined;
}

function readChunk(fd: number, position: number): Buffer | undefined {
  const buffer = Buffer.alloc(chunkBytes);
  const count = readSync(fd, buffer, 0, chunkBytes, position);
  return count === 0 ? undefined : buffer.subarray(0, count);
}

function readOpen(fd: number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let position = 0; ;) {
    const chunk = readChunk(fd, position);
    if (chunk === undefined) return chunks;
    chunks.push(chunk);
    position += chunk.length;
  }
}

function readFrom(path: string, _position: number): Buffer[] {
  const fd = openOrNothing(path);
  if (fd === undefined) return [];
  try {
    return readOpen(fd);
  } finally {
    closeSync(fd);
  }
}

function tail(bytes: Buffer, lines: number): Buffer[] {
  let start = bytes.length;
  for (let count = 0; start > 0; start -= 1) {
    if (bytes[start - 1] === 10 && start !== bytes.length) count += 1;
    if (count === lines) break;
  }
  return start === bytes.length || lines <= 0 ? [] : [bytes.subarray(start)];
}
