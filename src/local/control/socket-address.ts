import { closeSync, constants, openSync } from 'node:fs';
import { basename, dirname } from 'node:path';

/** A path that the kernel takes as a Unix socket's address, until it is released. */
export interface SocketAddress {
  readonly path: string;
  release(): void;
}

/** The kernel takes 107 bytes (unix(7)); a little less leaves room for what a tool may add. */
const longestBytes = 100;

/**
 * The address of a socket file. A path that is too long for an address goes through an open descriptor of its folder.
 * Throws what `open` throws if the folder is not there.
 */
export function socketAddress(path: string): SocketAddress {
  if (Buffer.byteLength(path) <= longestBytes) return { path, release: () => undefined };
  const folder = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  let open = true;
  return {
    path: `/proc/self/fd/${folder}/${basename(path)}`,
    release() {
      if (open) closeSync(folder);
      open = false;
    },
  };
}
