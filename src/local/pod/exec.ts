import { spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { exitCodeOf, toolPath } from '../sandbox/run-tool.ts';
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
}

/** How long output may still come from what the command left behind. */
const lingerMs = 500;

const execScript = 'cd "$1" || exit 126; shift; exec "$@"';

/** Runs a command in a container's namespaces with its environment, user and rights. Resolves with its exit code; 127 where it does not exist. Never rejects. */
export function execInContainer(target: ExecTarget, argv: readonly string[], streams: ExecStreams): Promise<number> {
  const variables = Object.entries(target.environment).map(([name, value]) => `${name}=${value}`);
  const enter = ['--target', String(target.pid), '--mount', '--uts', '--ipc', '--net', '--pid', '--'];
  const [setpriv = 'setpriv', ...drop] = dropCommand(target.privileges);
  const command = [
    setpriv,
    '--pdeathsig',
    'KILL',
    ...drop,
    'env',
    '-i',
    ...variables,
    '/bin/sh',
    '-c',
    execScript,
    'exec',
    target.workingDir,
    ...argv,
  ];
  const child = spawn('nsenter', [...enter, ...command], {
    env: { PATH: toolPath(), LC_ALL: 'C' },
    stdio: [streams.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    cwd: '/',
  });
  const end = (): void => {
    child.kill('SIGKILL');
  };
  streams.signal?.addEventListener('abort', end);
  if (child.stdin !== null) {
    // A command that ends before its input does is no failure.
    child.stdin.on('error', () => undefined);
    streams.stdin?.pipe(child.stdin);
  }
  child.stdout?.pipe(streams.stdout, { end: false });
  child.stderr?.pipe(streams.stderr, { end: false });
  return new Promise((resolve) => {
    const finish = (code: number): void => {
      streams.signal?.removeEventListener('abort', end);
      child.stdout?.unpipe();
      child.stderr?.unpipe();
      child.stdout?.destroy();
      child.stderr?.destroy();
      resolve(code);
    };
    child.on('error', () => finish(127));
    child.on('exit', (code, signal) => {
      const timer = setTimeout(() => finish(exitCodeOf(code, signal)), lingerMs);
      child.on('close', () => {
        clearTimeout(timer);
        finish(exitCodeOf(code, signal));
      });
    });
  });
}
