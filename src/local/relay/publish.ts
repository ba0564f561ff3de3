import { MizzenError } from '../../base/error.ts';
import { dialAndJoin, type Place } from './dial.ts';
import { listenTcp, listenUnix, type Listening } from './listen.ts';

/** A port of a gateway that people on this machine can call. */
export interface Publication {
  /** Address to listen on. Default 127.0.0.1. */
  readonly host?: string;
  /** The port that is wished for. */
  readonly port: number;
  /** How many further ports are tried where it is taken. Default 100; 0 insists. */
  readonly further?: number;
  /** Unix socket of a door. */
  readonly door: string;
}

/**
 * Publishes a door on a TCP port of this machine: the wished one or the next free one above it; where this user may not have
 * ports below 1024, one above 8000 (80 → 8080, 443 → 8443). Rejects with `port-in-use`.
 */
export async function publishPort(publication: Publication): Promise<Listening> {
  const { host = '127.0.0.1', port, further = 100, door } = publication;
  let first = port;
  for (let candidate = port; candidate <= Math.min(first + further, 65_535); candidate++) {
    try {
      return await listenTcp(host, candidate, (socket) => dialAndJoin(socket, { kind: 'unix', path: door }));
    } catch (error) {
      const code = systemCode(error);
      if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error;
      if (code === 'EACCES' && further === 0) break;
      if (code === 'EACCES') {
        first = candidate + 8000;
        candidate = first - 1;
      }
    }
  }
  const tried = further === 0 ? `port ${port} of ${host}` : `port ${port} of ${host}, or one near it,`;
  throw new MizzenError('port-in-use', `${tried} cannot be had`, {
    fix: 'end what listens there, or choose another port',
  });
}

function systemCode(error: unknown): string {
  const cause = error instanceof MizzenError ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause ? String(cause.code) : '';
}

/**
 * The other end of a publication, inside the mesh's network: a Unix socket whose connections go to the place that `target`
 * names at that moment (a ready pod of the gateway), or are aborted if there is none.
 */
export function openDoor(door: string, target: () => Place | undefined): Promise<Listening> {
  return listenUnix(door, (socket) => {
    const place = target();
    if (place === undefined) socket.destroy();
    else dialAndJoin(socket, place);
  });
}
