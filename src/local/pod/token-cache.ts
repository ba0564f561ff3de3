import type { TokenSource } from './spec.ts';

/** The service account tokens that a pod's volumes show. */
export interface TokenCache {
  /** The token for a source of a volume; the same one until it is due. */
  get(volume: string, source: TokenSource): Promise<string>;
  /** Ends the renewal. */
  close(): void;
}

const defaultExpirationSeconds = 3600;

/** A token is renewed at 80 % of its life, as the kubelet does; when that fails, again after this long. */
const renewAt = 0.8;
const retryMs = 5000;
/** setTimeout counts in 31 bits; a longer life is simply renewed earlier. */
const longestTimerMs = 2 ** 31 - 1;

/** Keeps tokens and has their volume written again (`rewrite`) when one is due. `onTrouble` hears when that failed. */
export function createTokenCache(
  mint: (audience: string | undefined, expirationSeconds: number) => Promise<string>,
  rewrite: (volume: string) => Promise<void>,
  onTrouble: (message: string) => void,
): TokenCache {
  const timers = new Map<string, NodeJS.Timeout>();
  const tokens = new Map<string, string>();
  let closed = false;

  async function get(volume: string, source: TokenSource): Promise<string> {
    const id = `${volume}\0${source.path}`;
    const known = tokens.get(id);
    if (known !== undefined) return known;
    const seconds = source.expirationSeconds ?? defaultExpirationSeconds;
    const token = await mint(source.audience, seconds);
    tokens.set(id, token);
    schedule(id, volume, seconds * renewAt * 1000);
    return token;
  }

  function schedule(id: string, volume: string, delayMs: number): void {
    if (closed) return;
    clearTimeout(timers.get(id));
    const timer = setTimeout(() => void renew(id, volume), Math.min(delayMs, longestTimerMs));
    timer.unref();
    timers.set(id, timer);
  }

  async function renew(id: string, volume: string): Promise<void> {
    const old = tokens.get(id);
    tokens.delete(id);
    try {
      await rewrite(volume);
    } catch (error) {
      if (old !== undefined && !tokens.has(id)) tokens.set(id, old);
      schedule(id, volume, retryMs);
      onTrouble(
        `the token of volume "${volume}" could not be renewed: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }

  function close(): void {
    closed = true;
    for (const timer of timers.values()) clearTimeout(timer);
    tokens.clear();
  }

  return { get, close };
}
