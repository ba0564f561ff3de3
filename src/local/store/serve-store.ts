import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { MizzenError } from '../../base/error.ts';
import { heartbeatMs, type WatchLine } from '../../sources/watch-line.ts';
import type { Store } from './store.ts';

/** How a store is served. */
export interface ServeStoreOptions {
  /** Path of the Unix socket; it must be in a folder that applications cannot see, for Secrets go out on it. */
  readonly socketPath: string;
  /** Answers a token review (a Kubernetes TokenReview in, one with a status out). */
  readonly reviewToken: (review: unknown) => Promise<unknown>;
  /** Default 2,000. */
  readonly heartbeatMs?: number;
}

/** A reader that is this far behind is cut off, and begins anew when it comes back. */
const maxBehindBytes = 64 * 1024 * 1024;
const maxRequestBytes = 64 * 1024;

/**
 * Serves a store over HTTP on a Unix socket: `GET /watch` gives JSON lines without end, `POST /tokenreview` an answer.
 * Whoever reads may be killed and come back at any time. Returns what ends it; rejects if the socket cannot be made.
 */
export async function serveStore(store: Store, options: ServeStoreOptions): Promise<{ close(): Promise<void> }> {
  const server = createServer((request, response) => {
    void answer(request, response).catch(() => response.destroy());
  });
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method === 'GET' && request.url === '/watch')
      return watch(store, response, options.heartbeatMs ?? heartbeatMs);
    if (request.method !== 'POST' || request.url !== '/tokenreview')
      return reply(response, 404, { message: 'not found' });
    const review = await readJson(request);
    return review === undefined
      ? reply(response, 400, { message: 'not a token review' })
      : reply(response, 200, await options.reviewToken(review));
  };
  await rm(options.socketPath, { force: true });
  server.listen(options.socketPath);
  try {
    await once(server, 'listening');
  } catch (error) {
    throw new MizzenError('socket-failed', `the socket ${options.socketPath} cannot be made`, { cause: error });
  }
  return {
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function watch(store: Store, response: ServerResponse, everyMs: number): void {
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  let waiting: string[] = [];
  const flush = (): void => {
    const text = waiting.join('');
    waiting = [];
    if (!response.destroyed) response.write(`${text}${lineOf({ type: 'TURN' })}`);
    if (response.writableLength > maxBehindBytes) response.destroy();
  };
  const send = (line: WatchLine): void => {
    if (waiting.length === 0) setImmediate(flush);
    waiting.push(lineOf(line));
  };
  const end = store.watch(send);
  const timer = setInterval(() => send({ type: 'HEARTBEAT' }), everyMs);
  response.on('close', () => {
    clearInterval(timer);
    end();
  });
}

function lineOf(line: WatchLine): string {
  return `${JSON.stringify(line)}\n`;
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxRequestBytes) return undefined;
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}
