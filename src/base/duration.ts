/** Durations as Istio and protobuf JSON write them. */

const unitsMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  // The micro sign and the Greek letter mu look alike; Go takes both.
  '\u00b5s': 1e-3,
  '\u03bcs': 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

/** What 63 bits of nanoseconds hold; Go refuses longer durations. */
const longestMs = 2 ** 63 / 1e6;

/**
 * Milliseconds of a duration in Go's notation (`1h30m`, `0.5s`, `250ms`), to the nanosecond; `undefined` if the text is
 * none. A bare `0` is the only number without a unit (https://pkg.go.dev/time#ParseDuration).
 */
export function parseDuration(text: string): number | undefined {
  if (text.length > 64) return undefined;
  const whole = /^([+-]?)(0|(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|\u00b5s|\u03bcs|ms|s|m|h))+)$/u.exec(text);
  if (whole === null) return undefined;
  let totalMs = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/gu)) {
    totalMs += Number(amount) * (unitsMs[unit ?? ''] ?? 0);
  }
  if (totalMs >= longestMs) return undefined;
  const roundedMs = totalMs > 2 ** 32 ? totalMs : Math.round(totalMs * 1e6) / 1e6;
  return whole[1] === '-' ? 0 - roundedMs : roundedMs;
}

/** Protobuf's JSON form of a duration: seconds with up to nine decimals and an `s` (`1.5s`). */
export function protoDuration(durationMs: number): string {
  const text = (durationMs / 1_000).toFixed(9).replace(/\.?0+$/u, '');
  return `${text === '-0' ? '0' : text}s`;
}
