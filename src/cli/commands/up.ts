import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { MizzenError } from '../../base/error.ts';
import { defineCommand, type Values } from '../command.ts';
import type { Context } from '../context.ts';
import { startDetached } from '../detached.ts';
import { namedState } from '../find-mesh.ts';
import { upOptions } from '../options.ts';
import { portsOf } from '../ports.ts';
import { runMesh } from '../run-mesh.ts';
import { claimFolder, meshNameOf, stateHome } from '../state-folder.ts';
import { usageError } from '../usage-error.ts';

const defaultTimeoutS = 120;

const options = {
  detach: { kind: 'flag', short: 'd', text: 'return when everything is ready and leave it running' },
  timeout: { kind: 'number', value: 'SECONDS', text: `with -d: how long that may take (default: ${defaultTimeoutS})` },
  name: { kind: 'text', value: 'NAME', text: "name of the mesh (default: the folder's)" },
  state: {
    kind: 'text',
    value: 'FOLDER',
    text: 'where the mesh keeps its CA, logs and sockets (default: MIZZEN_STATE, else one by its name)',
  },
  ...upOptions,
  quiet: { kind: 'flag', text: 'print the start only', hidden: true },
} as const;

/** Runs a mesh. */
export const up = defineCommand({
  name: 'up',
  summary: 'Run a mesh from a folder of Kubernetes and Istio YAML',
  description: [
    'Every pod becomes a network namespace of this machine with its processes and an Envoy. The folder is followed: what is',
    'saved there is applied. Ctrl-C stops the mesh and leaves nothing behind but its state folder.',
  ].join('\n'),
  examples: [
    { line: 'up examples/bookinfo', text: 'in the foreground, until Ctrl-C' },
    { line: 'up -d my-folder', text: 'in the background; returns when everything is ready' },
    {
      line: 'up my-folder --port 80=8080 --port 443=8443',
      text: "with the gateway's ports at chosen ports of this machine",
    },
  ],
  arguments: [{ name: 'DIR', text: 'the folder', offers: 'folder' }],
  options,
  async run(context, parsed) {
    const [written = ''] = parsed.args;
    const given = parsed.options;
    const folder = resolve(context.cwd, written);
    if (!existsSync(folder))
      throw new MizzenError('folder-missing', `${written} does not exist`, {
        fix: 'name a folder with Kubernetes YAML',
      });
    const name = given.name ?? meshNameOf(folder);
    if (!/^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$/u.test(name))
      throw usageError(`--name cannot be ${JSON.stringify(name)}`, 'use lower-case letters, digits and dashes');
    if (given.root && given.user) throw usageError('--root and --user exclude each other');
    const ports = portsOf(given.port);
    const stateFolder = namedState(context, given.state) ?? join(stateHome(context.env), name);
    if (given.detach) return detach(context, { folder, name, stateFolder, given });
    return runMesh(context, {
      start: { folder, name, ports, allowLoopback: given['allow-loopback'], ...modeOf(given) },
      state: claimFolder(stateFolder, folder, context.program),
      isTemporary: false,
      isQuiet: given.quiet,
    });
  },
});

/** As whom the mesh runs, where the command line says it. */
export function modeOf(given: Pick<Values<typeof upOptions>, 'root' | 'user'>): { readonly mode?: 'root' | 'user' } {
  if (given.root) return { mode: 'root' };
  return given.user ? { mode: 'user' } : {};
}

interface Detach {
  readonly folder: string;
  readonly name: string;
  readonly stateFolder: string;
  readonly given: Values<typeof options>;
}

function detach(context: Context, { folder, name, stateFolder, given }: Detach): Promise<number> {
  // Claimed for a moment: what stands in the way is told here, before anything is started.
  claimFolder(stateFolder, folder, context.program).release({ remove: false });
  const flags = (['root', 'user', 'allow-loopback'] as const).filter((flag) => given[flag]).map((flag) => `--${flag}`);
  const ports = given.port.flatMap((port) => ['--port', port]);
  const args = ['up', folder, '--quiet', '--name', name, '--state', stateFolder, ...flags, ...ports];
  return startDetached(context, { args, stateFolder, timeoutMs: 1000 * (given.timeout ?? defaultTimeoutS) });
}
