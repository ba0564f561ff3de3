import { spawn } from 'node:child_process';
import { MizzenError } from '../../base/error.ts';

/** What a tool of the system gave back. Output is kept to 256 KiB each. */
export interface ToolResult {
  /** Exit code; 128 + signal number where a signal ended it; 127 where it could not be started. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Settings of one run. */
export interface ToolOptions {
  /** Text for its standard input; none by default. */
  readonly input?: string;
  /** Killed after this long; 30 s by default. */
  readonly timeoutMs?: number;
}

const outputLimitBytes = 256 * 1024;
const signalNumbers: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGPIPE: 13,
  SIGTERM: 15,
};

/** The exit code a shell would show. */
export function exitCodeOf(code: number | null, signal: string | null): number {
  if (code !== null) return code;
  return 128 + (signal === null ? 0 : (signalNumbers[signal] ?? 0));
}

/** Folders in which the system's tools lie, before whatever else the user's PATH has. */
export function toolPath(): string {
  const own = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  const user = process.env['PATH'];
  return user === undefined || user === '' ? own : `${own}:${user}`;
}

/** Runs a tool in a clean environment and waits for its end. Never rejects. */
export function runTool(command: string, args: readonly string[], options: ToolOptions = {}): Promise<ToolResult> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      env: { PATH: toolPath(), LC_ALL: 'C' },
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: options.timeoutMs ?? 30_000,
      killSignal: 'SIGKILL',
    });
    const text = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text.stdout = (text.stdout + chunk).slice(-outputLimitBytes);
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      text.stderr = (text.stderr + chunk).slice(-outputLimitBytes);
    });
    // A tool that ends without reading its input is no trouble of ours: its exit code says what happened.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    child.on('error', (error) => resolve({ code: 127, stdout: text.stdout, stderr: error.message }));
    child.on('close', (code, signal) => resolve({ code: exitCodeOf(code, signal), ...text }));
  });
}

/** Runs a shell script (`$1` … are `args`) that must succeed; throws `tool-failed` with what it said. */
export async function runScript(
  what: string,
  script: string,
  args: readonly string[],
  options: ToolOptions = {},
): Promise<string> {
  const result = await runTool('sh', ['-c', script, 'mizzen', ...args], options);
  if (result.code === 0) return result.stdout;
  const said = result.stderr.trim().slice(0, 2000);
  throw new MizzenError(
    'tool-failed',
    `${what} failed with exit code ${String(result.code)}${said === '' ? '' : `: ${said}`}`,
  );
}
