import { createHash } from 'node:crypto';

/** Gives services their addresses in 10.96.0.0/16. */
export interface ClusterIps {
  /** The address of a service (`namespace/name`): the wanted one if it is free, else one that follows from the name. Undefined if `wanted` cannot be had or all are taken. */
  assign(service: string, wanted?: string): string | undefined;
  release(service: string): void;
}

const prefix = '10.96.';
const size = 65_536;

/**
 * An address follows from the hash of the service's name, and from the next free one where two names meet, so that a mesh
 * that is started anew has the same addresses.
 */
export function createClusterIps(): ClusterIps {
  const byService = new Map<string, string>();
  const holders = new Map<string, string>();
  const take = (service: string, address: string): string => {
    byService.set(service, address);
    holders.set(address, service);
    return address;
  };
  const release = (service: string): void => {
    holders.delete(byService.get(service) ?? '');
    byService.delete(service);
  };
  return {
    release,
    assign(service, wanted) {
      const present = byService.get(service);
      if (present !== undefined && (wanted === undefined || wanted === present)) return present;
      if (wanted !== undefined) {
        if (!isServiceAddress(wanted) || holders.has(wanted)) return undefined;
        release(service);
        return take(service, wanted);
      }
      const start = createHash('sha256').update(service).digest().readUInt16BE(0);
      for (let i = 0; i < size; i++) {
        const index = (start + i) % size;
        const address = `${prefix}${index >> 8}.${index & 255}`;
        if (isServiceAddress(address) && !holders.has(address)) return take(service, address);
      }
      return undefined;
    },
  };
}

/** An address that a service may have: not the first and last few, which clusters give a meaning (the API server's, DNS). */
function isServiceAddress(address: string): boolean {
  const match = /^10\.96\.(\d{1,3})\.(\d{1,3})$/u.exec(address);
  const [third, fourth] = [Number(match?.[1] ?? 256), Number(match?.[2] ?? 256)];
  const index = third * 256 + fourth;
  return third < 256 && fourth < 256 && `${prefix}${third}.${fourth}` === address && index > 15 && index < size - 1;
}
