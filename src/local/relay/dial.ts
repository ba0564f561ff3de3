import { connect, type Socket } from 'node:net';
import { abort, splice } from './splice.ts';

/** A place to connect to. */
export type Place =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

const connectTimeoutMs = 10_000;

/** Connects a connection that was accepted (and is paused) to a place, and joins the two; it is aborted if that fails. */
export function dialAndJoin(accepted: Socket, place: Place): void {
  const where = place.kind === 'tcp' ? { host: place.host, port: place.port } : { path: place.path };
  const dialed = connect({
    ...where,
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
  });
  const timer = setTimeout(() => dialed.destroy(new Error('nobody answers')), connectTimeoutMs);
  const fail = (): void => {
    clearTimeout(timer);
    abort(accepted);
  };
  const gone = (): void => {
    clearTimeout(timer);
    dialed.destroy();
  };
  dialed.on('error', fail);
  accepted.on('close', gone);
  dialed.on('connect', () => {
    clearTimeout(timer);
    dialed.off('error', fail);
    accepted.off('close', gone);
    splice(accepted, dialed);
  });
}
