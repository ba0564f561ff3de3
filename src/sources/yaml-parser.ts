import { Worker } from 'node:worker_threads';
import type { ContentHash } from '../base/hash.ts';
import type { DocumentValues } from './yaml-document.ts';
import type { ParsedDocument } from './yaml.ts';
import { splitDocuments, type TextProblem } from './yaml-split.ts';

/** A file's documents, parsed; `problems` are those of the file as a whole. */
export interface ParsedFile {
  readonly documents: readonly ParsedDocument[];
  readonly problems: readonly TextProblem[];
}

/** Parses files in a worker thread, so that a large or hostile one holds nothing else back. */
export interface YamlParser {
  /** Documents that are also in `before` (the same file's last form) are not parsed again. */
  parse(bytes: Uint8Array, before?: ParsedFile): Promise<ParsedFile>;
  /** Documents that went through the worker so far. */
  parsedCount(): number;
  close(): Promise<void>;
}

/**
 * Starts no thread before the first document. A document that takes longer than `timeoutMs` (default 10,000) or that kills
 * its thread is an error of that document; the next one gets a new thread.
 */
export function createYamlParser(options: { readonly timeoutMs?: number } = {}): YamlParser {
  const thread = createThread(options.timeoutMs ?? 10_000);
  return {
    parsedCount: () => thread.count(),
    close: () => thread.close(),
    async parse(bytes, before) {
      const split = splitDocuments(bytes);
      const known = new Map<ContentHash, DocumentValues>(
        before?.documents.map(({ document, values }) => [document.hash, values]),
      );
      const documents = await Promise.all(
        split.documents.map(async (document) => {
          const values = known.get(document.hash) ?? (await thread.run(document.text));
          return { document, values };
        }),
      );
      return { documents, problems: split.problems };
    },
  };
}

interface Job {
  readonly text: string;
  readonly done: (values: DocumentValues) => void;
}

interface Thread {
  run(text: string): Promise<DocumentValues>;
  close(): Promise<void>;
  count(): number;
}

function createThread(timeoutMs: number): Thread {
  const queue: Job[] = [];
  let worker: Worker | undefined;
  let current: Job | undefined;
  let timer: NodeJS.Timeout | undefined;
  let count = 0;

  const finish = (values: DocumentValues): void => {
    clearTimeout(timer);
    const job = current;
    current = undefined;
    job?.done(values);
    next();
  };
  const drop = async (): Promise<void> => {
    const lost = worker;
    worker = undefined;
    lost?.removeAllListeners();
    await lost?.terminate();
  };
  const lose = (reason: string): void => {
    void drop();
    if (current !== undefined) finish(failed(reason));
  };
  const next = (): void => {
    if (current !== undefined) return;
    current = queue.shift();
    if (current === undefined) return;
    worker ??= startWorker(finish, lose);
    timer = setTimeout(() => lose(`it took longer than ${timeoutMs} ms`), timeoutMs);
    count++;
    worker.postMessage(current.text);
  };

  return {
    count: () => count,
    run: (text) =>
      new Promise((done) => {
        queue.push({ text, done });
        next();
      }),
    async close() {
      for (const job of queue.splice(0)) job.done(failed('the parser was closed'));
      lose('the parser was closed');
      await drop();
    },
  };
}

function startWorker(finish: (values: DocumentValues) => void, lose: (reason: string) => void): Worker {
  const worker = new Worker(new URL('yaml-worker.ts', import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: 256 },
  });
  worker.unref();
  worker.on('message', finish);
  worker.on('error', (error) => lose(error.message));
  worker.on('exit', () => lose('the parser ended'));
  return worker;
}

function failed(reason: string): DocumentValues {
  const message = `the document cannot be parsed: ${reason}`;
  return { roots: [], problems: [{ level: 'error', line: 1, column: 1, message }] };
}
