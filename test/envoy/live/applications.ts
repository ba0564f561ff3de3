/** Applications of the tests, on 127.0.0.1. */
import { once } from 'node:events';
import { createServer as createHttp, type IncomingMessage } from 'node:http';
import { constants, createServer as createHttp2 } from 'node:http2';
import { createServer as createTcp, type Server } from 'node:net';
import { createServer as createTls } from 'node:tls';
import type { IssuedCertificate } from '../../../src/identity/authority.ts';

/** An application with what it saw. */
export interface Application<T> {
  readonly port: number;
  readonly seen: T[];
  readonly stop: () => Promise<void>;
}

async function started<T>(server: Server, seen: T[], address = '127.0.0.1', port = 0): Promise<Application<T>> {
  const open = new Set<{ destroy(): void }>();
  server.on('connection', (socket) => {
    open.add(socket);
    socket.once('close', () => void open.delete(socket));
  });
  server.listen(port, address);
  await once(server, 'listening');
  const at = server.address();
  if (at === null || typeof at === 'string') throw new Error('no port');
  const stop = async (): Promise<void> => {
    for (const socket of open) socket.destroy();
    server.close();
    await once(server, 'close');
  };
  return { port: at.port, seen, stop };
}

/** Where an application listens; on 127.0.0.1 and a free port where nothing is said. */
export interface Place {
  readonly address: string;
  readonly port: number;
}

/** Answers with what it was asked; `/status/503` with that status; takes websockets. */
export async function httpApplication(place?: Place): Promise<Application<IncomingMessage>> {
  const seen: IncomingMessage[] = [];
  const server = createHttp((request, response) => {
    seen.push(request);
    const status = Number(/^\/status\/(?<status>\d+)/u.exec(request.url ?? '')?.groups?.['status'] ?? 200);
    const body = JSON.stringify({ url: request.url, headers: request.headers });
    response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length });
    response.end(body);
  });
  server.on('upgrade', (_, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\nhello');
    socket.end();
  });
  return started(server, seen, place?.address, place?.port);
}

/** An HTTP/2 server that refuses every stream before it looks at it. */
export async function refusingApplication(): Promise<Application<string>> {
  const seen: string[] = [];
  const server = createHttp2();
  server.on('stream', (stream) => {
    seen.push('stream');
    stream.on('error', () => undefined);
    stream.close(constants.NGHTTP2_REFUSED_STREAM);
  });
  return started(server, seen);
}

/** Gives back every byte. */
export async function echoApplication(): Promise<Application<string>> {
  return started(
    createTcp((socket) => {
      socket.on('error', () => undefined);
      socket.pipe(socket);
    }),
    [],
  );
}

/** What a client's TLS hello asked for. */
export interface Hello {
  readonly serverName: string;
  readonly protocols: readonly string[];
}

/** A TLS server with a certificate of the mesh that remembers hellos and answers every request with 200. */
export async function helloApplication(
  certificate: IssuedCertificate,
  trustBundlePem: string,
): Promise<Application<Hello>> {
  const seen: Hello[] = [];
  const server = createTls(
    {
      key: certificate.privateKeyPem.reveal(),
      cert: certificate.certificateChainPem,
      ca: trustBundlePem,
      requestCert: true,
      ALPNCallback: ({ servername: serverName, protocols }) => {
        seen.push({ serverName, protocols });
        return protocols.find((protocol) => protocol === 'http/1.1');
      },
    },
    (socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n'));
    },
  );
  return started(server, seen);
}
