import { BlockList, isIPv4, type Socket } from 'node:net';
import { dialAndJoin, type Place } from './dial.ts';
import { listenUnix, type Listening } from './listen.ts';
import { isReservedAddress, type OutsideHosts } from './outside-hosts.ts';
import { parseProxyHeader } from './proxy-header.ts';

/** What pods may reach outside. */
export interface EgressPolicy {
  /** The host's own loopback. Default false. */
  readonly allowLoopback?: boolean;
  /** Link-local addresses, the metadata services of clouds among them. Default false. */
  readonly allowLinkLocal?: boolean;
}

/** What a relay needs. */
export interface EgressRelayOptions {
  /** Unix socket that it takes connections on, each with a PROXY header of either version. */
  readonly socketPath: string;
  readonly policy: EgressPolicy;
  readonly hosts: OutsideHosts;
}

const headerTimeoutMs = 10_000;

/** Dials for pods: the destination of the PROXY header is connected to and joined. What is not allowed is closed. */
export function startEgressRelay(options: EgressRelayOptions): Promise<Listening> {
  const allowed = createEgressFilter(options.policy);
  return listenUnix(options.socketPath, (socket) => {
    readHeader(socket, ({ host, port }) => {
      const place = isReservedAddress(host)
        ? options.hosts.placeOf(host, port)
        : allowed(host)
          ? ({ kind: 'tcp', host, port } as const)
          : undefined;
      if (place === undefined) socket.destroy();
      else dialAndJoin(socket, place);
    });
  });
}

/** Whether an address may be dialed: never what has no single machine behind it, the host's own only where it is allowed. */
export function createEgressFilter(policy: EgressPolicy): (address: string) => boolean {
  const denied = new BlockList();
  denied.addSubnet('224.0.0.0', 3, 'ipv4');
  denied.addSubnet('ff00::', 8, 'ipv6');
  if (policy.allowLoopback !== true) {
    denied.addSubnet('127.0.0.0', 8, 'ipv4');
    denied.addSubnet('0.0.0.0', 8, 'ipv4');
    denied.addAddress('::1', 'ipv6');
    denied.addAddress('::', 'ipv6');
  }
  if (policy.allowLinkLocal !== true) {
    denied.addSubnet('169.254.0.0', 16, 'ipv4');
    denied.addSubnet('fe80::', 10, 'ipv6');
  }
  return (address) => !denied.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
}

function readHeader(socket: Socket, onHeader: (to: Extract<Place, { kind: 'tcp' }>) => void): void {
  let read: Buffer = Buffer.alloc(0);
  const timer = setTimeout(() => socket.destroy(), headerTimeoutMs);
  const onData = (chunk: Buffer): void => {
    read = Buffer.concat([read, chunk]);
    const header = parseProxyHeader(read);
    if (header.kind === 'more') return;
    finish();
    if (header.kind === 'bad') {
      socket.destroy();
      return;
    }
    socket.pause();
    if (read.length > header.length) socket.unshift(read.subarray(header.length));
    onHeader({ kind: 'tcp', host: header.host, port: header.port });
  };
  const onEnd = (): void => void socket.destroy();
  const finish = (): void => {
    clearTimeout(timer);
    socket.off('data', onData);
    socket.off('end', onEnd);
  };
  socket.on('data', onData);
  socket.on('end', onEnd);
  socket.on('close', () => clearTimeout(timer));
  socket.resume();
}
