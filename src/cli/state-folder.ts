/** Where meshes keep their state, which of them run, and who owns a folder. */
import { mkdirSync, readFileSync, readdirSync, rmSync, rmdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { MizzenError } from '../base/error.ts';
import type { Context } from './context.ts';

type Env = Context['env'];

/** The folder that holds one folder a mesh: `$XDG_STATE_HOME/mizzen`, by default `~/.local/state/mizzen`. */
export function stateHome(env: Env): string {
  const configured = env['XDG_STATE_HOME'];
  // A relative path is to be ignored: XDG Base Directory Specification.
  const base = configured?.startsWith('/') === true ? configured : join(env['HOME'] ?? homedir(), '.local', 'state');
  return join(base, 'mizzen');
}

/** Who runs the mesh of a state folder. */
interface Owner {
  readonly pid: number;
  /** Start time of the process in clock ticks: a process number comes back, both together do not. */
  readonly startTicks: string;
  readonly folder: string;
}

const ownerFile = 'owner.json';
const meshFile = 'mesh.json';

/** The process that runs a folder's mesh; undefined where none does. */
export function ownerOf(stateFolder: string): number | undefined {
  const owner = readJson(join(stateFolder, ownerFile)) as Partial<Owner> | undefined;
  const { pid, startTicks } = owner ?? {};
  return pid !== undefined && startTicks !== undefined && startTicksOf(pid) === startTicks ? pid : undefined;
}

/** State folders of the meshes that run now. */
export function runningMeshes(env: Env): readonly string[] {
  const home = stateHome(env);
  return namesIn(home)
    .map((name) => join(home, name))
    .filter((folder) => ownerOf(folder) !== undefined);
}

/** A state folder that this process owns. */
export interface ClaimedFolder {
  readonly path: string;
  /** Gives it back; `remove` takes away all of it, and the folders above that were made for it. */
  release(options: { readonly remove: boolean }): void;
}

/**
 * Makes a state folder (mode 0700) and takes it for this process. Throws `mesh-running` where another process has it and
 * `state-taken` where it belongs to the mesh of another YAML folder.
 */
export function claimFolder(path: string, folder: string, program: string): ClaimedFolder {
  const firstMade = mkdirSync(path, { recursive: true, mode: 0o700 });
  const other = ownerOf(path);
  if (other !== undefined) {
    const fix = `${program} down --state ${path}, or start a second one: ${program} up ${folder} --name OTHER`;
    throw new MizzenError('mesh-running', `a mesh runs in ${path} already (process ${other})`, { fix });
  }
  const known = (readJson(join(path, meshFile)) as { readonly folder?: string } | undefined)?.folder;
  if (known !== undefined && known !== folder) {
    const fix = `give this one a name of its own: ${program} up ${folder} --name OTHER`;
    throw new MizzenError('state-taken', `${path} holds the state of the mesh of ${known}`, { fix });
  }
  const owner: Owner = { pid: process.pid, startTicks: startTicksOf(process.pid) ?? '', folder };
  writeFileSync(join(path, meshFile), `${JSON.stringify({ folder })}\n`, { mode: 0o600 });
  writeFileSync(join(path, ownerFile), `${JSON.stringify(owner)}\n`, { mode: 0o600 });
  return {
    path,
    release({ remove }) {
      if (!remove) return rmSync(join(path, ownerFile), { force: true });
      rmSync(path, { recursive: true, force: true });
      if (firstMade !== undefined) removeEmpty(dirname(path), dirname(firstMade));
    },
  };
}

/** Takes away temporary folders whose process was killed before it could. */
export function removeLeftBehind(home: string, prefix: string): void {
  for (const name of namesIn(home)) {
    const path = join(home, name);
    const pid = Number(name.slice(prefix.length));
    if (!name.startsWith(prefix) || !Number.isInteger(pid)) continue;
    if (ownerOf(path) === undefined && startTicksOf(pid) === undefined) rmSync(path, { recursive: true, force: true });
  }
}

/** A name for the mesh of a folder: what Kubernetes takes as a label. */
export function meshNameOf(folder: string): string {
  const name = basename(folder)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/gu, '-')
    .replaceAll(/^-+|-+$/gu, '')
    .slice(0, 40);
  return name === '' ? 'mesh' : name;
}

/** Removes empty folders from `from` upwards, `above` excluded. */
function removeEmpty(from: string, above: string): void {
  for (let folder = from; folder !== above && folder.startsWith(above); folder = dirname(folder)) {
    try {
      rmdirSync(folder);
    } catch {
      // Somebody else keeps something there by now: it stays.
      return;
    }
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).toSorted();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new MizzenError('state-unreadable', `${folder} cannot be read`, { cause: error });
  }
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as unknown;
  } catch {
    // Not there, or cut off by a crash: nobody owns what it would name.
    return undefined;
  }
}

/** When a process started (proc_pid_stat(5), field 22); undefined where there is none. */
function startTicksOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    // No such process.
    return undefined;
  }
}
