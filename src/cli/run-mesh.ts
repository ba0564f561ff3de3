/** A mesh in the foreground: its start told line by line, then every change, until Ctrl-C. */
import { MizzenError } from '../base/error.ts';
import type { MeshStatus, RunningMesh, StartMeshOptions } from '../local/control/protocol.ts';
import { changesBetween } from './changes.ts';
import { pause, type Context } from './context.ts';
import type { ClaimedFolder } from './state-folder.ts';
import { statusText, welcomeText } from './status-text.ts';
import { styleFor } from './style.ts';

const lookStartingMs = 200;
const lookRunningMs = 500;
/** What a process gives that Ctrl-C ended (signals(7): 128 + SIGINT). */
const interruptedCode = 130;

/** What to run and how to show it. */
export interface RunMeshOptions {
  readonly start: Omit<StartMeshOptions, 'stateFolder' | 'onProgress' | 'signal'>;
  readonly state: ClaimedFolder;
  /** The state folder goes with the mesh. */
  readonly isTemporary: boolean;
  /** Nobody looks but `up -d`: no tables, no changes. */
  readonly isQuiet: boolean;
}

/** Runs a mesh until it ends and resolves with the exit code. Nothing of it is left then, whatever happened. */
export async function runMesh(context: Context, options: RunMeshOptions): Promise<number> {
  const stopper = createStopper(context);
  try {
    const mesh = await start(context, options, stopper.signal);
    if (mesh === undefined) return interruptedCode;
    stopper.attach(mesh);
    const code = await follow(context, options, mesh);
    await stopper.finished();
    return stopper.signal.aborted ? 0 : code;
  } finally {
    stopper.detach();
    options.state.release({ remove: options.isTemporary });
  }
}

/** undefined where Ctrl-C came before the mesh was there. */
async function start(context: Context, options: RunMeshOptions, signal: AbortSignal): Promise<RunningMesh | undefined> {
  const startMesh = await context.loadStartMesh();
  try {
    return await startMesh({
      ...options.start,
      stateFolder: options.state.path,
      onProgress: (line) => context.err(`${line}\n`),
      signal,
    });
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  }
}

interface Stopper {
  /** Aborted by the first Ctrl-C. */
  readonly signal: AbortSignal;
  /** From now on Ctrl-C ends this mesh. */
  attach(mesh: RunningMesh): void;
  /** Resolves when a stop that was begun has come to its end. */
  finished(): Promise<void>;
  detach(): void;
}

/** The first Ctrl-C stops in order, the second at once. */
function createStopper(context: Context): Stopper {
  const aborter = new AbortController();
  let mesh: RunningMesh | undefined;
  let stopping = Promise.resolve();
  const stop = (running: RunningMesh): void => {
    stopping = running.stop();
    // Awaited in `finished`; until then a failure must not count as unhandled.
    stopping.catch(() => undefined);
  };
  const detach = context.onInterrupt(() => {
    if (aborter.signal.aborted) return mesh?.kill();
    context.err('stopping… (Ctrl-C again kills at once)\n');
    aborter.abort();
    if (mesh !== undefined) stop(mesh);
  });
  return {
    signal: aborter.signal,
    attach(running) {
      mesh = running;
      if (aborter.signal.aborted) stop(running);
    },
    finished: () => stopping,
    detach,
  };
}

async function follow(context: Context, options: RunMeshOptions, mesh: RunningMesh): Promise<number> {
  let code: number | undefined;
  const ended = mesh.stopped.then((value) => (code = value));
  const style = styleFor(context.isTerminal.out, context.env);
  let before: MeshStatus | undefined;
  let isWelcomed = false;
  let told = '';
  while (code === undefined) {
    const now = await look(mesh);
    if (now !== undefined && !isWelcomed) {
      const line = progressLine(now);
      if (line !== told) context.err(line);
      told = line;
      isWelcomed = now.state === 'ready';
      if (isWelcomed && !options.isQuiet)
        context.out(`\n${statusText(now, style, context.now())}${welcomeText(now, style)}\nCtrl-C stops it.\n`);
    } else if (now !== undefined && before !== undefined && !options.isQuiet) {
      for (const line of changesBetween(before, now, style)) context.out(`${clock(context)} ${line}`);
    }
    before = now ?? before;
    await Promise.race([ended, pause(isWelcomed ? lookRunningMs : lookStartingMs)]);
  }
  return code;
}

/** A status, or nothing while the mesh is ending: how it ends is told by its exit. */
async function look(mesh: RunningMesh): Promise<MeshStatus | undefined> {
  try {
    return await mesh.control.status();
  } catch (error) {
    if (error instanceof MizzenError) return undefined;
    throw error;
  }
}

/** How far the start has come. */
export function progressLine({ pods, proxies, controlPlane }: MeshStatus): string {
  const ready = pods.filter((pod) => pod.ready).length;
  const synced = proxies.filter(({ state }) => state === 'SYNCED').length;
  const plane = controlPlane.connected ? 'ready' : 'starting';
  return `control plane ${plane}, pods ready ${ready}/${pods.length}, proxies SYNCED ${synced}/${proxies.length}\n`;
}

function clock(context: Context): string {
  return new Date(context.now()).toTimeString().slice(0, 8);
}
