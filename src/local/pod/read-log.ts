import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { logFilesOf } from './container-log.ts';
import { pause } from './probe-loop.ts';

/** Which part of a log is wanted. */
export interface LogOptions {
  /** The last so many lines; all by default. */
  readonly tailLines?: number;
  /** The run before the present one. */
  readonly previous?: boolean;
  /** Goes on with what is written later, until the signal or until the log is removed. */
  readonly follow?: boolean;
  readonly signal?: AbortSignal;
}

const chunkBytes = 64 * 1024;
const followMs = 100;

/** Reads a container's log. Ends at once where there is none. */
export async function* readLog(path: string, options: LogOptions = {}): AsyncGenerator<Buffer, void, undefined> {
  const files = logFilesOf(path);
  const [olderPath, nowPath] =
    options.previous === true ? [files.previousOlder, files.previous] : [files.older, files.now];
  const older = openFile(olderPath);
  let file = openFile(nowPath);
  try {
    const held = [...restOf(older), ...restOf(file)];
    yield* options.tailLines === undefined ? held : lastLines(Buffer.concat(held), options.tailLines);
    const signal = options.signal ?? new AbortController().signal;
    while (options.follow === true && file !== undefined && (await pause(followMs, signal))) {
      // Opened first: when it is another file by then, nothing more is written to the one at hand.
      const next = openFile(nowPath);
      yield* restOf(file);
      const isSame = next !== undefined && fstatSync(next.fd).ino === fstatSync(file.fd).ino;
      closeFile(isSame ? next : file);
      file = isSame ? file : next;
    }
  } finally {
    closeFile(older);
    closeFile(file);
  }
}

interface OpenFile {
  readonly fd: number;
  position: number;
}

function openFile(path: string): OpenFile | undefined {
  return existsSync(path) ? { fd: openSync(path, 'r'), position: 0 } : undefined;
}

function closeFile(file: OpenFile | undefined): void {
  if (file !== undefined) closeSync(file.fd);
}

/** What was written since the last call. */
function restOf(file: OpenFile | undefined): Buffer[] {
  const chunks: Buffer[] = [];
  while (file !== undefined) {
    const chunk = Buffer.alloc(chunkBytes);
    const count = readSync(file.fd, chunk, 0, chunkBytes, file.position);
    if (count === 0) break;
    file.position += count;
    chunks.push(chunk.subarray(0, count));
  }
  return chunks;
}

const newline = 10;

function lastLines(bytes: Buffer, lines: number): Buffer[] {
  let start = bytes.at(-1) === newline ? bytes.length - 1 : bytes.length;
  for (let count = 0; count < lines && start > 0; count += 1) start = bytes.lastIndexOf(newline, start - 1);
  return lines <= 0 || bytes.length === 0 ? [] : [bytes.subarray(Math.max(0, start + 1))];
}
