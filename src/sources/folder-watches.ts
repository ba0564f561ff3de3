import { watch, type FSWatcher } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from './file-walk.ts';

/** Watches on single folders. */
export interface FolderWatches {
  /** Watches a folder, anew if it is another one than before under the same path. */
  ensure(folder: string, identity: string): void;
  /** Ends all watches but these. */
  keepOnly(folders: ReadonlySet<string>): void;
  /** Why watching does not work (`ENOSPC`: the system's limit is reached); undefined while it does. */
  failure(): string | undefined;
  close(): void;
}

/** The part of `fs.watch` that is used. */
export type WatchFolder = (
  folder: string,
  listener: (event: string, name: string | null) => void,
) => Pick<FSWatcher, 'close' | 'on'>;

interface Watched {
  readonly watcher: Pick<FSWatcher, 'close' | 'on'>;
  readonly identity: string;
}

/** `onEvent` is called at every event of any watched folder, with the path that it is about. */
export function createFolderWatches(onEvent: (path: string) => void, watchFolder: WatchFolder = watch): FolderWatches {
  const watched = new Map<string, Watched>();
  let failure: string | undefined;

  const close = (folder: string): void => {
    watched.get(folder)?.watcher.close();
    watched.delete(folder);
  };
  const open = (folder: string, identity: string): void => {
    const listener = (event: string, name: string | null): void => {
      const path = name === null ? folder : join(folder, name);
      // A folder that was removed and made again may get its old inode number, and its watch is dead.
      if (event === 'rename') close(path);
      onEvent(path);
    };
    const watcher = watchFolder(folder, listener);
    watcher.on('error', () => {
      close(folder);
      onEvent(folder);
    });
    watched.set(folder, { watcher, identity });
  };

  return {
    ensure(folder, identity) {
      if (watched.get(folder)?.identity === identity) return;
      close(folder);
      try {
        open(folder, identity);
      } catch (error) {
        const code = codeOf(error);
        if (code !== 'ENOENT' && code !== 'ENOTDIR' && code !== 'EACCES') failure = code;
      }
    },
    keepOnly(folders) {
      for (const folder of watched.keys()) if (!folders.has(folder)) close(folder);
    },
    failure: () => failure,
    close() {
      for (const folder of watched.keys()) close(folder);
    },
  };
}
