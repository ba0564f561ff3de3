import type { Socket } from 'node:net';

/** A connection of which one direction has ended may be silent this long, Envoy's own time for idle TCP. */
const halfOpenIdleMs = 3_600_000;

/**
 * Joins two connections until both have ended: what comes on one goes out on the other no faster than it is taken, the end
 * of one direction leaves the other open, and an abort on one side is an abort on the other. Both must allow half-open.
 * A Unix socket cannot tell an abort from an end, so behind one an abort arrives as an end, and as an abort only to one who
 * still sends.
 */
export function splice(a: Socket, b: Socket): void {
  joinOneWay(a, b);
  joinOneWay(b, a);
}

function joinOneWay(from: Socket, to: Socket): void {
  let whole = false;
  from.on('end', () => {
    whole = true;
    to.setTimeout(halfOpenIdleMs, () => to.destroy());
  });
  from.pipe(to);
  from.on('error', () => abort(to));
  from.on('close', () => {
    if (!whole || !to.writableEnded) abort(to);
  });
}

/** Ends a connection so that the other side cannot take it for a regular end where the transport can tell. */
export function abort(socket: Socket): void {
  if (socket.destroyed) return;
  // A reset after the end was sent fails with EINVAL and leaves the connection open.
  if (socket.remoteFamily === undefined || socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

/** Ends connections that are open, and remembers new ones until then. */
export interface OpenSockets {
  add(socket: Socket): void;
  destroyAll(): void;
}

/** Keeps track of connections; their errors end them and nothing else. */
export function trackSockets(): OpenSockets {
  const open = new Set<Socket>();
  return {
    add(socket) {
      open.add(socket);
      socket.on('close', () => open.delete(socket));
      socket.on('error', () => socket.destroy());
    },
    destroyAll() {
      for (const socket of open) socket.destroy();
    },
  };
}
