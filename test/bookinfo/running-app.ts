/** One of Bookinfo's services as a process of its own on a free port of loopback. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { after } from 'node:test';

/** A started service. */
export interface RunningApp {
  readonly port: number;
  readonly url: string;
  /** All lines of standard output so far. */
  readonly lines: readonly string[];
  /** SIGTERM; resolves to the exit code. */
  stop(): Promise<number | null>;
}

const appsFolder = new URL('../../examples/bookinfo/apps/', import.meta.url);

/** Starts a service with nothing but the given environment and waits until it listens. */
export async function startApp(name: string, env: Readonly<Record<string, string>> = {}): Promise<RunningApp> {
  const path = new URL(`${name}.ts`, appsFolder).pathname;
  const child = spawn(process.execPath, [path, '0'], {
    env: { HOSTNAME: `${name}-pod`, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  const reader = createInterface(child.stdout);
  reader.on('line', (line) => lines.push(line));
  const exited = once(child, 'exit') as Promise<[number | null]>;
  const [first] = (await Promise.race([once(reader, 'line'), exited])) as [unknown];
  const port = Number(/"port":(\d+)/u.exec(String(first))?.[1]);
  if (!(port > 0)) throw new Error(`${name} did not start: ${String(first)}`);
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    lines,
    async stop() {
      child.kill('SIGTERM');
      return (await exited)[0];
    },
  };
}

/** A stand-in for a back end. */
export interface FakeBackend {
  readonly port: number;
  readonly requests: readonly {
    readonly path: string;
    readonly headers: IncomingHttpHeaders;
    readonly clientPort: number;
  }[];
  close(): void;
}

/** Serves on loopback and remembers what was asked. */
export async function startFake(
  answer: (incoming: IncomingMessage, outgoing: ServerResponse) => void,
): Promise<FakeBackend> {
  const requests: { path: string; headers: IncomingHttpHeaders; clientPort: number }[] = [];
  const server = createServer((incoming, outgoing) => {
    requests.push({ path: incoming.url ?? '', headers: incoming.headers, clientPort: incoming.socket.remotePort ?? 0 });
    answer(incoming, outgoing);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Answers with JSON, at once or after a while. */
export function jsonAnswer(value: unknown, options: { readonly status?: number; readonly afterMs?: number } = {}) {
  return (_incoming: IncomingMessage, outgoing: ServerResponse): void => {
    setTimeout(() => {
      outgoing.writeHead(options.status ?? 200, { 'content-type': 'application/json' });
      outgoing.end(JSON.stringify(value));
    }, options.afterMs ?? 0);
  };
}

/** Takes the request and never answers. */
export function hang(): void {
  // Nothing, which is the point.
}

/** Environment that points a service at back ends on loopback; port 1 is where nobody listens. */
export function backendsAt(ports: {
  readonly details?: number;
  readonly reviews?: number;
  readonly ratings?: number;
}): Record<string, string> {
  return Object.fromEntries(
    (['details', 'reviews', 'ratings'] as const).flatMap((name) => [
      [`${name.toUpperCase()}_HOSTNAME`, '127.0.0.1'],
      [`${name.toUpperCase()}_SERVICE_PORT`, String(ports[name] ?? 1)],
    ]),
  );
}

/** Starts services and stand-ins for a test file, and ends all of them after its last test. */
export function createBed(): {
  readonly app: typeof startApp;
  readonly fake: typeof startFake;
  readonly onEnd: (close: () => unknown) => void;
} {
  const closers: (() => unknown)[] = [];
  after(async () => {
    await Promise.all(closers.map((close) => close()));
  });
  return {
    async app(name, env) {
      const running = await startApp(name, env);
      closers.push(() => running.stop());
      return running;
    },
    async fake(answer) {
      const backend = await startFake(answer);
      closers.push(() => backend.close());
      return backend;
    },
    onEnd: (close) => void closers.push(close),
  };
}

/** What a request brought. */
export interface Got {
  readonly status: number;
  readonly body: string;
  readonly headers: Headers;
}

/** One request; redirects are answers, too. */
export async function get(url: string, init: RequestInit = {}): Promise<Got> {
  const response = await fetch(url, { redirect: 'manual', ...init });
  return { status: response.status, body: await response.text(), headers: response.headers };
}

/** Status and body of one request, to be compared at once. */
export async function statusAndBody(url: string, init?: RequestInit): Promise<readonly [number, string]> {
  const { status, body } = await get(url, init);
  return [status, body];
}

/** How often `part` occurs in `text`. */
export function countOf(text: string, part: string): number {
  return text.split(part).length - 1;
}

/** What reviews say when ratings are away. */
export const noRating = 'Ratings service is currently unavailable';

/** The details of the book as they come over the wire. */
export const bookJson =
  '{"id":0,"author":"William Shakespeare","year":1595,"type":"paperback","pages":200,"publisher":"PublisherA",' +
  '"language":"English","ISBN-10":"1234567890","ISBN-13":"123-1234567890"}';
