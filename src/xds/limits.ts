/** What one client may ask of the server. */
export interface XdsLimits {
  /** Largest request, in bytes: a reconnect names everything that is held. */
  readonly requestBytes: number;
  /** Streams open or about to be, of all proxies. */
  readonly streams: number;
  /** Connections, with or without streams. */
  readonly connections: number;
  /** Names that one stream asks for. */
  readonly subscriptions: number;
  /** Requests that one stream may send at once, and how many more each second. */
  readonly requestBurst: number;
  readonly requestsPerSecond: number;
  /** A connection without an accepted stream, and a stream without a first request, ends after this. */
  readonly firstRequestMs: number;
  /** How often a connection is asked whether it is alive; it ends if the next time comes without an answer. */
  readonly keepaliveMs: number;
}

/** Room for 2,000 proxies of 20,000 names each; no honest Envoy comes near the rates. */
export const defaultLimits: XdsLimits = Object.freeze({
  requestBytes: 16 << 20,
  streams: 10_000,
  connections: 12_000,
  subscriptions: 100_000,
  requestBurst: 5_000,
  requestsPerSecond: 1_000,
  firstRequestMs: 15_000,
  keepaliveMs: 30_000,
});

/** Counts down what may still come; `nowMs` never goes back. */
export interface RateLimit {
  /** False if one more is too many. */
  take(nowMs: number): boolean;
}

/** A limit that refills evenly. */
export function createRateLimit(burst: number, perSecond: number, startMs: number): RateLimit {
  let left = burst;
  let lastMs = startMs;
  return {
    take: (nowMs) => {
      left = Math.min(burst, left + ((nowMs - lastMs) * perSecond) / 1_000);
      lastMs = nowMs;
      if (left < 1) return false;
      left -= 1;
      return true;
    },
  };
}
