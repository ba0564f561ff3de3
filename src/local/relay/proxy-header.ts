import { isIPv4, isIPv6 } from 'node:net';

/** What the first bytes of a connection say about where it wants to go (PROXY protocol, haproxy's proxy-protocol.txt 3.1). */
export type ProxyHeader =
  /** Not whole yet. */
  | { readonly kind: 'more' }
  | { readonly kind: 'bad' }
  /** `length` bytes are the header, what follows is content. */
  | { readonly kind: 'header'; readonly host: string; readonly port: number; readonly length: number };

const signature = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]);
const bad: ProxyHeader = { kind: 'bad' };
const more: ProxyHeader = { kind: 'more' };
/** Longest first version, and longest second one that is read: room for what Envoy may add. */
const maxTextBytes = 107;
const maxBinaryBytes = 4096;

/** Reads either version. The destination is what is asked for; a header without addresses is bad here. */
export function parseProxyHeader(bytes: Uint8Array): ProxyHeader {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isBinary = head.subarray(0, signature.length).equals(signature.subarray(0, head.length));
  if (isBinary) return head.length < 16 ? more : parseBinary(head);
  const start = Buffer.from('PROXY ');
  if (!head.subarray(0, start.length).equals(start.subarray(0, head.length))) return bad;
  const end = head.subarray(0, maxTextBytes).indexOf('\r\n');
  if (end !== -1) return parseText(head.toString('latin1', 0, end), end + 2);
  return head.length < maxTextBytes ? more : bad;
}

function parseText(line: string, length: number): ProxyHeader {
  const [, family, , host = '', , portText = '', ...rest] = line.split(' ');
  const fits = family === 'TCP4' ? isIPv4(host) : family === 'TCP6' && isIPv6(host);
  const port = /^[1-9]\d{0,4}$/u.test(portText) ? Number(portText) : 0;
  return fits && rest.length === 0 && port > 0 && port < 65_536 ? { kind: 'header', host, port, length } : bad;
}

function parseBinary(head: Buffer): ProxyHeader {
  const size = head.readUInt16BE(14);
  const length = 16 + size;
  if (head[12] !== 0x21 || length > maxBinaryBytes) return bad;
  const addressBytes = head[13] === 0x11 ? 4 : head[13] === 0x21 ? 16 : 0;
  if (addressBytes === 0 || size < addressBytes * 2 + 4) return bad;
  if (head.length < length) return more;
  const address = head.subarray(16 + addressBytes, 16 + addressBytes * 2);
  const port = head.readUInt16BE(16 + addressBytes * 2 + 2);
  const host =
    addressBytes === 4
      ? address.join('.')
      : Array.from({ length: 8 }, (_, i) => address.readUInt16BE(i * 2).toString(16)).join(':');
  return port === 0 ? bad : { kind: 'header', host, port, length };
}
