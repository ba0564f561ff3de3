import { spawn } from 'node:child_process';
import type { StdioOptions } from 'node:child_process';
import type { Readable } from 'node:stream';
import { MizzenError } from '../../base/error.ts';
import { exitCodeOf, toolPath } from './run-tool.ts';
import { sandboxScript, unshareOptions } from './sandbox-script.ts';

/** What runs in a sandbox. */
export interface SandboxOptions {
  /** `root` keeps the user namespace of the caller, `user` makes one in which the caller is root. */
  readonly kind: 'root' | 'user';
  /** The supervisor's program. */
  readonly command: string;
  readonly args: readonly string[];
  /** Its whole environment; PATH is added where it is missing. */
  readonly env: Readonly<Record<string, string>>;
  /** Envoy's binary outside, shown inside as `envoyInside`; absent: none. */
  readonly envoy?: string;
  /** Standard streams of the command; `inherit` by default. */
  readonly stdio?: readonly [
    'inherit' | 'ignore' | 'pipe' | number,
    'inherit' | 'ignore' | 'pipe' | number,
    'inherit' | 'ignore' | 'pipe' | number,
  ];
  /** False lets the sandbox outlive this process (`up -d`); true by default. */
  readonly endsWithParent?: boolean;
}

/** A running sandbox. */
export interface Sandbox {
  /** Process 1 of the sandbox as this side sees it: ending it ends everything inside. */
  readonly pid: number;
  /** Standard output and error of the command where `stdio` says `pipe`. */
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
  /** Exit code of the command; 128 + signal number where a signal ended it. */
  readonly exited: Promise<number>;
  /** SIGTERM to the command, SIGKILL to everything after the grace period (10 s by default). Resolves when all is gone. */
  stop(graceMs?: number): Promise<number>;
}

/**
 * Starts a command in namespaces of its own (mounts, network, processes, IPC, host name; users unless root) whose
 * process 1 is a shell, for it must reap. All processes end with process 1, and process 1 with this process, also when
 * that is killed. It has a session of its own, so Ctrl-C reaches the caller alone. Throws `sandbox-failed`.
 */
export async function enterSandbox(options: SandboxOptions): Promise<Sandbox> {
  const death = options.endsWithParent === false ? [] : ['setpriv', '--pdeathsig', 'KILL'];
  const user = options.kind === 'user' ? ['--user', '--map-root-user'] : [];
  const [program, ...rest] = [
    ...death,
    'unshare',
    ...user,
    ...unshareOptions,
    'sh',
    '-c',
    sandboxScript,
    'mizzen',
    options.envoy ?? '',
    options.command,
    ...options.args,
  ];
  const stdio: StdioOptions = [...(options.stdio ?? ['inherit', 'inherit', 'inherit']), 'pipe'];
  const child = spawn(program ?? 'unshare', rest, {
    env: { PATH: toolPath(), ...options.env },
    stdio,
    detached: true,
    cwd: '/',
  });
  const exited = new Promise<number>((resolve) => {
    child.on('error', () => resolve(127));
    child.on('exit', (code, signal) => resolve(exitCodeOf(code, signal)));
  });
  const pid = Number(await firstLine(child.stdio[3] as Readable));
  if (!Number.isInteger(pid) || pid <= 0) {
    throw new MizzenError('sandbox-failed', `the namespaces could not be set up (exit code ${String(await exited)})`, {
      fix: 'the lines that the tools wrote to standard error say which step was refused',
    });
  }
  async function stop(graceMs = 10_000): Promise<number> {
    kill(pid, 'SIGTERM');
    const timer = setTimeout(() => kill(pid, 'SIGKILL'), graceMs);
    const code = await exited;
    clearTimeout(timer);
    return code;
  }
  return { pid, stdout: child.stdout ?? undefined, stderr: child.stderr ?? undefined, exited, stop };
}

/** Sends a signal; a process that is gone already is what the caller wanted. */
function kill(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** The first line of a stream; empty where it ends before. The far end stays open in `unshare`, so there is no waiting for its end. */
async function firstLine(stream: Readable): Promise<string> {
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) {
    text += String(chunk);
    if (text.includes('\n')) break;
  }
  return text.split('\n')[0] ?? '';
}
