import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { closeSync, rmSync } from 'node:fs';
import { MizzenError } from '../../base/error.ts';
import type { PodNamespaces } from '../net/pod-network.ts';
import { exitCodeOf, toolPath } from '../sandbox/run-tool.ts';
import { dropCommand } from './privileges.ts';
import type { Privileges } from './privileges.ts';
import { buildRootTree } from './root-tree.ts';
import type { RootTree, TreeRequest } from './root-tree.ts';

/** One run of a container. */
export interface ProcessRequest {
  readonly namespaces: PodNamespaces;
  readonly tree: TreeRequest;
  readonly privileges: Privileges;
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDir: string;
  readonly argv: readonly string[];
  /** Descriptor for both output streams; closed here. */
  readonly output: number;
}

/** A running container. */
export interface ContainerProcess {
  /** Process 1 of the container as the runtime sees it. */
  readonly pid: number;
  readonly startedAt: Date;
  /** The exit code a shell would show. Never rejects. */
  readonly exited: Promise<number>;
  /** SIGTERM reaches the command; SIGKILL everything in the container. */
  kill(signal: 'SIGTERM' | 'SIGKILL'): void;
}

/*
 * Runs as process 1 of the container with all rights: says its number, makes the mounts, leaves the host's root behind and
 * becomes the program that gives the rights up. What goes wrong on the way is said on descriptor 3, not in the container's
 * log, which waits as descriptor 4.
 */
const setupScript = `
exec 4>&2 2>&3
set -e
read -r pid rest < /proc/self/stat
echo "$pid" >&3
mount -n -a -T "$1"
cd "$2"
pivot_root . .
umount -n -l .
cd /
shift 2
exec "$@"
`;

/*
 * Process 1 of a container once it has given its rights up: reaps, and hands SIGTERM on, which process 1 itself would
 * never die from; it says that it is ready when it can. \`wait\` returns early when the trap runs, hence the loop.
 */
const initScript = `
cd "$1" || exit 126
shift
exec 2>&4 4>&-
trap 'kill -TERM $child' TERM
"$@" 3>&- &
child=$!
echo ready >&3
exec 3>&-
while :; do
  wait $child
  code=$?
  kill -0 $child 2>/dev/null || exit $code
done
`;

/** Starts a container. Resolves when its command runs; throws `container-failed` where its surroundings cannot be made. */
export async function startContainerProcess(request: ProcessRequest): Promise<ContainerProcess> {
  const { folder } = request.tree;
  const child = spawnContainer(request);
  const exited = new Promise<number>((resolve) => {
    child.on('error', () => resolve(127));
    child.on('exit', (code, signal) => resolve(exitCodeOf(code, signal)));
  });
  if (child.pid === undefined)
    throw new MizzenError('container-failed', 'nsenter could not be started', { fix: 'install util-linux' });
  const [pidLine = '', ...rest] = (await setupReport(child.stdio[3] as Readable)).split('\n');
  const pid = Number(pidLine);
  if (!rest.includes('ready') || !Number.isInteger(pid)) {
    child.kill('SIGKILL');
    await exited;
    removeTree(folder);
    const said = rest.join(' ').trim().slice(0, 1000);
    throw new MizzenError(
      'container-failed',
      `the container could not be set up: ${said || pidLine || 'no word from its process'}`,
    );
  }
  let isOver = false;
  const done = exited.then((code) => {
    isOver = true;
    removeTree(folder);
    return code;
  });
  // The number of a process that is over may already be another's.
  const kill = (signal: NodeJS.Signals): void => (isOver ? undefined : sendSignal(pid, signal));
  return { pid, startedAt: new Date(), exited: done, kill };
}

function spawnContainer(request: ProcessRequest): ChildProcess {
  try {
    return spawnIn(request, buildRootTree(request.tree));
  } catch (error) {
    removeTree(request.tree.folder);
    throw error;
  } finally {
    closeSync(request.output);
  }
}

function spawnIn(request: ProcessRequest, { root, table }: RootTree): ChildProcess {
  const variables = Object.entries(request.environment).map(([name, value]) => `${name}=${value}`);
  const init = ['env', '-i', ...variables, '/bin/sh', '-c', initScript, 'init', request.workingDir, ...request.argv];
  const setup = ['sh', '-c', setupScript, 'setup', table, root, ...dropCommand(request.privileges), ...init];
  const unshare = ['unshare', '--mount', '--pid', '--fork', '--kill-child', '--propagation', 'private', ...setup];
  return spawn('nsenter', [...enterPod(request.namespaces), ...unshare], {
    env: { PATH: toolPath(), LC_ALL: 'C' },
    stdio: ['ignore', request.output, request.output, 'pipe'],
    cwd: '/',
  });
}

/** The options by which nsenter(1) enters a pod. */
export function enterPod(namespaces: PodNamespaces): string[] {
  const { folder } = namespaces;
  return [`--net=${folder}/net`, `--uts=${folder}/uts`, `--ipc=${folder}/ipc`, '--'];
}

/** Sends a signal to a process that may be gone. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** The mounts were the container's own and went with it, so this removes nothing but the skeleton. */
function removeTree(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

/** What the set-up says until it is ready or over. */
async function setupReport(stream: Readable): Promise<string> {
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) {
    text += String(chunk);
    if (text.includes('\nready\n') || text.length > 64 * 1024) break;
  }
  return text;
}
