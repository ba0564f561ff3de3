/**
 * Runs `work` while the folder `path` exists as a lock of this process. Waits for another holder, after calling
 * `onWait` once, and fails after 10 minutes; a lock whose holder is dead is taken over.
 */
export function withLock<T>(path: string, work: () => T, onWait: () => void): T;
