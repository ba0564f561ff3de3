/** Runs `work` while the folder `path` exists as a lock of this process; waits for another holder up to 10 minutes. */
export function withLock<T>(path: string, work: () => T): T;
