/** DNS messages (RFC 1035), as far as a resolver of a mesh needs them; everything that is read is bounded. */

/** Record types that are known by name. */
export const recordTypes = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  ANY: 255,
} as const;

/** Response codes. */
export const responseCodes = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  nameError: 3,
  notImplemented: 4,
  refused: 5,
} as const;

/** The question of a query. */
export interface DnsQuery {
  readonly id: number;
  readonly recursionDesired: boolean;
  /** Lower-case, without a dot at the end. */
  readonly name: string;
  readonly type: number;
  /** The question as it came, for the response has to repeat it as it was written. */
  readonly question: Uint8Array;
  /** Largest UDP response that the client takes: 512 unless it says more (RFC 6891). */
  readonly maxUdpBytes: number;
}

/** A query, or the response code that answers what is none; `ignore` for what gets no answer at all (a response, a stump). */
export type DecodedQuery =
  | { readonly kind: 'query'; readonly query: DnsQuery }
  | { readonly kind: 'bad'; readonly id: number; readonly code: number }
  | { readonly kind: 'ignore' };

/** One answer. */
export type DnsRecord =
  | { readonly type: 'A' | 'AAAA'; readonly name: string; readonly address: string }
  | { readonly type: 'CNAME' | 'PTR'; readonly name: string; readonly target: string }
  | { readonly type: 'SRV'; readonly name: string; readonly target: string; readonly port: number };

/** What is answered. */
export interface DnsAnswer {
  readonly code: number;
  readonly answers: readonly DnsRecord[];
  /** Zone whose SOA says how long a negative answer counts; absent for none. */
  readonly zone?: string;
}

/** How long an answer counts, in seconds: as in a cluster (CoreDNS's `ttl 5` of old, short enough for what moves). */
export const ttlSeconds = 5;
/** Longest message over TCP. */
export const maxMessageBytes = 65_535;
/** Most UDP bytes that are sent, whatever the client takes: larger datagrams are cut up by networks. */
const maxUdpBytes = 1232;
const headerBytes = 12;

/** Reads a query. Never throws, whatever the bytes. */
export function decodeQuery(bytes: Uint8Array): DecodedQuery {
  if (bytes.length < headerBytes || bytes.length > maxMessageBytes) return { kind: 'ignore' };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const id = view.getUint16(0);
  const flags = view.getUint16(2);
  if ((flags & 0x8000) !== 0) return { kind: 'ignore' };
  if (((flags >> 11) & 15) !== 0) return { kind: 'bad', id, code: responseCodes.notImplemented };
  const name = view.getUint16(4) === 1 ? readName(bytes, headerBytes) : undefined;
  if (name === undefined || name.end + 4 > bytes.length) return { kind: 'bad', id, code: responseCodes.formatError };
  if (view.getUint16(name.end + 2) !== 1) return { kind: 'bad', id, code: responseCodes.refused };
  const query: DnsQuery = {
    id,
    recursionDesired: (flags & 0x0100) !== 0,
    name: name.text.toLowerCase(),
    type: view.getUint16(name.end),
    question: bytes.subarray(headerBytes, name.end + 4),
    maxUdpBytes: udpBytes(view, name.end + 4),
  };
  return { kind: 'query', query };
}

/** A name without compression, as questions have it; undefined if it is none, or holds anything but printable ASCII. */
function readName(bytes: Uint8Array, start: number): { readonly text: string; readonly end: number } | undefined {
  const labels: string[] = [];
  let at = start;
  for (;;) {
    const length = bytes[at];
    if (length === undefined || length > 63 || at - start > 254) return undefined;
    if (length === 0) return { text: labels.join('.'), end: at + 1 };
    const label = bytes.subarray(at + 1, at + 1 + length);
    if (label.length < length || label.some((byte) => byte <= 0x20 || byte > 0x7e || byte === 0x2e)) return undefined;
    labels.push(String.fromCharCode(...label));
    at += length + 1;
  }
}

/** The client's EDNS size, where the record right behind the question is an OPT (which it is for every known client). */
function udpBytes(view: DataView, at: number): number {
  const plain = view.getUint16(6) === 0 && view.getUint16(8) === 0 && view.getUint16(10) > 0;
  if (!plain || view.byteLength < at + 11) return 512;
  const isOpt = view.getUint8(at) === 0 && view.getUint16(at + 1) === recordTypes.OPT;
  return isOpt ? Math.min(Math.max(view.getUint16(at + 3), 512), maxUdpBytes) : 512;
}

/** The bytes of a response. Records that do not fit into `maxBytes` are left out and the response is marked as cut. */
export function encodeResponse(query: DnsQuery, answer: DnsAnswer, maxBytes: number): Uint8Array {
  const room = Math.min(maxBytes, maxMessageBytes) - headerBytes - query.question.length;
  const records: Uint8Array[] = [];
  let used = 0;
  let cut = false;
  for (const record of answer.answers) {
    const bytes = encodeRecord(record);
    if (used + bytes.length > room) {
      cut = true;
      break;
    }
    records.push(bytes);
    used += bytes.length;
  }
  const soa = answer.zone === undefined || answer.answers.length > 0 ? undefined : soaRecord(answer.zone);
  const authority = soa !== undefined && soa.length <= room ? [soa] : [];
  const flags = 0x8480 | (cut ? 0x0200 : 0) | (query.recursionDesired ? 0x0100 : 0) | answer.code;
  const header = shorts(query.id, flags, 1, records.length, authority.length, 0);
  return Buffer.concat([header, query.question, ...records, ...authority]);
}

/** A response without a question, for what could not be read. */
export function encodeFailure(id: number, code: number): Uint8Array {
  return shorts(id, 0x8080 | code, 0, 0, 0, 0);
}

/** The response that nothing but a failure can be told about. */
export function encodeFailureOf(query: DnsQuery, code: number): Uint8Array {
  return encodeResponse(query, { code, answers: [] }, 512);
}

function encodeRecord(record: DnsRecord): Uint8Array {
  const content = contentOf(record);
  const type = recordTypes[record.type];
  return Buffer.concat([nameBytes(record.name), shorts(type, 1, 0, ttlSeconds, content.length), content]);
}

function contentOf(record: DnsRecord): Uint8Array {
  switch (record.type) {
    case 'A':
      return Uint8Array.from(record.address.split('.').map(Number));
    case 'AAAA':
      return addressBytes(record.address);
    case 'CNAME':
    case 'PTR':
      return nameBytes(record.target);
    case 'SRV':
      // Priority 0; all the same weight.
      return Buffer.concat([shorts(0, 100, record.port), nameBytes(record.target)]);
  }
}

function soaRecord(zone: string): Uint8Array {
  const content = Buffer.concat([
    nameBytes(`ns.dns.${zone}`),
    nameBytes(`hostmaster.${zone}`),
    longs(1, 7200, 1800, 86_400, ttlSeconds),
  ]);
  return Buffer.concat([nameBytes(zone), shorts(recordTypes.SOA, 1, 0, ttlSeconds, content.length), content]);
}

function nameBytes(name: string): Uint8Array {
  const labels = name === '' ? [] : name.split('.');
  return Buffer.concat([
    ...labels.map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`, 'latin1')),
    Buffer.of(0),
  ]);
}

/** The 16 bytes of an IPv6 address in any of its written forms. */
export function addressBytes(address: string): Uint8Array {
  const [head = '', tail] = address.split('::');
  const words = (part: string): number[] => (part === '' ? [] : part.split(':').flatMap(wordsOf));
  const first = words(head);
  const last = tail === undefined ? [] : words(tail);
  const all = [...first, ...Array.from({ length: Math.max(0, 8 - first.length - last.length) }, () => 0), ...last];
  return shorts(...all.slice(0, 8));
}

function wordsOf(part: string): number[] {
  if (!part.includes('.')) return [Number.parseInt(part, 16)];
  const [a = 0, b = 0, c = 0, d = 0] = part.split('.').map(Number);
  return [a * 256 + b, c * 256 + d];
}

function shorts(...values: readonly number[]): Uint8Array {
  return Uint8Array.from(values.flatMap((value) => [(value >> 8) & 255, value & 255]));
}

function longs(...values: readonly number[]): Uint8Array {
  return Uint8Array.from(
    values.flatMap((value) => [value >>> 24, (value >> 16) & 255, (value >> 8) & 255, value & 255]),
  );
}
