/** Looks again and again, one look at a time: soon after something happened, or when the last look asked for it. */
export interface LookLoop {
  /** Begins with a look at once. A look returns after how many milliseconds to look again at the latest. */
  start(look: () => Promise<number | undefined>): void;
  /** Something happened. */
  soon(): void;
  stopped(): boolean;
  /** Resolves when no look runs any more. */
  stop(): Promise<void>;
}

/** A look follows an event when all was quiet for `quietMs`, or `maxWaitMs` after the first event at the latest. */
export function createLookLoop(quietMs: number, maxWaitMs: number): LookLoop {
  let look: (() => Promise<number | undefined>) | undefined;
  let running: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let firstEventMs: number | undefined;
  let ended = false;

  const run = (): void => {
    clearTimeout(timer);
    firstEventMs = undefined;
    running = Promise.resolve(look?.()).then((againMs) => {
      running = undefined;
      if (ended) return;
      if (firstEventMs !== undefined) after(quietMs);
      else if (againMs !== undefined && Number.isFinite(againMs)) after(againMs);
    });
  };
  const after = (delayMs: number): void => {
    clearTimeout(timer);
    timer = setTimeout(run, delayMs);
  };

  return {
    start(given) {
      look = given;
      run();
    },
    soon() {
      if (ended || look === undefined) return;
      firstEventMs ??= Date.now();
      if (running === undefined) after(Math.max(0, Math.min(quietMs, firstEventMs + maxWaitMs - Date.now())));
    },
    stopped: () => ended,
    async stop() {
      ended = true;
      clearTimeout(timer);
      await running;
    },
  };
}
