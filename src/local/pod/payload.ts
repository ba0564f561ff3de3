import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { MizzenError } from '../../base/error.ts';

/** A file of a volume. */
export interface PayloadFile {
  readonly content: Buffer;
  readonly mode: number;
}

/** Files by their path in the volume. */
export type Payload = ReadonlyMap<string, PayloadFile>;

/**
 * Writes a volume as the kubelet does: the files lie in a folder with a new name, `..data` leads there, and every visible
 * name leads through `..data`. Swapping that one link by rename changes all files at once, and a watcher of the volume's
 * folder sees a move. `group` owns the files and may read them. True where something changed.
 */
export function writePayload(folder: string, payload: Payload, group?: number): boolean {
  mkdirSync(folder, { recursive: true });
  for (const path of payload.keys()) {
    if (
      path === '' ||
      path.startsWith('/') ||
      path.split('/').some((part) => part === '..' || part === '') ||
      path.startsWith('..')
    ) {
      throw new MizzenError('volume-path', `a volume cannot hold a file at "${path}": it must lie inside`);
    }
  }
  if (isSame(folder, payload)) return false;
  const name = `..${randomBytes(6).toString('hex')}`;
  for (const [path, file] of payload) {
    const full = `${folder}/${name}/${path}`;
    mkdirSync(dirname(full), { recursive: true, mode: 0o755 });
    writeFileSync(full, file.content, { mode: 0o600 });
    if (group !== undefined) chownSync(full, 0, group);
    chmodSync(full, group === undefined ? file.mode : file.mode | 0o040);
  }
  mkdirSync(`${folder}/${name}`, { recursive: true });
  const old = existsSync(`${folder}/..data`) ? readlinkSync(`${folder}/..data`) : undefined;
  symlinkSync(name, `${folder}/..data_tmp`);
  renameSync(`${folder}/..data_tmp`, `${folder}/..data`);
  const visible = new Set([...payload.keys()].map((path) => path.split('/')[0] ?? path));
  for (const top of visible) {
    if (lstatSync(`${folder}/${top}`, { throwIfNoEntry: false }) === undefined)
      symlinkSync(`..data/${top}`, `${folder}/${top}`);
  }
  for (const entry of readdirSync(folder)) {
    if (!entry.startsWith('..') && !visible.has(entry) && lstatSync(`${folder}/${entry}`).isSymbolicLink())
      rmSync(`${folder}/${entry}`);
  }
  if (old !== undefined) rmSync(`${folder}/${old}`, { recursive: true, force: true });
  return true;
}

function isSame(folder: string, payload: Payload): boolean {
  if (!existsSync(`${folder}/..data`)) return false;
  const there = readdirSync(`${folder}/..data`, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  if (there.length !== payload.size) return false;
  for (const [path, file] of payload) {
    const full = `${folder}/..data/${path}`;
    if (!existsSync(full) || !readFileSync(full).equals(file.content)) return false;
  }
  return true;
}
