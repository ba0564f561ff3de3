import { request, type ClientRequest } from 'node:http';
import { deepFreeze } from '../base/json.ts';
import { refOf, type ObjectRef, type SourcedObject } from '../schema/object.ts';
import { readLines } from './read-lines.ts';
import { refKey, type Source, type SourceBatch, type SourceProblem } from './source.ts';
import { heartbeatMs, maxLineBytes, type WatchLine } from './watch-line.ts';

/** Where to read. */
export interface StreamSourceOptions {
  /** Unix socket of a store. */
  readonly socketPath: string;
  /** A connection that is silent for this long is given up. Default 10,000. */
  readonly silenceMs?: number;
  /** Pause before the first new attempt; it doubles up to 1,000. Default 50. */
  readonly retryMs?: number;
}

const longestRetryMs = 1000;

/**
 * Reads a store's watch. After a cut it connects anew, takes the whole list again and hands on the difference; a list that
 * breaks off before its end is thrown away. While there is no connection what was read last stands, with a problem.
 */
export function createStreamSource(options: StreamSourceOptions): Source {
  const firstRetryMs = options.retryMs ?? 50;
  const state = createState();
  let connection: ClientRequest | undefined;
  let retryMs = firstRetryMs;
  let timer: NodeJS.Timeout | undefined;

  const connect = (): void => {
    const onWatch = createListing({
      replace(list, problems) {
        retryMs = firstRetryMs;
        state.replace(list, problems);
      },
      apply: (lines) => state.apply(lines),
    });
    connection = openWatch(options, onWatch, (reason) => {
      if (!state.lost(reason)) return;
      timer = setTimeout(connect, retryMs);
      retryMs = Math.min(retryMs * 2, longestRetryMs);
    });
  };
  return {
    synced: state.synced,
    start(listener) {
      state.listen(listener);
      connect();
    },
    stop() {
      state.listen(undefined);
      clearTimeout(timer);
      connection?.destroy();
      return Promise.resolve();
    },
  };
}

interface State {
  readonly synced: Promise<void>;
  listen(listener: ((batch: SourceBatch) => void) | undefined): void;
  replace(list: ReadonlyMap<string, SourcedObject>, problems: readonly SourceProblem[]): void;
  apply(lines: readonly WatchLine[]): void;
  /** The connection is gone; false if nobody listens any more. */
  lost(reason: string): boolean;
}

/** What was read so far, and the batches that follow from what comes. */
function createState(): State {
  const objects = new Map<string, SourcedObject>();
  const { promise: synced, resolve: markSynced } = Promise.withResolvers<void>();
  let listener: ((batch: SourceBatch) => void) | undefined;
  let problems: readonly SourceProblem[] = [];
  return {
    synced,
    listen(given) {
      listener = given;
    },
    replace(list, told) {
      const changed = [...list].filter(([key, sourced]) => !isSame(objects.get(key), sourced));
      const removed = [...objects].filter(([key]) => !list.has(key)).map(([, { object }]) => refOf(object));
      objects.clear();
      for (const [key, sourced] of list) objects.set(key, sourced);
      problems = told;
      listener?.({ changed: changed.map(([, sourced]) => sourced), removed, problems });
      markSynced();
    },
    apply(lines) {
      const told = problems;
      const changed = new Map<string, SourcedObject>();
      const removed = new Map<string, ObjectRef>();
      for (const line of lines) {
        if (line.type === 'PROBLEMS') problems = line.problems;
        if (!('object' in line)) continue;
        const key = refKey(refOf(line.object));
        changed.delete(key);
        removed.delete(key);
        if (line.type !== 'DELETED') {
          objects.set(key, { object: line.object, origin: line.origin });
          changed.set(key, { object: line.object, origin: line.origin });
        } else if (objects.delete(key)) removed.set(key, refOf(line.object));
      }
      if (changed.size === 0 && removed.size === 0 && told === problems) return;
      listener?.({ changed: [...changed.values()], removed: [...removed.values()], problems });
    },
    lost(reason) {
      const message = `the object store cannot be reached (${reason}); what it said last stands`;
      const problem: SourceProblem = { level: 'error', file: 'store', line: 1, column: 1, message };
      listener?.({ changed: [], removed: [], problems: [...problems, problem] });
      return listener !== undefined;
    },
  };
}

function isSame(before: SourcedObject | undefined, after: SourcedObject): boolean {
  const [old, fresh] = [before?.object.metadata, after.object.metadata];
  const sameForm = old !== undefined && old.uid === fresh.uid && old.resourceVersion === fresh.resourceVersion;
  return sameForm && before?.origin.file === after.origin.file && before.origin.line === after.origin.line;
}

interface Listing {
  /** The whole list, once its end was seen. */
  readonly replace: (list: ReadonlyMap<string, SourcedObject>, problems: readonly SourceProblem[]) => void;
  readonly apply: (lines: readonly WatchLine[]) => void;
}

/** Collects the list until `SYNCED`, and then passes on each turn whole. */
function createListing(to: Listing): (lines: readonly WatchLine[]) => void {
  const list = new Map<string, SourcedObject>();
  let listed = false;
  let problems: readonly SourceProblem[] = [];
  let turn: WatchLine[] = [];
  return (lines) => {
    for (const line of lines) {
      if (line.type === 'SYNCED') {
        listed = true;
        to.replace(list, problems);
      } else if (listed && line.type === 'TURN') {
        to.apply(turn);
        turn = [];
      } else if (listed) turn.push(line);
      else if (line.type === 'PROBLEMS') problems = line.problems;
      else if ('object' in line) list.set(refKey(refOf(line.object)), { object: line.object, origin: line.origin });
    }
  };
}

/** One connection. `onEnd` is called once, however it ends. */
function openWatch(
  options: StreamSourceOptions,
  onWatch: (lines: readonly WatchLine[]) => void,
  onEnd: (reason: string) => void,
): ClientRequest {
  const silenceMs = options.silenceMs ?? heartbeatMs * 5;
  const opened = request({ socketPath: options.socketPath, path: '/watch', agent: false });
  let silence: NodeJS.Timeout | undefined;
  let ended = false;
  const end = (reason: string): void => {
    if (ended) return;
    ended = true;
    clearTimeout(silence);
    opened.destroy();
    onEnd(reason);
  };
  const heard = (): void => {
    clearTimeout(silence);
    silence = setTimeout(() => end(`silent for ${silenceMs} ms`), silenceMs);
  };
  heard();
  opened.on('error', (error) => end('code' in error ? String(error.code) : error.message));
  opened.on('response', (response) => {
    if (response.statusCode !== 200) return end(`status ${response.statusCode}`);
    response.on('error', (error) => end(error.message));
    response.on('close', () => end('closed'));
    const onLines = (texts: readonly string[]): void => {
      if (ended) return;
      heard();
      const lines = parsed(texts);
      if (lines === undefined) end('what came is not a watch');
      else onWatch(lines);
    };
    readLines(response, { onLines, onTooLong: () => end('a line is too long'), maxBytes: maxLineBytes });
    return undefined;
  });
  opened.end();
  return opened;
}

function parsed(texts: readonly string[]): readonly WatchLine[] | undefined {
  try {
    return deepFreeze(texts.map((text) => JSON.parse(text) as WatchLine));
  } catch {
    return undefined;
  }
}
