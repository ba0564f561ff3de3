import { RE2JS } from 're2js';
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

/** What a single value, not a list or map, breaks; empty when nothing. A value of the wrong JSON type breaks nothing. */
export function checkValue(rules: FieldRules, value: unknown, enumeration: () => EnumType): readonly string[] {
  const broken: (string | undefined)[] = [];
  if (rules.string !== undefined && typeof value === 'string') broken.push(...checkText(rules.string, value));
  if (rules.number !== undefined) broken.push(checkNumber(rules.number, value));
  if (rules.bool?.const !== undefined && value !== rules.bool.const) broken.push(`must be ${rules.bool.const}`);
  if (rules.enum !== undefined) broken.push(checkEnum(rules.enum, value, enumeration));
  if (rules.duration !== undefined && typeof value === 'string') broken.push(checkDuration(rules.duration, value));
  if (rules.bytes !== undefined && typeof value === 'string') {
    broken.push(checkLength(rules.bytes, toBytes(value).length, 'bytes'));
  }
  return broken.filter((message) => message !== undefined);
}

function checkText(rules: TextRules, text: string): readonly (string | undefined)[] {
  if (rules.ignore_empty === true && text === '') return [];
  const { max_bytes: maxBytes, prefix, suffix, pattern } = rules;
  return [
    checkLength(rules, Array.from(text).length, 'characters'),
    maxBytes !== undefined && textEncoder.encode(text).length > maxBytes
      ? `must be at most ${maxBytes} bytes`
      : undefined,
    prefix !== undefined && !text.startsWith(prefix) ? `must begin with ${JSON.stringify(prefix)}` : undefined,
    suffix !== undefined && !text.endsWith(suffix) ? `must end with ${JSON.stringify(suffix)}` : undefined,
    rules.in !== undefined && !rules.in.includes(text) ? `must be one of ${rules.in.join(', ')}` : undefined,
    pattern !== undefined && !compiled(pattern).matcher(text).find() ? `must match ${pattern}` : undefined,
    checkHeader(rules, text),
  ];
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

function checkDuration(rules: Bounds<string>, value: string): string | undefined {
  const duration = parseDuration(value);
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
