// A lock between processes that runs on any Node >= 20: the folder is the lock, the file in it names its holder.
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const waitLimitMs = 600_000;
const pauseMs = 100;
/** A holder writes its name at once; a lock without one that is this old was left behind in between. */
const namelessLimitMs = 5_000;

export function withLock(path, work, onWait) {
  mkdirSync(dirname(path), { recursive: true });
  const until = Date.now() + waitLimitMs;
  for (let isFirst = true; !take(path); isFirst = false) {
    if (isFirst) onWait();
    if (isLeftBehind(path)) rmSync(path, { recursive: true, force: true });
    else if (Date.now() > until) throw new Error(`another process holds ${path}; remove it if none runs`);
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs);
  }
  let result;
  try {
    result = work();
  } catch (error) {
    release(path);
    throw error;
  }
  if (typeof result?.then === 'function') return result.finally(() => release(path));
  release(path);
  return result;
}

function release(path) {
  rmSync(path, { recursive: true, force: true });
}

function take(path) {
  try {
    mkdirSync(path);
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
  writeFileSync(join(path, 'pid'), String(process.pid));
  return true;
}

function isLeftBehind(path) {
  try {
    const holder = Number(readFileSync(join(path, 'pid'), 'utf8'));
    if (holder > 0) return !isAlive(holder);
    return Date.now() - statSync(path).mtimeMs > namelessLimitMs;
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    const found = statSync(path, { throwIfNoEntry: false });
    return found !== undefined && Date.now() - found.mtimeMs > namelessLimitMs;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
