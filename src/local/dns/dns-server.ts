import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { MizzenError } from '../../base/error.ts';
import { createAnswering, type AnsweringOptions } from './answering.ts';
import { serveTcpMessages } from './tcp-messages.ts';

/** What a server needs. */
export interface DnsServerOptions extends AnsweringOptions {
  readonly address: string;
  /** Default 53; 0 takes any free one. */
  readonly port?: number;
}

/** A running server. */
export interface DnsServer {
  readonly port: number;
  close(): Promise<void>;
}

const maxConnections = 500;
const idleMs = 10_000;

/** Answers DNS over UDP and TCP. Rejects with `address-in-use` if it cannot listen. */
export async function startDnsServer(options: DnsServerOptions): Promise<DnsServer> {
  const answer = createAnswering(options);
  const connections = new Set<Socket>();
  const tcp = createServer({ allowHalfOpen: true }, (socket) => {
    connections.add(socket);
    socket.on('close', () => connections.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.on('end', () => socket.end());
    socket.setTimeout(idleMs, () => socket.destroy());
    serveTcpMessages(socket, (message) => answer(message, 'tcp'));
  });
  tcp.maxConnections = maxConnections;
  const udp = createSocket('udp4');
  let open = true;
  udp.on('message', (bytes, from) => {
    void answer(bytes, 'udp').then((response) => {
      // A client that is gone is no trouble of ours, and neither is a socket that was closed meanwhile.
      if (response !== undefined && open) udp.send(response, from.port, from.address, () => undefined);
    });
  });
  const port = await listenBoth(tcp, udp, options);
  return {
    port,
    async close() {
      open = false;
      const ended = Promise.all([once(tcp, 'close'), once(udp, 'close')]);
      tcp.close();
      udp.close();
      for (const socket of connections) socket.destroy();
      await ended;
    },
  };
}

/** Listens on the same port with both; a port that was asked for has to be had. */
async function listenBoth(tcp: Server, udp: UdpSocket, { address, port = 53 }: DnsServerOptions): Promise<number> {
  try {
    tcp.listen(port, address);
    await once(tcp, 'listening');
    const bound = tcp.address();
    const taken = typeof bound === 'object' && bound !== null ? bound.port : port;
    udp.bind(taken, address);
    await once(udp, 'listening');
    return taken;
  } catch (error) {
    tcp.close();
    udp.close();
    throw new MizzenError('address-in-use', `DNS cannot listen on ${address}:${port}`, { cause: error });
  }
}
