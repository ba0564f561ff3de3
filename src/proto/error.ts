/**
 * What was wrong. `unknown-type`: no such message; `unknown-field`: no such field in its message; `wrong-value`: the
 * value does not fit the field; `two-members`: two members of one oneof are set, or a field is given under both its
 * names; `too-deep`: nesting beyond the limit; `too-large`: more bytes than allowed; `wrong-bytes`: not a message.
 */
export type ProtoErrorCode =
  | 'unknown-type'
  | 'unknown-field'
  | 'wrong-value'
  | 'two-members'
  | 'too-deep'
  | 'too-large'
  | 'wrong-bytes';

/** Why a value could not be encoded or bytes could not be decoded, with the place. */
export class ProtoError extends Error {
  override readonly name = 'ProtoError';
  readonly code: ProtoErrorCode;
  /** From the outermost message: `filter_chains[0].filters[1].typed_config.stat_prefix`; empty for the message itself. */
  readonly path: string;
  /** The message without the path. */
  readonly reason: string;

  constructor(code: ProtoErrorCode, path: string, reason: string) {
    super(path === '' ? reason : `${path}: ${reason}`);
    this.code = code;
    this.path = path;
    this.reason = reason;
  }
}

/** The same error seen from one level further out; errors of other kinds are returned as they are. */
export function within(error: unknown, segment: string): unknown {
  if (!(error instanceof ProtoError)) return error;
  return new ProtoError(error.code, joinPath(segment, error.path), error.reason);
}

/** `a` and `b` give `a.b`, `a` and `[0]` give `a[0]`. */
export function joinPath(outer: string, inner: string): string {
  if (inner === '' || outer === '') return outer + inner;
  return inner.startsWith('[') ? outer + inner : `${outer}.${inner}`;
}

/** A short text of a wrong value for messages; long ones are cut. */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  switch (typeof value) {
    case 'string':
      return cut(JSON.stringify(value));
    case 'number':
    case 'boolean':
    case 'bigint':
      return `${value}`;
    case 'undefined':
      return 'nothing';
    case 'object':
      return value === null ? 'null' : 'an object';
    default:
      return `a ${typeof value}`;
  }
}

function cut(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
