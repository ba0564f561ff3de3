/** `up -d`: the same program again in the background, watched until its mesh is ready. */
import { readSync, openSync, closeSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { MizzenError } from '../base/error.ts';
import { connectControl } from '../local/control/client.ts';
import { controlSocketName, type MeshStatus } from '../local/control/protocol.ts';
import { pause, type BackgroundProcess, type Context } from './context.ts';
import { statusText, welcomeText } from './status-text.ts';
import { styleFor } from './style.ts';

/** What to start. */
export interface DetachedOptions {
  /** The command line of the process in the background. */
  readonly args: readonly string[];
  readonly stateFolder: string;
  /** How long the mesh may take until it is ready. */
  readonly timeoutMs: number;
}

const lookEveryMs = 200;

/** Starts a mesh in the background and resolves with 0 when it is ready. Throws `mesh-failed` and `mesh-not-ready`. */
export async function startDetached(context: Context, options: DetachedOptions): Promise<number> {
  const logFile = join(options.stateFolder, 'up.log');
  const child = context.startSelf(options.args, logFile);
  const log = openSync(logFile, 'r');
  let isEnded = false;
  void child.exited.then(() => (isEnded = true));
  const endMs = context.now() + options.timeoutMs;
  try {
    for (;;) {
      // Asked before the log is read, so that its last words are not missed.
      const ended = isEnded;
      forward(context, log);
      if (ended)
        throw new MizzenError('mesh-failed', 'the mesh did not start; the reason is above', {
          fix: `its log: ${logFile}`,
        });
      const status = await look(options.stateFolder);
      if (status?.state === 'ready') return welcome(context, child, status);
      if (context.now() > endMs) throw notReady(context, status, options.timeoutMs);
      await pause(lookEveryMs);
    }
  } finally {
    child.release();
    closeSync(log);
  }
}

function welcome(context: Context, child: BackgroundProcess, status: MeshStatus): number {
  const style = styleFor(context.isTerminal.out, context.env);
  context.out(`\n${statusText(status, style, context.now())}${welcomeText(status, style)}`);
  context.out(`\nit runs in the background (process ${child.pid}); ${context.program} down stops it\n`);
  return 0;
}

/** What the process in the background has said since the last look. */
function forward(context: Context, log: number): void {
  const chunk = Buffer.alloc(64 * 1024);
  for (let size = readSync(log, chunk); size > 0; size = readSync(log, chunk))
    context.err(chunk.toString('utf8', 0, size));
}

async function look(stateFolder: string): Promise<MeshStatus | undefined> {
  const socket = join(stateFolder, controlSocketName);
  if (!existsSync(socket)) return undefined;
  try {
    return await connectControl(socket).status();
  } catch (error) {
    if (error instanceof MizzenError) return undefined;
    throw error;
  }
}

function notReady(context: Context, status: MeshStatus | undefined, timeoutMs: number): MizzenError {
  const pod = status?.pods.find(({ ready, phase }) => !ready && phase !== 'Succeeded');
  const proxy = status?.proxies.find(({ state }) => state !== 'SYNCED');
  const why =
    pod !== undefined
      ? `pod ${pod.namespace}/${pod.name} is ${pod.phase} ${pod.reason}`
      : proxy !== undefined
        ? `proxy ${proxy.namespace}/${proxy.pod} is ${proxy.state} ${proxy.reason}`
        : 'the control plane does not answer';
  return new MizzenError('mesh-not-ready', `the mesh is not ready after ${timeoutMs / 1000} s: ${why.trimEnd()}`, {
    fix: `it goes on in the background; ${context.program} status shows it, ${context.program} down stops it`,
  });
}
