/** What the four services of Bookinfo share: answering over HTTP, listening, and leaving when told to. */

import { createServer, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http';
import { hostname } from 'node:os';

/** What a service answers. */
export interface Answer {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: string | Uint8Array;
}

/** A request as the services look at it. */
export interface Request {
  readonly method: string;
  /** Path without the query, as it came. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  /** The body as text; at most 64 KB are taken. */
  readonly body: () => Promise<string>;
}

/** Name of this instance: in a pod, the pod's name. */
export const instance = process.env['HOSTNAME'] ?? hostname();

const largestBodyBytes = 65_536;
/** How long requests in flight may take once the service was told to stop. */
const graceMs = 5_000;

/** JSON with its keys in the order given. */
export function json(value: unknown, status = 200): Answer {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) };
}

/** Any text; plain unless told otherwise. */
export function text(body: string, status = 200, contentType = 'text/plain; charset=utf-8'): Answer {
  return { status, headers: { 'content-type': contentType }, body };
}

/** The answer to a path that no service knows. */
export function notFound(): Answer {
  return json({ error: 'not found' }, 404);
}

/** The number at the end of `/prefix/NUMBER`; undefined if what stands there is no whole number. */
export function idAfter(prefix: string, path: string): number | undefined {
  const rest = path.slice(prefix.length);
  return /^-?\d{1,15}$/u.test(rest) ? Number(rest) : undefined;
}

/**
 * Serves until SIGTERM or SIGINT and then exits with 0. The port is the first argument, 9080 without one. Listens on all
 * addresses of both families, or of IPv4 where the system has no other.
 */
export function serve(name: string, answer: (request: Request) => Answer | Promise<Answer>): void {
  const server = createServer((incoming, outgoing) => void respond(name, answer, incoming, outgoing));
  // Longer than the pause after which a proxy in front gives a connection up, so that it is the proxy that closes it.
  server.keepAliveTimeout = 75_000;
  const port = Number(process.argv[2] ?? '9080');
  server.once('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EAFNOSUPPORT' && error.code !== 'EADDRNOTAVAIL') throw error;
    server.listen(port, '0.0.0.0');
  });
  server.on('listening', () => console.log(`${name} ${instance} listens on ${JSON.stringify(server.address())}`));
  server.listen(port, '::');
  const stop = (): void => {
    server.close(() => process.exit(0));
    // A connection whose last request is answered only now becomes idle later than the first look.
    setInterval(() => server.closeIdleConnections(), 50);
    setTimeout(() => process.exit(0), graceMs);
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

async function respond(
  name: string,
  answer: (request: Request) => Answer | Promise<Answer>,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  let given: Answer;
  try {
    const url = new URL(`http://service${incoming.url ?? '/'}`);
    const body = (): Promise<string> => readBody(incoming);
    given = await answer({
      method: incoming.method ?? 'GET',
      path: url.pathname,
      query: url.searchParams,
      headers: incoming.headers,
      body,
    });
  } catch (error) {
    console.error(`${name}: ${incoming.method} ${incoming.url}:`, error);
    given = json({ error: 'internal error' }, 500);
  }
  incoming.resume();
  outgoing.writeHead(given.status, { ...given.headers, 'content-length': Buffer.byteLength(given.body) });
  outgoing.end(incoming.method === 'HEAD' ? undefined : given.body);
}

async function readBody(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes <= largestBodyBytes) chunks.push(chunk);
  }
  return sizeBytes <= largestBodyBytes ? Buffer.concat(chunks).toString('utf8') : '';
}
