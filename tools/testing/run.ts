import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { root } from './suites.ts';

/** How a program ended. */
export interface Ended {
  /** Exit code; 128 and the signal's number when a signal ended it. */
  readonly code: number;
  readonly seconds: number;
  /** Whether this process was told to end meanwhile, and told the program so. */
  readonly isInterrupted: boolean;
  /** Standard output and error as they came; '' unless captured. */
  readonly output: string;
}

const forwarded = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Runs a program in the root of the checkout; its output goes through, or is kept when `isCaptured`. */
export async function run(program: string, args: readonly string[], isCaptured = false): Promise<Ended> {
  const start = performance.now();
  const child = spawn(program, args, { cwd: root, stdio: ['ignore', ...outputs(isCaptured)] });
  const chunks: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => chunks.push(chunk));
  let isInterrupted = false;
  // The test runner ends its own children when it is told to go, and only then.
  const handlers = forwarded.map((signal) => {
    const forward = (): void => {
      isInterrupted = true;
      child.kill(signal);
    };
    return [signal, forward] as const;
  });
  for (const [signal, handler] of handlers) process.on(signal, handler);
  try {
    const code = await new Promise<number>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (exitCode, signal) =>
        resolve(exitCode ?? 128 + (signal === null ? 0 : constants.signals[signal])),
      );
    });
    const seconds = (performance.now() - start) / 1000;
    return { code, seconds, isInterrupted, output: Buffer.concat(chunks).toString('utf8') };
  } finally {
    for (const [signal, handler] of handlers) process.off(signal, handler);
  }
}

function outputs(isCaptured: boolean): readonly ['pipe' | 'inherit', 'pipe' | 'inherit'] {
  return isCaptured ? ['pipe', 'pipe'] : ['inherit', 'inherit'];
}
