import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { MizzenError } from '../base/error.ts';
import { connectControl } from '../local/control/client.ts';
import { controlSocketName, type MeshControl, type ObjectFilter } from '../local/control/protocol.ts';
import type { ObjectRef } from '../schema/object.ts';
import type { Context } from './context.ts';
import { ownerOf, runningMeshes } from './state-folder.ts';

/** A mesh that a command talks to. */
export interface FoundMesh {
  readonly stateFolder: string;
  readonly control: MeshControl;
}

/**
 * The mesh that is meant: `--state`, else MIZZEN_STATE, else the only one that runs. Throws `mesh-missing`,
 * `mesh-starting` and `mesh-unclear` (several run).
 */
export function findMesh(context: Context, state: string | undefined): FoundMesh {
  const stateFolder = namedState(context, state) ?? onlyRunning(context);
  const socket = join(stateFolder, controlSocketName);
  if (!existsSync(socket)) {
    const starting = ownerOf(stateFolder) !== undefined;
    if (starting)
      throw new MizzenError('mesh-starting', 'the mesh is still starting', { fix: 'try again in a few seconds' });
    throw new MizzenError('mesh-missing', `no mesh runs in ${stateFolder}`, {
      fix: `start one: ${context.program} up DIR`,
    });
  }
  return { stateFolder, control: connectControl(socket) };
}

/** The state folder that the user named; undefined where none is named. */
export function namedState(context: Context, state: string | undefined): string | undefined {
  const named = state ?? context.env['MIZZEN_STATE'];
  return named === undefined || named === '' ? undefined : resolve(context.cwd, named);
}

function onlyRunning(context: Context): string {
  const [only, ...others] = runningMeshes(context.env);
  if (only === undefined)
    throw new MizzenError('mesh-missing', 'no mesh is running', { fix: `start one: ${context.program} up DIR` });
  if (others.length === 0) return only;
  const names = [only, ...others].map((folder) => basename(folder)).join(', ');
  throw new MizzenError('mesh-unclear', `several meshes run: ${names}`, { fix: `name one: --state ${only}` });
}

/** What asks a mesh for one object: an object without a namespace is not one of the namespace ''. */
export function filterOf({ kind, namespace, name }: ObjectRef): ObjectFilter {
  return namespace === '' ? { kind, name } : { kind, namespace, name };
}
