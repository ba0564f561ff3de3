import { closeSync, constants, openSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { runScript } from '../sandbox/run-tool.ts';

/** Three named pipes between this process and a command. */
export interface ExecPipes {
  /** Descriptors for the command; closed by `handOver`. */
  readonly stdin: number;
  readonly stdout: number;
  readonly stderr: number;
  /** This side's ends. */
  readonly input: Writable;
  readonly output: Readable;
  readonly errors: Readable;
  /** Call once the command has its descriptors. */
  handOver(): void;
  /** Closes what is open and removes the pipes. */
  close(): Promise<void>;
}

let count = 0;

/**
 * Makes pipes in a folder. The plain pipes that Node makes are sockets, and a program that opens /dev/stdout by name
 * cannot open a socket.
 */
export async function createExecPipes(parent: string): Promise<ExecPipes> {
  count += 1;
  const folder = `${parent}/exec-${String(count)}`;
  await runScript('making pipes', 'mkdir "$1" && cd "$1" && mkfifo -m 666 in out err', [folder]);
  const { O_RDONLY, O_RDWR, O_WRONLY, O_NONBLOCK } = constants;
  // With both directions open on this one, none of the others blocks, and the command's own stay blocking.
  const hold = ['in', 'out', 'err'].map((name) => openSync(`${folder}/${name}`, O_RDWR | O_NONBLOCK));
  const [stdin, stdout, stderr] = [
    openSync(`${folder}/in`, O_RDONLY),
    openSync(`${folder}/out`, O_WRONLY),
    openSync(`${folder}/err`, O_WRONLY),
  ];
  const input = new Socket({ fd: openSync(`${folder}/in`, O_WRONLY | O_NONBLOCK), readable: false, writable: true });
  const reader = (name: string): Socket =>
    new Socket({ fd: openSync(`${folder}/${name}`, O_RDONLY | O_NONBLOCK), readable: true, writable: false });
  const [output, errors] = [reader('out'), reader('err')];
  return {
    stdin,
    stdout,
    stderr,
    input,
    output,
    errors,
    handOver: () => {
      for (const fd of [...hold, stdin, stdout, stderr]) closeSync(fd);
    },
    close: async () => {
      for (const end of [input, output, errors]) end.destroy();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
