/** How long to wait before a container is started again. */
export interface Backoff {
  /** After a run of this length: the first restart comes at once, later ones after base, 2 × base … up to the most. */
  nextMs(runMs: number): number;
}

/** Settings of a back-off, in milliseconds. */
export interface BackoffOptions {
  readonly baseMs: number;
  readonly mostMs: number;
  /** A run this long makes the next restart the first again. */
  readonly resetMs: number;
}

/** Kubernetes starts with 10 s; on one machine a second is enough. Kubernetes' own most and reset. */
export const defaultBackoff: BackoffOptions = { baseMs: 1000, mostMs: 300_000, resetMs: 600_000 };

export function createBackoff(options: BackoffOptions): Backoff {
  let restarts = 0;
  function nextMs(runMs: number): number {
    if (runMs >= options.resetMs) restarts = 0;
    restarts += 1;
    return restarts === 1 ? 0 : Math.min(options.mostMs, options.baseMs * 2 ** Math.min(restarts - 2, 30));
  }
  return { nextMs };
}
