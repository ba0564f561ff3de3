/** Lets a bounded number of streams write at once, so that a push to all does not fill memory with TLS records. */
export interface Pacer {
  /** Resolves when it is this writer's turn; call what it gives when done. A slow writer loses its turn after a while. */
  turn(): Promise<() => void>;
}

/** How long a writer may hold its turn, in milliseconds; a client that does not read must not delay the others. */
const longestTurnMs = 200;

/** A pacer with so many turns. */
export function createPacer(turns: number): Pacer {
  let free = turns;
  const waiting: (() => void)[] = [];
  const release = (): void => {
    const next = waiting.shift();
    if (next === undefined) free += 1;
    else next();
  };
  const begin = (): (() => void) => {
    let held = true;
    const end = (): void => {
      if (!held) return;
      held = false;
      clearTimeout(timer);
      release();
    };
    const timer = setTimeout(end, longestTurnMs);
    return end;
  };
  return {
    turn: () => {
      if (free > 0) {
        free -= 1;
        return Promise.resolve(begin());
      }
      return new Promise((resolve) => waiting.push(() => resolve(begin())));
    },
  };
}
