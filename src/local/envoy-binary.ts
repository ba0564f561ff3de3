import { createHash } from 'node:crypto';
import { accessSync, constants, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { MizzenError } from '../base/error.ts';

/** The Envoy that this version is built for and tested with. */
export const envoyVersion = '1.40.0';

/** SHA-256 of the pinned binary, hexadecimal, by Node's name of the architecture. */
export const pinnedEnvoyDigests: Readonly<Record<string, string>> = {
  x64: '8aa137a7d00994ce43f613556f5a120709229f63bedb86eedde5ccbc402c2b80',
  arm64: '03cacc952561635c0b7d2a829291f341dadbebc32050475efbe7321b1bbe18c2',
};

/** The user's cache, shared by all checkouts: `$XDG_CACHE_HOME/mizzen`, by default `~/.cache/mizzen`. */
export function cacheFolder(): string {
  const configured = process.env['XDG_CACHE_HOME'];
  // A relative path is to be ignored: XDG Base Directory Specification.
  const base = configured?.startsWith('/') ? configured : join(homedir(), '.cache');
  return join(base, 'mizzen');
}

/** The binary that the user named in MIZZEN_ENVOY instead of the pinned one; undefined when none is named. */
export function namedEnvoy(): string | undefined {
  const named = process.env['MIZZEN_ENVOY'];
  return named === undefined || named === '' ? undefined : resolve(named);
}

/** Where set-up puts the pinned binary of this machine; undefined where none is published for the architecture. */
export function pinnedEnvoyPath(): string | undefined {
  const digest = process.platform === 'linux' ? pinnedEnvoyDigests[process.arch] : undefined;
  return digest === undefined ? undefined : join(cacheFolder(), 'envoy', digest, 'envoy');
}

/**
 * The Envoy to run: MIZZEN_ENVOY as it is, else the pinned one in the user's cache.
 * Fails with `envoy-missing`, naming what to do, when it is not there or cannot be executed.
 */
export function envoyPath(): string {
  const named = namedEnvoy();
  const path = named ?? pinnedEnvoyPath();
  if (path === undefined)
    throw new MizzenError('envoy-missing', `no Envoy is published for ${process.platform} on ${process.arch}`, {
      fix: 'name a binary of your own: MIZZEN_ENVOY=/path/to/envoy',
    });
  if (!isExecutable(path))
    throw new MizzenError(
      'envoy-missing',
      named === undefined
        ? `Envoy ${envoyVersion} is not set up (looked for ${path})`
        : `MIZZEN_ENVOY names ${path}, which is no executable file`,
      { fix: named === undefined ? 'run: npm run setup' : 'name a binary that runs, or unset MIZZEN_ENVOY' },
    );
  return path;
}

/**
 * SHA-256 of the Envoy that `envoyPath` gives, hexadecimal. The pinned binary was checked when it was put there; that of
 * any other is remembered in the cache until its size or time changes. Fails as `envoyPath` does.
 */
export function envoyDigest(): string {
  const path = envoyPath();
  const pinned = pinnedEnvoyDigests[process.arch];
  if (namedEnvoy() === undefined && pinned !== undefined) return pinned;
  const { size, mtimeMs, ino } = statSync(path);
  const key = createHash('sha256')
    .update(JSON.stringify([path, size, mtimeMs, ino]))
    .digest('hex');
  const remembered = join(cacheFolder(), 'envoy', 'named', key);
  try {
    return readFileSync(remembered, 'utf8');
  } catch {
    const digest = createHash('sha256').update(readFileSync(path)).digest('hex');
    remember(remembered, digest);
    return digest;
  }
}

function remember(file: string, text: string): void {
  try {
    mkdirSync(resolve(file, '..'), { recursive: true });
    writeFileSync(`${file}.${process.pid}`, text);
    renameSync(`${file}.${process.pid}`, file);
  } catch {
    // A cache that cannot be written costs a quarter of a second each time, nothing else.
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
