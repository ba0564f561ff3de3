import {
  decodeQuery,
  encodeFailure,
  encodeFailureOf,
  encodeResponse,
  maxMessageBytes,
  responseCodes,
  type DnsAnswer,
  type DnsQuery,
  type DnsRecord,
} from './message.ts';
import { encodeQuery, readAnswers } from './forwarded.ts';
import type { Zone } from './zone.ts';

/** What answers are made from. */
export interface AnsweringOptions {
  /** The names of the mesh as they are now. */
  readonly zone: () => Zone;
  /** Asks a resolver outside; the whole message in, the whole response out. Rejects if nobody answers. */
  readonly forward: (query: Uint8Array) => Promise<Uint8Array>;
}

/** Answers one message; undefined for what gets no answer. Never rejects. */
export type Answering = (bytes: Uint8Array, over: 'udp' | 'tcp') => Promise<Uint8Array | undefined>;

/** Most queries that wait for an answer from outside; further ones fail at once, and the client asks again. */
const maxForwarded = 1000;
/** Most names of an alias's chain that lead from one to the next within the mesh. */
const maxAliases = 8;

/** The server without its sockets. */
export function createAnswering(options: AnsweringOptions): Answering {
  let waiting = 0;
  const forward = async (bytes: Uint8Array): Promise<Uint8Array | undefined> => {
    if (waiting >= maxForwarded) return undefined;
    waiting++;
    try {
      return await options.forward(bytes);
    } catch {
      // Whoever cannot be reached is told as a failure of the server, as every resolver does.
      return undefined;
    } finally {
      waiting--;
    }
  };

  return async (bytes, over) => {
    const decoded = decodeQuery(bytes);
    if (decoded.kind === 'ignore') return undefined;
    if (decoded.kind === 'bad') return encodeFailure(decoded.id, decoded.code);
    const { query } = decoded;
    const maxBytes = over === 'tcp' ? maxMessageBytes : query.maxUdpBytes;
    const found = options.zone().resolve(query.name, query.type);
    if (found.kind === 'answer') return encodeResponse(query, found.answer, maxBytes);
    if (found.kind === 'outside') return encodeResponse(query, await chase(options.zone(), query, forward), maxBytes);
    const response = await forward(bytes);
    if (response === undefined) return encodeFailureOf(query, responseCodes.serverFailure);
    return over === 'udp' && response.length > query.maxUdpBytes ? encodeCut(query) : response;
  };
}

/** A response with nothing but the mark that the whole one is to be had over TCP. */
function encodeCut(query: DnsQuery): Uint8Array {
  const response = encodeFailureOf(query, responseCodes.noError);
  response[2] = (response[2] ?? 0) | 0x02;
  return response;
}

/** Follows an ExternalName to its addresses, within the mesh and outside. */
async function chase(
  zone: Zone,
  query: DnsQuery,
  forward: (bytes: Uint8Array) => Promise<Uint8Array | undefined>,
): Promise<DnsAnswer> {
  const records: DnsRecord[] = [];
  let name = query.name;
  for (let i = 0; i < maxAliases; i++) {
    const found = zone.resolve(name, query.type);
    if (found.kind === 'answer') return { code: found.answer.code, answers: [...records, ...found.answer.answers] };
    if (found.kind === 'foreign') {
      const id = query.id;
      const response = await forward(encodeQuery(id, name, query.type));
      const foreign = response === undefined ? undefined : readAnswers(response, id);
      if (foreign === undefined) return { code: responseCodes.serverFailure, answers: [] };
      return { code: foreign.code, answers: [...records, ...foreign.records] };
    }
    records.push(...found.records);
    name = found.target;
  }
  return { code: responseCodes.serverFailure, answers: [] };
}
