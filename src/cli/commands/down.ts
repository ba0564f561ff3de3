import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { MizzenError } from '../../base/error.ts';
import { connectControl } from '../../local/control/client.ts';
import { controlSocketName } from '../../local/control/protocol.ts';
import { defineCommand } from '../command.ts';
import { pause, type Context } from '../context.ts';
import { namedState } from '../find-mesh.ts';
import { meshOptions } from '../options.ts';
import { ownerOf, runningMeshes } from '../state-folder.ts';

const limitMs = 40_000;

/** Ends a mesh. */
export const down = defineCommand({
  name: 'down',
  summary: 'Stop a running mesh and wait until nothing of it is left',
  description: "The mesh's state folder stays: its CA, its generations and its logs are there at the next start.",
  examples: [
    { line: 'down', text: 'stop the only running mesh' },
    { line: 'down --state /tmp/shop', text: 'stop that of a state folder' },
    { line: 'down --now', text: 'kill it without waiting for its pods' },
  ],
  arguments: [],
  options: {
    now: { kind: 'flag', text: 'kill everything at once' },
    ...meshOptions,
  },
  async run(context, { options }) {
    const folder = folderOf(context, options.state);
    const pid = folder === undefined ? undefined : ownerOf(folder);
    if (folder === undefined || (pid === undefined && !(await isAnswering(folder)))) {
      context.out('no mesh is running\n');
      return 0;
    }
    if (options.now && pid !== undefined) signal(pid, 'SIGKILL');
    else await askToStop(folder, pid);
    await untilGone(context, folder, pid);
    context.out('stopped\n');
    return 0;
  },
});

function folderOf(context: Context, state: string | undefined): string | undefined {
  const named = namedState(context, state);
  if (named !== undefined) return named;
  const [only, ...others] = runningMeshes(context.env);
  if (others.length === 0) return only;
  throw new MizzenError('mesh-unclear', `several meshes run: ${[only, ...others].join(', ')}`, {
    fix: `name one: --state ${only ?? ''}`,
  });
}

async function isAnswering(folder: string): Promise<boolean> {
  const socket = join(folder, controlSocketName);
  if (!existsSync(socket)) return false;
  try {
    await connectControl(socket).status();
    return true;
  } catch (error) {
    if (error instanceof MizzenError) return false;
    throw error;
  }
}

/** Through the socket, or, while that is not there yet, by a signal to the process that starts the mesh. */
async function askToStop(folder: string, pid: number | undefined): Promise<void> {
  try {
    await connectControl(join(folder, controlSocketName)).stop();
  } catch (error) {
    if (!(error instanceof MizzenError) || error.code !== 'mesh-unreachable' || pid === undefined) throw error;
    signal(pid, 'SIGTERM');
  }
}

function signal(pid: number, name: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function untilGone(context: Context, folder: string, pid: number | undefined): Promise<void> {
  for (const endMs = context.now() + limitMs; context.now() < endMs; await pause(50)) {
    if (pid === undefined ? !(await isAnswering(folder)) : ownerOf(folder) !== pid) return;
  }
  throw new MizzenError('mesh-stays', `the mesh has not ended after ${limitMs / 1000} s`, {
    fix: `${context.program} down --now`,
  });
}
