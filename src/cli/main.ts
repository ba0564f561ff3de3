/** The program: gives `run` the world as it is, and ends with its exit code. */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { basename } from 'node:path';
import type { Context } from './context.ts';
import { run } from './run.ts';

// A reader that has seen enough (`| head`) is no failure: end as a program without a handler for SIGPIPE would.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(141);
  });
}

const endingSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

const context: Context = {
  program: programName(),
  cwd: process.cwd(),
  env: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  isTerminal: { out: process.stdout.isTTY, err: process.stderr.isTTY },
  now: Date.now,
  onInterrupt(listener) {
    for (const signal of endingSignals) process.on(signal, listener);
    return () => {
      for (const signal of endingSignals) process.off(signal, listener);
    };
  },
  loadStartMesh: async () => (await import('../local/supervisor/start.ts')).startMesh,
  startSelf,
};

const exitCode = await run(process.argv.slice(2), context);
// Output to a pipe may still be under way; what else is open (standard input, a socket) must not hold the end back.
await Promise.all([process.stdout, process.stderr].map((stream) => new Promise((done) => stream.write('', done))));
process.exit(exitCode);

/** The launcher says by which link it was called; without it, the name of what Node was given. */
function programName(): string {
  const said = process.env['MIZZEN_CALLED_AS'];
  delete process.env['MIZZEN_CALLED_AS'];
  const name = basename(said ?? '');
  return name === '' ? 'mizzen' : name;
}

function startSelf(args: readonly string[], logFile: string): ReturnType<Context['startSelf']> {
  const log = openSync(logFile, 'w', 0o600);
  const child = spawn(process.execPath, [...process.execArgv, import.meta.filename, ...args], {
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const exited = new Promise<number>((resolve) => {
    child.on('error', () => resolve(127));
    child.on('exit', (code) => resolve(code ?? 1));
  });
  return { pid: child.pid ?? 0, exited, release: () => child.unref() };
}
