import { lstatSync, readFileSync, readlinkSync, readdirSync } from 'node:fs';
import { isWithin } from './mount-table.ts';

/** An entry of a folder of the host. */
export interface HostEntry {
  readonly name: string;
  readonly kind: 'folder' | 'file' | 'link';
}

/** What a path means on the host. */
export interface ResolvedPath {
  /** The path with every link followed that exists. */
  readonly path: string;
  /** Its deepest part that exists and is a folder; the path itself where that is a folder. */
  readonly base: string;
  readonly exists: boolean;
  readonly isFile: boolean;
}

/** The entries of a folder, links unfollowed. What cannot be looked at is left out. */
export function listFolder(folder: string): readonly HostEntry[] {
  const entries: HostEntry[] = [];
  for (const name of readdirSync(folder)) {
    const stat = lstatSync(join(folder, name), { throwIfNoEntry: false });
    if (stat !== undefined)
      entries.push({ name, kind: stat.isSymbolicLink() ? 'link' : stat.isDirectory() ? 'folder' : 'file' });
  }
  return entries;
}

/** Follows links by hand, for the rest of a path may not exist. `..` and empty parts are taken out first; 40 links are the limit, as in the kernel. */
export function resolvePath(path: string): ResolvedPath {
  let pending = path.split('/').filter((part) => part !== '' && part !== '.');
  let reached = '/';
  let links = 0;
  while (pending.length > 0) {
    const [part = '', ...rest] = pending;
    pending = rest;
    if (part === '..') {
      reached = reached.slice(0, reached.lastIndexOf('/')) || '/';
      continue;
    }
    const next = join(reached, part);
    const stat = lstatOrNothing(next);
    if (stat === undefined) return { path: join(next, ...pending), base: reached, exists: false, isFile: false };
    if (stat.isSymbolicLink() && links < 40) {
      links += 1;
      const link = readlinkSync(next);
      if (link.startsWith('/')) reached = '/';
      pending = [...link.split('/').filter((one) => one !== '' && one !== '.'), ...pending];
      continue;
    }
    if (!stat.isDirectory())
      return { path: join(next, ...pending), base: reached, exists: pending.length === 0, isFile: true };
    reached = next;
  }
  return { path: reached, base: reached, exists: true, isFile: false };
}

/** True where something is mounted strictly below a folder, as this process sees it. */
export function hasMountsBelow(folder: string): boolean {
  const below = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) =>
      (line.split(' ')[4] ?? '').replace(/\\([0-7]{3})/gu, (_, code: string) =>
        String.fromCharCode(Number.parseInt(code, 8)),
      ),
    );
  return below.some((point) => point !== folder && isWithin(point, folder));
}

function lstatOrNothing(path: string): ReturnType<typeof lstatSync> | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    // A folder that its user cannot look into holds nothing for its applications either.
    if ((error as NodeJS.ErrnoException).code === 'EACCES') return undefined;
    throw error;
  }
}

function join(...parts: readonly string[]): string {
  return parts.join('/').replace(/\/{2,}/gu, '/');
}
