import { RE2JS } from 're2js';
import { ProtoError } from './error.ts';
import type { Bounds, EnumRules, FieldRules, LengthRules, TextRules } from './rules.ts';
import { toBytes } from './scalar.ts';
import type { EnumType } from './table.ts';
import { parseDuration } from './time.ts';

const textEncoder = new TextEncoder();
const patterns = new Map<string, RE2JS>();

/** Characters of header names and values, as protoc-gen-validate writes them (`well_known_regex`). */
const headerName = /^:?[0-9a-zA-Z!#$%&'*+\-.^_|~`]+$/;
// oxlint-disable-next-line no-control-regex
const headerValue = /^[^\u0000-\u0008\u000A-\u001F\u007F]*$/;
// oxlint-disable-next-line no-control-regex
const looseHeader = /^[^\u0000\u000A\u000D]*$/;

/**
 * What a single value, not a list or map, breaks: the first rule, or none. A value of the wrong JSON type breaks nothing.
 */
export function checkValue(rules: FieldRules, value: unknown, enumeration: () => EnumType): string | undefined {
  if (rules.string !== undefined) return typeof value === 'string' ? checkText(rules.string, value) : undefined;
  if (rules.number !== undefined) return checkNumber(rules.number, value);
  if (rules.enum !== undefined) return checkEnum(rules.enum, value, enumeration);
  if (rules.duration !== undefined) return checkDuration(rules.duration, value);
  if (rules.bool?.const !== undefined) return value === rules.bool.const ? undefined : `must be ${rules.bool.const}`;
  const bytes = rules.bytes === undefined ? undefined : fitting(toBytes, value);
  return bytes === undefined ? undefined : checkLength(rules.bytes ?? {}, bytes.length, 'bytes');
}

/** What a reader makes of a value, or undefined when it does not fit, which `encode` tells. */
function fitting<T>(read: (value: unknown) => T, value: unknown): T | undefined {
  try {
    return read(value);
  } catch (error) {
    if (error instanceof ProtoError) return undefined;
    throw error;
  }
}

function checkText(rules: TextRules, text: string): string | undefined {
  if (rules.ignore_empty === true && text === '') return undefined;
  return checkSizes(rules, text) ?? checkHeader(rules, text) ?? checkParts(rules, text);
}

function checkSizes(rules: TextRules, text: string): string | undefined {
  const { max_bytes: maxBytes } = rules;
  // The most common rule of all, without counting characters.
  if (rules.min_len === 1 && text !== '' && rules.max_len === undefined && maxBytes === undefined) return undefined;
  if (maxBytes !== undefined && textEncoder.encode(text).length > maxBytes) return `must be at most ${maxBytes} bytes`;
  return checkLength(rules, Array.from(text).length, 'characters');
}

function checkParts({ prefix, suffix, pattern, in: allowed }: TextRules, text: string): string | undefined {
  if (prefix !== undefined && !text.startsWith(prefix)) return `must begin with ${JSON.stringify(prefix)}`;
  if (suffix !== undefined && !text.endsWith(suffix)) return `must end with ${JSON.stringify(suffix)}`;
  if (allowed !== undefined && !allowed.includes(text)) return `must be one of ${allowed.join(', ')}`;
  if (pattern !== undefined && !compiled(pattern).matcher(text).find()) return `must match ${pattern}`;
  return undefined;
}

function checkHeader({ well_known_regex: name, strict }: TextRules, text: string): string | undefined {
  if (name === undefined) return undefined;
  if (strict === false) return looseHeader.test(text) ? undefined : 'must not contain NUL, CR or LF';
  if (name === 'HTTP_HEADER_NAME') return headerName.test(text) ? undefined : 'must be the name of a header';
  return headerValue.test(text) ? undefined : 'must not contain control characters';
}

function compiled(pattern: string): RE2JS {
  const known = patterns.get(pattern);
  if (known !== undefined) return known;
  const made = RE2JS.compile(pattern);
  patterns.set(pattern, made);
  return made;
}

function checkLength(
  { len, min_len: min, max_len: max }: LengthRules,
  length: number,
  unit: string,
): string | undefined {
  if (len !== undefined && length !== len) return `must be ${len} ${unit} long`;
  if (min === 1 && length === 0) return 'must not be empty';
  if (min !== undefined && length < min) return `must be at least ${min} ${unit} long`;
  if (max !== undefined && length > max) return `must be at most ${max} ${unit} long`;
  return undefined;
}

function checkNumber(rules: Bounds<number> & { readonly ignore_empty?: boolean }, value: unknown): string | undefined {
  if (typeof value !== 'number' && typeof value !== 'string') return undefined;
  const number = Number(value);
  if (rules.ignore_empty === true && number === 0) return undefined;
  return checkBounds(rules, (limit) => number - limit);
}

function checkDuration(rules: Bounds<string>, value: unknown): string | undefined {
  const duration = fitting(parseDuration, value);
  if (duration === undefined) return undefined;
  return checkBounds(rules, (limit) => {
    const other = parseDuration(limit);
    return duration.seconds - other.seconds || duration.nanos - other.nanos;
  });
}

/** As protoc-gen-validate has it: a lower bound above the upper one means "outside of the two". No rule of Envoy does. */
function checkBounds<T>({ gt, gte, lt, lte }: Bounds<T>, compare: (limit: T) => number): string | undefined {
  if (gt !== undefined && !(compare(gt) > 0)) return `must be more than ${String(gt)}`;
  if (gte !== undefined && !(compare(gte) >= 0)) return `must be at least ${String(gte)}`;
  if (lt !== undefined && !(compare(lt) < 0)) return `must be less than ${String(lt)}`;
  if (lte !== undefined && !(compare(lte) <= 0)) return `must be at most ${String(lte)}`;
  return undefined;
}

function checkEnum(rules: EnumRules, value: unknown, enumeration: () => EnumType): string | undefined {
  const { names, numbers } = enumeration();
  const number = typeof value === 'string' ? numbers.get(value) : value;
  if (typeof number !== 'number') return undefined;
  if (rules.defined_only === true && !names.has(number)) return `must be one of ${[...numbers.keys()].join(', ')}`;
  if (rules.not_in?.includes(number) === true) return `must not be ${names.get(number) ?? number}`;
  return undefined;
}
