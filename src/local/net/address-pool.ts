import { MizzenError } from '../../base/error.ts';

/** Addresses of one range of 65,534, handed out in turn so that a released one comes back as late as possible. */
export interface AddressPool {
  /** The next free address; throws `addresses-exhausted`. */
  take(): string;
  /** Gives an address back; one that is not taken is left alone. */
  release(address: string): void;
  /** How many are taken. */
  readonly taken: () => number;
}

/** A pool over `PREFIX.0.0/16`; the first address is the gateway's and is never handed out. */
export function createAddressPool(prefix: string): AddressPool {
  const firstIndex = 2;
  const lastIndex = 65_534;
  const used = new Set<number>();
  let cursor = firstIndex;

  function take(): string {
    for (let tried = firstIndex; tried <= lastIndex; tried += 1) {
      const index = cursor;
      cursor = cursor === lastIndex ? firstIndex : cursor + 1;
      if (!used.has(index)) {
        used.add(index);
        return `${prefix}.${String(index >> 8)}.${String(index & 255)}`;
      }
    }
    throw new MizzenError(
      'addresses-exhausted',
      `all ${String(lastIndex - firstIndex + 1)} pod addresses of ${prefix}.0.0/16 are taken`,
    );
  }

  function release(address: string): void {
    const parts = address.split('.').map(Number);
    used.delete(((parts[2] ?? 0) << 8) | (parts[3] ?? 0));
  }

  return { take, release, taken: () => used.size };
}
