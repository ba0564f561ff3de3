import type { Readable } from 'node:stream';

/** Limits of a stream of lines and where they go. */
export interface LineSink {
  /** The whole lines of one chunk, in their order. */
  readonly onLines: (lines: readonly string[]) => void;
  /** A line is longer than `maxBytes`; nothing more is passed on. */
  readonly onTooLong: () => void;
  readonly maxBytes: number;
}

/** Cuts a stream at its line feeds. A last line without one is left out: it may be half of one. */
export function readLines(stream: Readable, sink: LineSink): void {
  let parts: Buffer[] = [];
  let size = 0;
  let ended = false;
  stream.on('data', (chunk: Buffer) => {
    if (ended) return;
    const last = chunk.lastIndexOf(10);
    const rest = chunk.subarray(last + 1);
    if (last === -1) {
      parts.push(chunk);
      size += chunk.length;
    } else {
      const text = Buffer.concat([...parts, chunk.subarray(0, last)]).toString('utf8');
      parts = rest.length === 0 ? [] : [rest];
      size = rest.length;
      sink.onLines(text.split('\n'));
    }
    if (size <= sink.maxBytes) return;
    ended = true;
    sink.onTooLong();
  });
}
