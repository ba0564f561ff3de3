import { isIP } from 'node:net';
import { MizzenError } from '../../base/error.ts';
import type { Place } from './dial.ts';

/** A name outside the mesh that leads to a stand-in on this machine. */
export interface OutsideEntry {
  /** `httpbin.org`. */
  readonly host: string;
  readonly port: number;
  /** `HOST:PORT` or the path of a Unix socket. */
  readonly to: string;
}

/** Names with an address of their own in 240.241.0.0/16, which nobody else has. */
export interface OutsideHosts {
  /** The reserved address of a name; undefined for a name that is not one of these. */
  addressOf(name: string): string | undefined;
  /** Where a reserved address leads; undefined if the address is reserved but this port leads nowhere. */
  placeOf(address: string, port: number): Place | undefined;
}

/** Whether an address is one of those that stand for names here. */
export function isReservedAddress(address: string): boolean {
  return address.startsWith('240.241.');
}

/** Addresses are given in the order of the names. Throws `outside-invalid`. */
export function createOutsideHosts(entries: readonly OutsideEntry[]): OutsideHosts {
  const addresses = new Map<string, string>();
  const places = new Map<string, Place>();
  for (const { host, port, to } of entries) {
    const name = host.toLowerCase().replace(/\.$/u, '');
    const index = addresses.size + 1;
    if (index > 65_000) throw new MizzenError('outside-invalid', 'there are too many outside names');
    const address = addresses.get(name) ?? `240.241.${index >> 8}.${index & 255}`;
    addresses.set(name, address);
    places.set(`${address}:${port}`, placeFrom(to));
  }
  return {
    addressOf: (name) => addresses.get(name.toLowerCase()),
    placeOf: (address, port) => places.get(`${address}:${port}`),
  };
}

function placeFrom(to: string): Place {
  if (to.startsWith('/')) return { kind: 'unix', path: to };
  const at = to.lastIndexOf(':');
  const [host, port] = [to.slice(0, at).replaceAll(/[[\]]/gu, ''), Number(to.slice(at + 1))];
  if (at > 0 && isIP(host) !== 0 && Number.isInteger(port) && port > 0 && port < 65_536)
    return { kind: 'tcp', host, port };
  throw new MizzenError('outside-invalid', `${to} is no place to lead to`, {
    fix: 'write IP:PORT or the path of a Unix socket',
  });
}
