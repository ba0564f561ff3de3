/** A mesh that is started as a user starts it: by the program, in a process of its own, ended by Ctrl-C. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { connectControl } from '../../src/local/control/client.ts';
import { controlSocketName, type RunningMesh } from '../../src/local/control/protocol.ts';
import { envoyPath } from '../../src/local/envoy-binary.ts';

/** Root folder of the project. */
export const projectFolder: string = new URL('../..', import.meta.url).pathname.replace(/\/$/u, '');

/** What is started, and as whom. */
export interface CommandOptions {
  /** A temporary folder of this mesh alone. */
  readonly base: string;
  readonly folder: string;
  readonly stateFolder: string;
  /** `root` and `user` are this process's own user; `nobody` gives root's rights away first. */
  readonly as: 'root' | 'user' | 'nobody';
}

/** A mesh in a process of its own, and where that process sees the project. */
export interface CommandMesh extends RunningMesh {
  readonly projectFolder: string;
  /** What the program printed. */
  readonly output: () => string;
}

const nobody = 65_534;
const asNobody: readonly [string, ...string[]] = [
  'setpriv',
  `--reuid=${nobody}`,
  `--regid=${nobody}`,
  '--clear-groups',
  '--inh-caps=-all',
  '--bounding-set=-all',
];

/** Starts `mizzen up` and waits until its socket answers. */
export async function startByCommand(options: CommandOptions): Promise<CommandMesh> {
  const { base, folder, stateFolder, as } = options;
  const seen = as === 'nobody' ? projectForNobody(base) : { folder: projectFolder, prefix: [] };
  const up = [
    join(seen.folder, `node_modules/node-${process.platform}-${process.arch}/bin/node`),
    join(seen.folder, 'src/cli/main.ts'),
    'up',
    folder,
    '--state',
    stateFolder,
    '--port',
    '80=0',
    '--port',
    '443=0',
    as === 'root' ? '--root' : '--user',
  ];
  if (as === 'nobody') for (const path of [base, stateFolder]) chownSync(path, nobody, nobody);
  const envoy = as === 'nobody' ? envoyForNobody(base) : envoyPath();
  const [program = '', ...args] = [...seen.prefix, ...(as === 'nobody' ? asNobody : []), ...up];
  const { MIZZEN_STATE: _state, ...environment } = process.env;
  const child = spawn(program, args, {
    env: { ...environment, MIZZEN_ENVOY: envoy, HOME: base, XDG_STATE_HOME: join(base, 'xdg') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return runningCommand(child, stateFolder, seen.folder);
}

async function runningCommand(child: ChildProcess, stateFolder: string, project: string): Promise<CommandMesh> {
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const stopped = new Promise<number>((resolve) => child.on('exit', (code) => resolve(code ?? 1)));
  let ended: number | undefined;
  void stopped.then((code) => (ended = code));
  const control = connectControl(join(stateFolder, controlSocketName));
  for (const endMs = performance.now() + 30_000; ;) {
    try {
      await control.status();
      break;
    } catch (error) {
      if (ended !== undefined || performance.now() > endMs)
        throw new Error(`the program did not come up: ${text}`, { cause: error });
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    control,
    stopped,
    projectFolder: project,
    output: () => text,
    // What Ctrl-C in a terminal sends.
    stop: async () => {
      child.kill('SIGINT');
      await stopped;
    },
    kill: () => void child.kill('SIGKILL'),
  };
}

/** A checkout in a folder that only root may enter is shown to the other user at another place, in a mount namespace. */
function projectForNobody(base: string): { readonly folder: string; readonly prefix: readonly string[] } {
  chmodSync(base, 0o755);
  const [program, ...rest] = [...asNobody, 'test', '-r', join(projectFolder, 'package.json')];
  if (spawnSync(program, rest).status === 0) return { folder: projectFolder, prefix: [] };
  const folder = join(base, 'project');
  mkdirSync(folder, { mode: 0o755 });
  const script = 'mount --bind "$1" "$2" && shift 2 && exec "$@"';
  return {
    folder,
    prefix: ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', projectFolder, folder],
  };
}

function envoyForNobody(base: string): string {
  const path = join(base, 'envoy');
  copyFileSync(envoyPath(), path);
  chmodSync(path, 0o755);
  return path;
}
