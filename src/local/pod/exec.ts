import { spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { exitCodeOf, toolPath } from '../sandbox/run-tool.ts';
import { createExecPipes } from './exec-pipes.ts';
import { dropCommand } from './privileges.ts';
import type { Privileges } from './privileges.ts';

/** Streams of a command that runs in a container. Output streams are not ended. */
export interface ExecStreams {
  /** Nothing by default. */
  readonly stdin?: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Ends the command by SIGKILL. */
  readonly signal?: AbortSignal;
}

/** A container that a command is to join. */
export interface ExecTarget {
  /** Process 1 of the container. */
  readonly pid: number;
  readonly privileges: Privileges;
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDir: string;
  /** A folder outside the container for the pipes. */
  readonly folder: string;
}

/** How long output may still come from what the command left behind. */
const lingerMs = 500;

const execScript = 'cd "$1" || exit 126; shift; exec "$@"';

/** Runs a command in a container's namespaces with its environment, user and rights. Resolves with its exit code; 127 where it does not exist. Rejects only where there are no pipes to be had. */
export async function execInContainer(
  target: ExecTarget,
  argv: readonly string[],
  streams: ExecStreams,
): Promise<number> {
  const pipes = await createExecPipes(target.folder);
  const child = spawn('nsenter', execCommand(target, argv), {
    env: { PATH: toolPath(), LC_ALL: 'C' },
    stdio: [pipes.stdin, pipes.stdout, pipes.stderr],
    cwd: '/',
  });
  pipes.handOver();
  const end = (): void => {
    child.kill('SIGKILL');
  };
  streams.signal?.addEventListener('abort', end);
  if (streams.signal?.aborted === true) end();
  // A command that ends before its input does is no failure.
  pipes.input.on('error', () => undefined);
  if (streams.stdin === undefined) pipes.input.end();
  else streams.stdin.pipe(pipes.input);
  const read = Promise.all([copied(pipes.output, streams.stdout), copied(pipes.errors, streams.stderr)]);
  const code = await new Promise<number>((resolve) => {
    child.on('error', () => resolve(127));
    child.on('exit', (exitCode, signal) => resolve(exitCodeOf(exitCode, signal)));
  });
  streams.signal?.removeEventListener('abort', end);
  await Promise.race([read, sleep(lingerMs, undefined, { ref: false })]);
  await pipes.close();
  return code;
}

function execCommand(target: ExecTarget, argv: readonly string[]): string[] {
  const variables = Object.entries(target.environment).map(([name, value]) => `${name}=${value}`);
  const enter = ['--target', String(target.pid), '--mount', '--uts', '--ipc', '--net', '--pid', '--'];
  const [setpriv = 'setpriv', ...drop] = dropCommand(target.privileges);
  const shell = ['/bin/sh', '-c', execScript, 'exec', target.workingDir, ...argv];
  return [...enter, setpriv, '--pdeathsig', 'KILL', ...drop, 'env', '-i', ...variables, ...shell];
}

/** Resolves when a stream has ended and all of it is written. */
function copied(from: Readable, to: Writable): Promise<void> {
  return new Promise((resolve) => {
    from.on('end', () => resolve());
    from.on('error', () => resolve());
    from.pipe(to, { end: false });
  });
}
