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

/** The log of one container over all its runs. */
export interface ContainerLog {
  /** Opens the end that a process writes to; the caller closes it once the process has it. */
  openWriter(): number;
  /** Takes what is still in the pipe, so that all of a run that is over is in its log. */
  drain(): void;
  /** Starts the log of a new run; the one before is kept as the previous. */
  nextRun(): void;
  /** Writes a line of the runtime's own. */
  note(line: string): void;
  close(): void;
}

/** A file of a log is moved aside at this size, and one older is kept: 2 × 8 MiB a run. */
const defaultLimitBytes = 8 * 1024 * 1024;

/** Names of a log's files: now, moved aside, and the same of the run before. */
export function logFilesOf(path: string): {
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
  const files = logFilesOf(path);
  mkdirSync(path.slice(0, path.lastIndexOf('/')), { recursive: true, mode: 0o700 });
  const flags = constants.O_RDWR | constants.O_NONBLOCK;
  const pipe = openSync(fifo, flags);
  const socket = new Socket({ fd: openSync(fifo, flags), readable: true, writable: false });
  let fd = openSync(files.now, 'a', 0o600);
  let sizeBytes = fstatSync(fd).size;

  function append(bytes: Uint8Array): void {
    if (sizeBytes > 0 && sizeBytes + bytes.length > limitBytes) {
      closeSync(fd);
      renameSync(files.now, files.older);
      fd = openSync(files.now, 'a', 0o600);
      sizeBytes = 0;
    }
    sizeBytes += writeOrDrop(fd, bytes);
  }

  socket.on('data', append);
  // The pipe ends only when this side closes it.
  socket.on('error', () => undefined);

  function drain(): void {
    for (let chunk = readPipe(pipe); chunk.length > 0; chunk = readPipe(pipe)) append(chunk);
  }

  function nextRun(): void {
    drain();
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
    drain,
    nextRun,
    note: (line) => append(Buffer.from(`${line}\n`)),
    close: () => {
      socket.destroy();
      drain();
      closeSync(pipe);
      closeSync(fd);
    },
  };
}

const pipeChunkBytes = 64 * 1024;

/** What a pipe holds now; nothing where it is empty. */
function readPipe(pipe: number): Buffer {
  const chunk = Buffer.alloc(pipeChunkBytes);
  try {
    return chunk.subarray(0, readSync(pipe, chunk, 0, pipeChunkBytes, null));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return Buffer.alloc(0);
    throw error;
  }
}

/** A full disk costs lines of a log, never the mesh. */
function writeOrDrop(fd: number, bytes: Uint8Array): number {
  try {
    return writeSync(fd, bytes);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EDQUOT') return 0;
    throw error;
  }
}
