/** The control plane's own state, read over a Unix socket by whoever may open it. */
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { Problem } from './problem.ts';

/** How one connected proxy stands. */
export interface ProxyReport {
  readonly pod: string;
  readonly namespace: string;
  readonly state: 'SYNCED' | 'STALE' | 'WARMING' | 'REJECTED';
  readonly reason: string;
  /** The newest generation that it has applied. */
  readonly generation: number;
  readonly connectedAtMs: number;
  /** When it last acknowledged a response, in Unix milliseconds with a fraction; 0 for never. */
  readonly ackedAtMs: number;
}

/** What the control plane says of itself. */
export interface ControlPlaneReport {
  readonly generation: number;
  readonly synced: boolean;
  readonly proxies: readonly ProxyReport[];
  readonly problems: readonly Problem[];
  readonly counters: Readonly<Record<string, number>>;
}

/** Serves `GET /status` and `GET /ready`. */
export async function serveStatus(socketPath: string, report: () => ControlPlaneReport): Promise<Server> {
  await rm(socketPath, { force: true });
  const server = createServer((request, response) => {
    const known = request.method === 'GET' && (request.url === '/status' || request.url === '/ready');
    const current = report();
    const ready = request.url === '/status' || current.synced;
    response.writeHead(known ? (ready ? 200 : 503) : 404, { 'content-type': 'application/json' });
    response.end(known ? JSON.stringify(request.url === '/status' ? current : { ready }) : '{"message":"not found"}');
  });
  server.listen(socketPath);
  await once(server, 'listening');
  return server;
}
