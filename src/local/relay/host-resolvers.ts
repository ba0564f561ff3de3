import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { readFile } from 'node:fs/promises';
import { connect, isIP, isIPv6 } from 'node:net';
import { MizzenError } from '../../base/error.ts';
import { framed } from '../dns/tcp-messages.ts';

/** A resolver's address. */
export interface ResolverAddress {
  readonly host: string;
  readonly port: number;
}

const attemptMs = 2000;
const maxResolvers = 3;

/** The resolvers that a resolv.conf(5) names, three at most, as libc takes them; none named means this machine. */
export function parseResolvConf(text: string): readonly ResolverAddress[] {
  const hosts = text.split('\n').flatMap((line) => /^\s*nameserver\s+([^\s#;%]+)/u.exec(line)?.[1] ?? []);
  const valid = hosts.filter((host) => isIP(host) !== 0).slice(0, maxResolvers);
  return (valid.length === 0 ? ['127.0.0.1'] : valid).map((host) => ({ host, port: 53 }));
}

/** The host's resolvers as they are now: they change with the network. */
export async function readHostResolvers(path = '/etc/resolv.conf'): Promise<readonly ResolverAddress[]> {
  try {
    return parseResolvConf(await readFile(path, 'utf8'));
  } catch (error) {
    throw new MizzenError('no-resolvers', `${path} cannot be read`, { cause: error });
  }
}

/**
 * Asks resolvers in turn, over UDP and, where the answer was cut, over TCP; the first answer counts, whatever it says but
 * a failure of the server. Each attempt has an id and a port of its own. Rejects with `dns-unanswered`.
 */
export async function resolveOutside(query: Uint8Array, resolvers: readonly ResolverAddress[]): Promise<Uint8Array> {
  let last: Uint8Array | undefined;
  let cause: unknown;
  for (const resolver of resolvers) {
    try {
      const sent = withId(query, randomInt(65_536));
      const first = await askUdp(sent, resolver);
      const whole = isCut(first) ? await askTcp(sent, resolver) : first;
      last = withId(whole, Buffer.from(query).readUInt16BE(0));
      if (((last[3] ?? 0) & 15) !== 2) return last;
    } catch (error) {
      cause = error;
    }
  }
  if (last !== undefined) return last;
  throw new MizzenError('dns-unanswered', 'none of the resolvers of this machine answers', { cause });
}

function isCut(message: Uint8Array): boolean {
  return ((message[2] ?? 0) & 0x02) !== 0;
}

function withId(message: Uint8Array, id: number): Uint8Array {
  const copy = Buffer.from(message);
  copy.writeUInt16BE(id, 0);
  return copy;
}

/** Whether a message answers the query: the same id, a response, and the same question, whatever its letters' case. */
function answers(message: Uint8Array, query: Uint8Array): boolean {
  const [response, asked] = [Buffer.from(message), Buffer.from(query)];
  if (response.length < 12 || response.readUInt16BE(0) !== asked.readUInt16BE(0) || (response[2] ?? 0) < 0x80)
    return false;
  const end = asked.indexOf(0, 12) + 5;
  const question = (bytes: Buffer): string => bytes.toString('latin1', 12, end).toLowerCase();
  return response.readUInt16BE(4) === 0 || question(response) === question(asked);
}

function askUdp(query: Uint8Array, { host, port }: ResolverAddress): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    const end = (finish: () => void): void => {
      clearTimeout(timer);
      socket.close();
      finish();
    };
    const timer = setTimeout(() => end(() => reject(new Error(`${host} does not answer`))), attemptMs);
    socket.on('error', (error) => end(() => reject(error)));
    socket.on('message', (message) => {
      if (answers(message, query)) end(() => resolve(message));
    });
    // Connected, so that only this resolver's datagrams come in and a refusal is heard of.
    socket.connect(port, host, () => socket.send(query));
  });
}

function askTcp(query: Uint8Array, { host, port }: ResolverAddress): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    let read: Buffer = Buffer.alloc(0);
    socket.setTimeout(attemptMs, () => socket.destroy(new Error(`${host} does not answer`)));
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`${host} closed the connection`)));
    socket.on('data', (chunk: Buffer) => {
      read = Buffer.concat([read, chunk]);
      if (read.length < 2 || read.length < 2 + read.readUInt16BE(0)) return;
      const message = read.subarray(2, 2 + read.readUInt16BE(0));
      socket.destroy();
      if (answers(message, query)) resolve(message);
      else reject(new Error(`${host} answers something else`));
    });
    socket.write(framed(query));
  });
}
