import { once } from 'node:events';
import { chmod, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { MizzenError } from '../../base/error.ts';
import { errorJson } from './error-json.ts';
import { execProtocol } from './frames.ts';
import type { LogsRequest, MeshControl } from './protocol.ts';
import { serveExec } from './serve-exec.ts';
import { socketAddress } from './socket-address.ts';

/** A control socket that is being served. */
export interface ControlServer {
  /** Ends all connections and removes the socket. Resolves when both are done. */
  close(): Promise<void>;
}

/**
 * Serves a mesh on a Unix socket that its owner alone may open: `GET /status`, `/objects`, `/logs`, `POST /exec`
 * (upgraded), `POST /stop`. Whoever can open it can do everything, so the socket's mode is the whole authentication.
 * Throws `socket-failed`.
 */
export async function serveControl(control: MeshControl, socketPath: string): Promise<ControlServer> {
  const upgraded = new Set<Duplex>();
  const server = createServer((request, response) => {
    void answer(control, request, response).catch((error: unknown) => fail(response, error));
  });
  server.on('upgrade', (request, socket, head) => {
    upgraded.add(socket);
    socket.on('close', () => upgraded.delete(socket));
    if (request.method !== 'POST' || request.url !== '/exec' || request.headers.upgrade !== execProtocol) {
      socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
      return;
    }
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${execProtocol}\r\n\r\n`);
    void serveExec(socket, head, control);
  });
  await listen(server, socketPath);
  return {
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      for (const socket of upgraded) socket.destroy();
      await closed;
      await rm(socketPath, { force: true });
    },
  };
}

async function listen(server: Server, socketPath: string): Promise<void> {
  try {
    await rm(socketPath, { force: true });
    const address = socketAddress(socketPath);
    server.on('close', () => address.release());
    const listening = once(server, 'listening');
    // The socket file is made within `listen`; between that and a chmod it would be open to everybody.
    const before = process.umask(0o177);
    try {
      server.listen(address.path);
    } finally {
      process.umask(before);
    }
    await listening;
    await chmod(socketPath, 0o600);
  } catch (error) {
    throw new MizzenError('socket-failed', `the control socket ${socketPath} cannot be made`, { cause: error });
  }
}

async function answer(control: MeshControl, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://mesh');
  const asked = (name: string): string | undefined => url.searchParams.get(name) ?? undefined;
  switch (`${request.method} ${url.pathname}`) {
    case 'GET /status':
      return reply(response, 200, await control.status());
    case 'GET /objects': {
      const { kind, namespace, name } = { kind: asked('kind'), namespace: asked('namespace'), name: asked('name') };
      const found = await control.objects({
        ...(kind === undefined ? {} : { kind }),
        ...(namespace === undefined ? {} : { namespace }),
        ...(name === undefined ? {} : { name }),
      });
      const short = found.map(({ object, origin: { file, line } }) => ({ object, origin: { file, line } }));
      return reply(response, 200, short);
    }
    case 'GET /logs':
      return sendLogs(control, logsRequestOf(asked), response);
    case 'POST /stop':
      await control.stop();
      return reply(response, 202, {});
    default:
      return reply(response, 404, {
        code: 'not-found',
        message: `the mesh knows no ${request.method} ${url.pathname}`,
      });
  }
}

function logsRequestOf(asked: (name: string) => string | undefined): LogsRequest {
  const container = asked('container');
  const tail = Number(asked('tail') ?? Number.NaN);
  return {
    name: asked('name') ?? '',
    namespace: asked('namespace') ?? '',
    follow: asked('follow') === 'true',
    previous: asked('previous') === 'true',
    ...(container === undefined ? {} : { container }),
    ...(Number.isSafeInteger(tail) && tail >= 0 ? { tail } : {}),
  };
}

/** The head goes out with the first bytes, so that a pod that does not exist is an answer of its own. */
async function sendLogs(control: MeshControl, request: LogsRequest, response: ServerResponse): Promise<void> {
  const reader = new AbortController();
  response.on('close', () => reader.abort());
  const begin = (): void => {
    if (!response.headersSent)
      response.writeHead(200, { 'content-type': 'application/octet-stream', trailer: 'x-mizzen-error' });
  };
  try {
    for await (const chunk of control.logs({ ...request, signal: reader.signal })) {
      begin();
      if (reader.signal.aborted) return;
      if (!response.write(chunk)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
    }
  } catch (error) {
    if (!response.headersSent) throw error;
    response.addTrailers({ 'x-mizzen-error': encodeURIComponent(JSON.stringify(errorJson(error))) });
  }
  begin();
  response.end();
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

function fail(response: ServerResponse, error: unknown): void {
  if (response.headersSent) response.destroy();
  else reply(response, error instanceof MizzenError ? 400 : 500, errorJson(error));
}
