import { recordTypes, responseCodes, type DnsRecord } from './message.ts';

/** What a resolver outside said. */
export interface ForeignAnswer {
  readonly code: number;
  /** Addresses and aliases; other records are left out. */
  readonly records: readonly DnsRecord[];
}

const maxRecords = 200;

/** A query for a name, recursion desired. */
export function encodeQuery(id: number, name: string, type: number): Uint8Array {
  const labels = name.split('.').map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`, 'latin1'));
  const header = Buffer.of(id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0);
  return Buffer.concat([header, ...labels, Buffer.of(0, type >> 8, type & 255, 0, 1)]);
}

/** Reads a response to the query with this id; undefined if it is none. Never throws, whatever the bytes. */
export function readAnswers(bytes: Uint8Array, id: number): ForeignAnswer | undefined {
  if (bytes.length < 12) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint16(0) !== id || (view.getUint16(2) & 0x8000) === 0) return undefined;
  const code = view.getUint16(2) & 15;
  let at = 12;
  for (let i = view.getUint16(4); i > 0; i--) {
    const question = expandName(bytes, at);
    if (question === undefined) return undefined;
    at = question.end + 4;
  }
  const records: DnsRecord[] = [];
  for (let i = Math.min(view.getUint16(6), maxRecords); i > 0; i--) {
    const name = expandName(bytes, at);
    if (name === undefined || name.end + 10 > bytes.length) return undefined;
    const length = view.getUint16(name.end + 8);
    at = name.end + 10 + length;
    if (at > bytes.length) return undefined;
    const record = recordAt(bytes, { name: name.text, type: view.getUint16(name.end), start: name.end + 10, length });
    if (record !== undefined) records.push(record);
  }
  return { code: code <= responseCodes.refused ? code : responseCodes.serverFailure, records };
}

function recordAt(
  bytes: Uint8Array,
  { name, type, start, length }: { name: string; type: number; start: number; length: number },
): DnsRecord | undefined {
  const content = bytes.subarray(start, start + length);
  if (type === recordTypes.A && length === 4) return { type: 'A', name, address: content.join('.') };
  if (type === recordTypes.AAAA && length === 16) {
    const words = Array.from({ length: 8 }, (_, i) =>
      (((content[i * 2] ?? 0) << 8) | (content[i * 2 + 1] ?? 0)).toString(16),
    );
    return { type: 'AAAA', name, address: words.join(':') };
  }
  const target = type === recordTypes.CNAME ? expandName(bytes, start) : undefined;
  return target === undefined ? undefined : { type: 'CNAME', name, target: target.text };
}

/** A name that may point backwards; each pointer must go further back, so it ends. */
function expandName(bytes: Uint8Array, start: number): { readonly text: string; readonly end: number } | undefined {
  const labels: string[] = [];
  let at = start;
  let end: number | undefined;
  let limit = start;
  for (let size = 0; size <= 255;) {
    const length = bytes[at];
    if (length === undefined) return undefined;
    if (length === 0) return { text: labels.join('.').toLowerCase(), end: end ?? at + 1 };
    if (length >= 0xc0) {
      const target = ((length & 63) << 8) | (bytes[at + 1] ?? 0);
      end ??= at + 2;
      if (target >= limit) return undefined;
      limit = target;
      at = target;
    } else {
      const label = bytes.subarray(at + 1, at + 1 + length);
      if (length > 63 || label.length < length || label.some((byte) => byte <= 0x20 || byte > 0x7e || byte === 0x2e))
        return undefined;
      labels.push(String.fromCharCode(...label));
      at += length + 1;
      size += length + 1;
    }
  }
  return undefined;
}
