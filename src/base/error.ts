/**
 * An operation that failed for a reason its caller or the user can act on. What is wrong with the user's configuration
 * is never an error but a diagnostic; what is wrong with this program is a crash.
 */
export class MizzenError extends Error {
  override readonly name = 'MizzenError';
  /** Stable, for programs: kebab-case, like `envoy-missing`. */
  readonly code: string;
  /** How to mend it, one line, absent where the message says it all. */
  readonly fix: string | undefined;

  constructor(code: string, message: string, options: { readonly cause?: unknown; readonly fix?: string } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.fix = options.fix;
  }
}
