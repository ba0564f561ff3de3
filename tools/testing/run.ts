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
  /** Whether it was killed because it ran longer than it may. */
  readonly isTooLate: boolean;
  /** Standard output and error as they came; '' unless captured. */
  readonly output: string;
}

const forwarded = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** How a program is run. */
export interface RunOptions {
  /** Keep its output instead of letting it through. */
  readonly isCaptured?: boolean;
  /** After this it is killed; no limit by default. */
  readonly limitMs?: number;
}

/** A program that was told to end and has not after this is killed: one that loops hears no signal. */
const graceMs = 5_000;

/** Runs a program in the root of the checkout. */
export async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const start = performance.now();
  const child = spawn(program, args, { cwd: root, stdio: ['ignore', ...outputs(options.isCaptured === true)] });
  const chunks: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => chunks.push(chunk));
  let isInterrupted = false;
  let isTooLate = false;
  const killers: NodeJS.Timeout[] = [];
  const kill = (): void => {
    isTooLate = true;
    child.kill('SIGKILL');
  };
  if (options.limitMs !== undefined) killers.push(setTimeout(kill, options.limitMs));
  // The test runner ends its own children when it is told to go, and only then.
  const handlers = forwarded.map((signal) => {
    const forward = (): void => {
      isInterrupted = true;
      child.kill(signal);
      killers.push(setTimeout(() => child.kill('SIGKILL'), graceMs));
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
    return { code, seconds, isInterrupted, isTooLate, output: Buffer.concat(chunks).toString('utf8') };
  } finally {
    for (const killer of killers) clearTimeout(killer);
    for (const [signal, handler] of handlers) process.off(signal, handler);
  }
}

function outputs(isCaptured: boolean): readonly ['pipe' | 'inherit', 'pipe' | 'inherit'] {
  return isCaptured ? ['pipe', 'pipe'] : ['inherit', 'inherit'];
}
