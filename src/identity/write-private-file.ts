import { open } from 'node:fs/promises';

/**
 * Writes a new file and makes sure that it is on the disk before anything refers to it. The mode holds from the first
 * moment, whatever the umask. Fails with node's `EEXIST` if there is such a file: a key is never written over.
 */
export async function writePrivateFile(path: string, text: string, mode: 0o600 | 0o644 = 0o600): Promise<void> {
  const file = await open(path, 'wx', mode);
  try {
    await file.chmod(mode);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}
