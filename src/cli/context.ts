import type { Readable, Writable } from 'node:stream';
import type { StartMesh } from '../local/control/protocol.ts';

/** A program that was started to live on. */
export interface BackgroundProcess {
  readonly pid: number;
  /** Resolves with the exit code. */
  readonly exited: Promise<number>;
  /** Lets this process end before that one. */
  release(): void;
}

/** Everything a command knows of the world around it; a test gives its own. */
export interface Context {
  /** The name this program was called by: `mizzen`, or `istioctl` through a link. */
  readonly program: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Writes to standard output; text ends with its own line break. */
  readonly out: (text: string) => void;
  /** Writes to standard error. */
  readonly err: (text: string) => void;
  /** Whether a person looks at it: colours, redrawing. */
  readonly isTerminal: { readonly out: boolean; readonly err: boolean };
  readonly now: () => number;
  /** Hears of Ctrl-C and of other signals that ask to end. While somebody listens, they do not end the process. Returns what ends it. */
  readonly onInterrupt: (listener: () => void) => () => void;
  readonly loadStartMesh: () => Promise<StartMesh>;
  /** Starts this program again with other arguments, in the background, its output going to a file. */
  readonly startSelf: (args: readonly string[], logFile: string) => BackgroundProcess;
}

/** Pauses. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
