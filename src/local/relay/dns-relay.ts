import { connect, type Socket } from 'node:net';
import { MizzenError } from '../../base/error.ts';
import { decodeQuery, encodeResponse, maxMessageBytes, recordTypes, responseCodes } from '../dns/message.ts';
import { framed, serveTcpMessages } from '../dns/tcp-messages.ts';
import { listenUnix, type Listening } from './listen.ts';
import type { OutsideHosts } from './outside-hosts.ts';

/**
 * Answers DNS messages that come out of the mesh over a Unix socket (framed as over TCP): names with a stand-in from its
 * address, all others by `resolve`, which asks the host's resolvers.
 */
export function startDnsRelay(
  socketPath: string,
  hosts: OutsideHosts,
  resolve: (query: Uint8Array) => Promise<Uint8Array>,
): Promise<Listening> {
  const answer = async (message: Uint8Array): Promise<Uint8Array | undefined> => {
    const decoded = decodeQuery(message);
    if (decoded.kind !== 'query') return undefined;
    const { name, type } = decoded.query;
    const address = hosts.addressOf(name);
    if (address !== undefined) {
      const answers = type === recordTypes.A || type === recordTypes.ANY ? [{ type: 'A', name, address } as const] : [];
      return encodeResponse(decoded.query, { code: responseCodes.noError, answers }, maxMessageBytes);
    }
    try {
      return await resolve(message);
    } catch {
      // The one inside waits for an answer, and a failure is one.
      return encodeResponse(decoded.query, { code: responseCodes.serverFailure, answers: [] }, maxMessageBytes);
    }
  };
  return listenUnix(socketPath, (socket) => {
    socket.on('end', () => socket.end());
    serveTcpMessages(socket, answer);
    socket.resume();
  });
}

/** Longest wait for an answer from outside: the resolvers' own time-outs end before. */
const answerTimeoutMs = 8000;

/**
 * The end inside the mesh: asks the relay, on one connection for each query, since answers may come in another order.
 * Rejects with `dns-unanswered`.
 */
export function createDnsForward(socketPath: string): (query: Uint8Array) => Promise<Uint8Array> {
  return (query) =>
    new Promise((resolve, reject) => {
      const socket: Socket = connect({ path: socketPath });
      let read: Buffer = Buffer.alloc(0);
      const fail = (reason: string): void => {
        socket.destroy();
        reject(new MizzenError('dns-unanswered', `nobody outside answers: ${reason}`));
      };
      socket.setTimeout(answerTimeoutMs, () => fail('it took too long'));
      socket.on('error', (error) => fail(error.message));
      socket.on('close', () => fail('closed'));
      socket.on('data', (chunk: Buffer) => {
        read = Buffer.concat([read, chunk]);
        if (read.length < 2 || read.length < 2 + read.readUInt16BE(0)) return;
        resolve(read.subarray(2, 2 + read.readUInt16BE(0)));
        socket.destroy();
      });
      socket.write(framed(query));
    });
}
