import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import { MizzenError } from '../../base/error.ts';
import { trackSockets } from './splice.ts';

/** Something that listens. */
export interface Listening {
  /** The TCP port; 0 for a Unix socket. */
  readonly port: number;
  /** Ends it and all its connections. */
  close(): Promise<void>;
}

/** Most connections of one listener; further ones are closed at once. */
const maxConnections = 10_000;

/** Listens on a Unix socket, in place of a stale one. Rejects with `socket-failed`. */
export async function listenUnix(socketPath: string, onConnection: (socket: Socket) => void): Promise<Listening> {
  await rm(socketPath, { force: true });
  return listen({ path: socketPath }, socketPath, onConnection);
}

/** Listens on a TCP port. Rejects with `socket-failed`, its cause with the system's code. */
export function listenTcp(host: string, port: number, onConnection: (socket: Socket) => void): Promise<Listening> {
  return listen({ host, port }, `${host}:${port}`, onConnection);
}

async function listen(where: ListenOptions, text: string, onConnection: (socket: Socket) => void): Promise<Listening> {
  const open = trackSockets();
  const server: Server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (socket) => {
    open.add(socket);
    onConnection(socket);
  });
  server.maxConnections = maxConnections;
  server.listen(where);
  try {
    await once(server, 'listening');
  } catch (error) {
    throw new MizzenError('socket-failed', `cannot listen on ${text}`, { cause: error });
  }
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    async close() {
      const closed = once(server, 'close');
      server.close();
      open.destroyAll();
      await closed;
    },
  };
}
