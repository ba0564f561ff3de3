/** Starts a mesh from outside: the relay in this process, everything else in a sandbox. */
import { closeSync, openSync } from 'node:fs';
import { MizzenError } from '../../base/error.ts';
import { connectControl } from '../control/client.ts';
import {
  controlSocketName,
  type MeshControl,
  type RunningMesh,
  type StartMesh,
  type StartMeshOptions,
} from '../control/protocol.ts';
import { envoyPath } from '../envoy-binary.ts';
import { enterSandbox, type Sandbox } from '../sandbox/enter-sandbox.ts';
import { sandboxMode } from '../sandbox/sandbox-mode.ts';
import { readMeshFile } from './mesh-file.ts';
import type { SupervisorOptions } from './options.ts';
import { startOutside, type Outside } from './outside.ts';
import { placesOf } from './places.ts';

/** Root folder of the program. */
const programFolder = new URL('../../..', import.meta.url).pathname.replace(/\/$/u, '');

/** How long the supervisor may take until it answers, in milliseconds. */
const answerLimitMs = 30_000;

/** What only a test gives. */
export interface StartInternals {
  /** Program to run as the control plane instead of the product's, absolute and below the program's folder. */
  readonly controlPlane?: string;
}

/** See {@link StartMesh}. Throws what the sandbox, the relay or the mesh's own file have to say. */
export const startMesh: StartMesh = (options) => startMeshWith(options, {});

/** As `startMesh`, with parts of the mesh replaced. */
export async function startMeshWith(options: StartMeshOptions, internals: StartInternals): Promise<RunningMesh> {
  const kind = await chooseMode(options.mode);
  const meshFile = readMeshFile(options.folder);
  const envoy = envoyPath();
  const outside = await startOutside(options, meshFile);
  let sandbox: Sandbox | undefined;
  try {
    sandbox = await openSandbox(options, { kind, envoy, published: outside.published, internals });
    options.onProgress(`sandbox ready (${kind === 'root' ? 'as root' : 'as an ordinary user'})`);
    const control = connectControl(`${options.stateFolder}/${controlSocketName}`);
    await untilAnswered(control, sandbox, options);
    options.onProgress('supervisor ready');
    return running(sandbox, outside, control);
  } catch (error) {
    await sandbox?.stop(1_000);
    await outside.close();
    throw error;
  }
}

async function chooseMode(wanted: StartMeshOptions['mode']): Promise<'root' | 'user'> {
  const mode = await sandboxMode();
  if (mode.kind === 'refused') throw new MizzenError('sandbox-refused', mode.message, { fix: mode.fix });
  if (wanted === 'root' && mode.kind !== 'root') {
    throw new MizzenError('not-root', 'only root can run a mesh as root', { fix: 'leave --root out, or use sudo' });
  }
  return wanted ?? mode.kind;
}

interface SandboxChoice {
  readonly kind: 'root' | 'user';
  readonly envoy: string;
  readonly published: SupervisorOptions['published'];
  readonly internals: StartInternals;
}

async function openSandbox(options: StartMeshOptions, choice: SandboxChoice): Promise<Sandbox> {
  const { kind, envoy, published, internals } = choice;
  const { name, folder, stateFolder, allowLoopback } = options;
  const supervisor: SupervisorOptions = {
    name,
    folder,
    stateFolder,
    mode: kind,
    allowLoopback,
    programFolder,
    published,
    ...internals,
  };
  const log = openSync(placesOf(stateFolder).supervisorLog, 'a', 0o600);
  try {
    return await enterSandbox({
      kind,
      command: process.execPath,
      args: [`${programFolder}/src/local/supervisor/main.ts`, JSON.stringify(supervisor)],
      env: environment(),
      envoy,
      stdio: ['ignore', log, log],
    });
  } finally {
    closeSync(log);
  }
}

/** The pinned Node comes first, so that `command: [node, …]` of a pod finds it. */
function environment(): Readonly<Record<string, string>> {
  const {
    PATH = '/usr/local/bin:/usr/bin:/bin',
    HOME = '/',
    LANG,
    NODE_COMPILE_CACHE,
    NODE_EXTRA_CA_CERTS,
  } = process.env;
  const nodeFolder = process.execPath.slice(0, process.execPath.lastIndexOf('/'));
  const optional = { LANG, NODE_COMPILE_CACHE, NODE_EXTRA_CA_CERTS };
  const set = Object.entries(optional).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { PATH: `${nodeFolder}:${PATH}:/usr/sbin:/sbin`, HOME, ...Object.fromEntries(set) };
}

async function untilAnswered(control: MeshControl, sandbox: Sandbox, options: StartMeshOptions): Promise<void> {
  let ended: number | undefined;
  void sandbox.exited.then((code) => (ended = code));
  for (const endMs = performance.now() + answerLimitMs; ;) {
    options.signal.throwIfAborted();
    try {
      await control.status();
      return;
    } catch (error) {
      const log = placesOf(options.stateFolder).supervisorLog;
      if (ended !== undefined) {
        throw new MizzenError('supervisor-ended', `the supervisor ended with exit code ${String(ended)}`, {
          fix: `its last words are in ${log}`,
          cause: error,
        });
      }
      if (performance.now() > endMs) {
        throw new MizzenError('supervisor-silent', `the supervisor does not answer after ${answerLimitMs / 1_000} s`, {
          fix: `its log is ${log}`,
          cause: error,
        });
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function running(sandbox: Sandbox, outside: Outside, control: MeshControl): RunningMesh {
  const stopped = sandbox.exited.then(async (code) => {
    await outside.close();
    return code;
  });
  return {
    control,
    stopped,
    stop: async () => {
      await sandbox.stop();
      await stopped;
    },
    kill: () => void sandbox.stop(0),
  };
}
