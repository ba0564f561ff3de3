import { ProtoError, shown } from './error.ts';

/** Seconds and nanoseconds as Duration and Timestamp carry them. */
export interface SecondsNanos {
  readonly seconds: number;
  readonly nanos: number;
}

const durationText = /^(-?)(\d{1,12})(?:\.(\d{1,9}))?s$/;
const timestampText = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;
/** google/protobuf/duration.proto: about 10,000 years. */
const maxDurationSeconds = 315_576_000_000;
const daySeconds = 86_400;
/** 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z, the bounds of google/protobuf/timestamp.proto. */
const firstSecond = -62_135_596_800;
const lastSecond = 253_402_300_799;

/** `1.5s` in parts; both parts carry the sign. Fails with `wrong-value`. */
export function parseDuration(value: unknown): SecondsNanos {
  const match = typeof value === 'string' ? durationText.exec(value) : null;
  const seconds = Number(match?.[2]);
  if (match === null || seconds > maxDurationSeconds) {
    throw new ProtoError('wrong-value', '', `must be a duration such as "1.5s", not ${shown(value)}`);
  }
  const nanos = Number((match[3] ?? '').padEnd(9, '0'));
  // `0 - x`, because `-x` would make a negative zero.
  return match[1] === '-' ? { seconds: 0 - seconds, nanos: 0 - nanos } : { seconds, nanos };
}

/** The text of a duration with 0, 3, 6 or 9 digits of fraction. Fails with `wrong-bytes` beyond the bounds. */
export function formatDuration({ seconds, nanos }: SecondsNanos): string {
  const signsDiffer = (seconds < 0 && nanos > 0) || (seconds > 0 && nanos < 0);
  if (Math.abs(seconds) > maxDurationSeconds || Math.abs(nanos) > 999_999_999 || signsDiffer) {
    throw new ProtoError('wrong-bytes', '', 'is not a valid duration');
  }
  const sign = seconds < 0 || nanos < 0 ? '-' : '';
  return `${sign}${Math.abs(seconds)}${fraction(Math.abs(nanos))}s`;
}

/** A time of RFC 3339 in parts. Fails with `wrong-value`. */
export function parseTimestamp(value: unknown): SecondsNanos {
  const match = typeof value === 'string' ? timestampText.exec(value) : null;
  const seconds = match === null ? Number.NaN : secondsOf(match);
  if (!(seconds >= firstSecond && seconds <= lastSecond)) {
    throw new ProtoError('wrong-value', '', `must be a time such as "2026-01-31T12:00:00Z", not ${shown(value)}`);
  }
  return { seconds, nanos: Number((match?.[7] ?? '').padEnd(9, '0')) };
}

function secondsOf(match: RegExpExecArray): number {
  const part = (index: number): number => Number(match[index] ?? 0);
  const [year, month, day, hour, minute, second] = [part(1), part(2), part(3), part(4), part(5), part(6)];
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return Number.NaN;
  if (hour > 23 || minute > 59 || second > 59 || part(9) > 23 || part(10) > 59) return Number.NaN;
  const offsetSeconds = (part(9) * 60 + part(10)) * 60 * (match[8] === '-' ? -1 : 1);
  return daysFromEpoch(year, month, day) * daySeconds + hour * 3600 + minute * 60 + second - offsetSeconds;
}

/** The text of a time in UTC with 0, 3, 6 or 9 digits of fraction. Fails with `wrong-bytes` beyond the bounds. */
export function formatTimestamp({ seconds, nanos }: SecondsNanos): string {
  if (!(seconds >= firstSecond && seconds <= lastSecond) || nanos < 0 || nanos > 999_999_999) {
    throw new ProtoError('wrong-bytes', '', 'is not a valid time');
  }
  const days = Math.floor(seconds / daySeconds);
  const rest = seconds - days * daySeconds;
  const [year, month, day] = dateOf(days);
  const pad = (value: number, width = 2): string => String(value).padStart(width, '0');
  const time = `${pad(Math.floor(rest / 3600))}:${pad(Math.floor(rest / 60) % 60)}:${pad(rest % 60)}`;
  return `${pad(year, 4)}-${pad(month)}-${pad(day)}T${time}${fraction(nanos)}Z`;
}

function fraction(nanos: number): string {
  if (nanos === 0) return '';
  const digits = String(nanos).padStart(9, '0');
  return `.${digits.replace(/(?:000){1,2}$/, '')}`;
}

function daysInMonth(year: number, month: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  if (month === 2) return isLeap ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

// Days since 1970-01-01 in the proleptic Gregorian calendar, counted in eras of 400 years whose years start in March,
// so that the leap day is the last day of a year.

const eraDays = 146_097;
const epochDays = 719_468;

function daysFromEpoch(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * eraDays + dayOfEra - epochDays;
}

function dateOf(days: number): readonly [number, number, number] {
  const shifted = days + epochDays;
  const era = Math.floor(shifted / eraDays);
  const dayOfEra = shifted - era * eraDays;
  const leaps = Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096);
  const yearOfEra = Math.floor((dayOfEra - leaps) / 365);
  const beforeYear = 365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100);
  const dayOfYear = dayOfEra - beforeYear;
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  return [yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day];
}
