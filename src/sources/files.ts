import { constants, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { createClaims, type Claims } from './claims.ts';
import { codeOf, maxFiles, walkFiles, type FoundFile, type Walk } from './file-walk.ts';
import { createLookLoop } from './look-loop.ts';
import { createFolderWatches, type FolderWatches, type WatchFolder } from './folder-watches.ts';
import type { ScopeOf, Source, SourceBatch, SourceProblem } from './source.ts';
import { inFile, readDocument, type FileContent } from './yaml.ts';
import { createYamlParser, type ParsedFile, type YamlParser } from './yaml-parser.ts';
import { maxFileBytes } from './yaml-split.ts';

/** Where to read and how. */
export interface FileSourceOptions {
  /** Folders and single files. */
  readonly roots: readonly string[];
  /** Folder that `Origin.file` is relative to. Default: the first root, or its folder if it is a file. */
  readonly base?: string;
  readonly scopeOf: ScopeOf;
  /** Names of files that are not manifests. Default: `mizzen.yaml`. */
  readonly ignored?: readonly string[];
  /** In place of `fs.watch`. */
  readonly watchFolder?: WatchFolder;
  /** How often to look where watching does not work. Default 1,000. */
  readonly pollMs?: number;
}

/** Files that were quiet for this long are read. */
const quietMs = 10;
/** Changes are read after this long even if more of them keep coming; what is missing this long is gone. */
const maxWaitMs = 100;
/** How often to look for a root that is not there. */
const absentMs = 250;
/** File times are coarse: a younger file is read again even if its times say that it has not changed. */
const coarseTimeMs = 50;

interface Known {
  readonly stamp: string;
  readonly parsed: ParsedFile | undefined;
}

interface Reading {
  readonly options: FileSourceOptions;
  readonly roots: readonly string[];
  readonly base: string;
  readonly ignored: ReadonlySet<string>;
  readonly parser: YamlParser;
  readonly claims: Claims;
  readonly watches: FolderWatches;
  readonly known: Map<string, Known>;
  /** Since when a file is being written whenever it is read. */
  readonly unsettled: Map<string, number>;
}

/**
 * Kubernetes YAML and JSON below folders, watched. Each look reads what changed and hands on one batch; a file that cannot
 * be read or parsed keeps what it defined before, and so does a root that is not there.
 */
export function createFileSource(options: FileSourceOptions): Source {
  const roots = options.roots.map((root) => resolve(root));
  const loop = createLookLoop(quietMs, maxWaitMs);
  const reading: Reading = {
    options,
    roots,
    base: resolve(options.base ?? baseOf(roots[0] ?? '.')),
    ignored: new Set(options.ignored ?? ['mizzen.yaml']),
    parser: createYamlParser(),
    claims: createClaims(maxWaitMs),
    watches: createFolderWatches(() => loop.soon(), options.watchFolder),
    known: new Map(),
    unsettled: new Map(),
  };
  const { promise: synced, resolve: markSynced } = Promise.withResolvers<void>();
  return {
    synced,
    start(listener: (batch: SourceBatch) => void) {
      loop.start(async () => {
        const look = await readChanges(reading, () => loop.stopped());
        if (loop.stopped()) return undefined;
        const { batch, dueMs } = reading.claims.take(Date.now());
        if (batch !== undefined) listener(batch);
        if (look.complete) markSynced();
        const waits = [dueMs === undefined ? Infinity : Math.max(1, dueMs - Date.now()), look.againMs];
        return Math.min(...waits);
      });
    },
    async stop() {
      reading.watches.close();
      await reading.parser.close();
      await loop.stop();
    },
  };
}

function baseOf(root: string): string {
  return statSync(root, { throwIfNoEntry: false })?.isFile() === true ? dirname(root) : root;
}

async function readChanges(
  reading: Reading,
  stopped: () => boolean,
): Promise<{ readonly complete: boolean; readonly againMs: number }> {
  const { watches, known, claims } = reading;
  const walk = walkFiles(reading.roots, {
    watch: (folder, id) => watches.ensure(folder, id),
    ignored: reading.ignored,
  });
  watches.keepOnly(walk.folders);
  const changed = [...walk.files].filter(([path, file]) => known.get(path)?.stamp !== file.stamp);
  const soonestMs = await inGroups(changed, 16, stopped, ([path, file]) => readFile(reading, path, file));
  for (const path of known.keys()) {
    if (walk.truncated || walk.files.has(path) || isBelowFailure(path, walk.failures)) continue;
    known.delete(path);
    reading.unsettled.delete(path);
    claims.setFile(relative(reading.base, path), undefined);
  }
  claims.setProblems('', looseProblems(reading, walk));
  const absent = reading.roots.some((root) => walk.failures.has(root));
  const waits = [soonestMs, absent ? absentMs : Infinity];
  if (watches.failure() !== undefined) waits.push(reading.options.pollMs ?? 1000);
  return { complete: !absent && !stopped(), againMs: Math.min(...waits) };
}

/** Reads, parses and claims one file; after how many milliseconds it has to be looked at again. */
async function readFile(reading: Reading, path: string, found: FoundFile): Promise<number> {
  const file = relative(reading.base, path);
  const before = reading.known.get(path);
  const result = await readWhole(path, found);
  if (result.kind === 'gone') return quietMs;
  const nowMs = Date.now();
  if (result.kind === 'content' && !result.settled) {
    const sinceMs = reading.unsettled.get(path) ?? nowMs;
    reading.unsettled.set(path, sinceMs);
    if (nowMs - sinceMs < maxWaitMs) return quietMs;
  } else reading.unsettled.delete(path);
  const proven = nowMs - found.modifiedMs >= coarseTimeMs && !reading.unsettled.has(path);
  const stamp = proven ? found.stamp : '';
  if (result.kind === 'content') {
    const parsed = await reading.parser.parse(result.bytes, before?.parsed);
    reading.known.set(path, { stamp, parsed });
    if (!isSame(parsed, before?.parsed)) reading.claims.setFile(file, contentOf(file, parsed, reading.options.scopeOf));
  } else {
    reading.known.set(path, { stamp, parsed: undefined });
    const message = `the file cannot be read: ${result.reason}`;
    const problem = { level: 'error', file, line: 1, column: 1, message } as const;
    reading.claims.setFile(file, { objects: [], problems: [problem] });
  }
  return proven ? Infinity : coarseTimeMs;
}

function contentOf(file: string, parsed: ParsedFile, scopeOf: ScopeOf): FileContent {
  const contents = parsed.documents.map((document) => readDocument(file, document, scopeOf));
  return {
    objects: contents.flatMap((content) => content.objects),
    problems: [
      ...parsed.problems.map((problem) => inFile(file, problem, 1)),
      ...contents.flatMap((content) => content.problems),
    ],
  };
}

function isSame(parsed: ParsedFile, before: ParsedFile | undefined): boolean {
  const same =
    before !== undefined &&
    parsed.documents.length === before.documents.length &&
    parsed.problems.length === 0 &&
    before.problems.length === 0;
  return (
    same &&
    parsed.documents.every(
      ({ document, values }, i) =>
        before.documents[i]?.values === values && before.documents[i].document.line === document.line,
    )
  );
}

type ReadResult =
  /** Not `settled` if it changed while it was read. */
  | { readonly kind: 'content'; readonly bytes: Uint8Array; readonly settled: boolean }
  | { readonly kind: 'gone' }
  | { readonly kind: 'unreadable'; readonly reason: string };

const tooLarge: ReadResult = { kind: 'unreadable', reason: `it has more than ${maxFileBytes} bytes` };

async function readWhole(path: string, found: FoundFile): Promise<ReadResult> {
  if (found.sizeBytes > maxFileBytes) return tooLarge;
  try {
    // Not blocking: the path may have become a pipe since it was looked at.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const before = await file.stat({ bigint: true });
    if (!before.isFile()) return { kind: 'gone' };
    if (before.size > BigInt(maxFileBytes)) return tooLarge;
    const bytes = await file.readFile();
    const after = await file.stat({ bigint: true });
    const settled =
      before.mtimeNs === after.mtimeNs && before.size === after.size && BigInt(bytes.length) === after.size;
    return { kind: 'content', bytes, settled };
  } catch (error) {
    const code = codeOf(error);
    return code === 'ENOENT' || code === 'ENOTDIR' ? { kind: 'gone' } : { kind: 'unreadable', reason: code };
  }
}

function isBelowFailure(path: string, failures: ReadonlyMap<string, string>): boolean {
  return [...failures.keys()].some((failed) => path === failed || path.startsWith(`${failed}/`));
}

function looseProblems(reading: Reading, walk: Walk): SourceProblem[] {
  const problem = (path: string, level: 'error' | 'warning', message: string, fix?: string): SourceProblem => {
    return {
      level,
      file: relative(reading.base, path) || '.',
      line: 1,
      column: 1,
      message,
      ...(fix === undefined ? {} : { fix }),
    };
  };
  const problems = [...walk.failures].map(([path, code]) =>
    problem(path, 'error', `${path} cannot be read (${code}); what was there is kept`),
  );
  const failure = reading.watches.failure();
  if (failure !== undefined) {
    const message = `changes cannot be watched (${failure}), so the files are looked at every ${reading.options.pollMs ?? 1000} ms`;
    const fix = failure === 'ENOSPC' ? 'raise the limit: sysctl fs.inotify.max_user_watches=524288' : undefined;
    problems.push(problem(reading.base, 'warning', message, fix));
  }
  if (walk.truncated)
    problems.push(problem(reading.base, 'error', `there are ${maxFiles} files or more; the rest is left out`));
  return problems;
}

/** Visits all, some at a time; the smallest of their answers. */
async function inGroups<T>(
  items: readonly T[],
  size: number,
  stopped: () => boolean,
  visit: (item: T) => Promise<number>,
): Promise<number> {
  let smallest = Infinity;
  for (let i = 0; i < items.length && !stopped(); i += size) {
    smallest = Math.min(smallest, ...(await Promise.all(items.slice(i, i + size).map(visit))));
  }
  return smallest;
}
