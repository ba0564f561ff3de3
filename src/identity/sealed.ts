import { inspect } from 'node:util';

/**
 * A secret that travels through the program without showing: logs, errors, `inspect` and JSON see only a placeholder.
 * The content is had by `reveal()`, at the place that uses it and nowhere else.
 */
export class Sealed<T> {
  readonly #content: T;

  constructor(content: T) {
    this.#content = content;
  }

  /** The content itself. */
  reveal(): T {
    return this.#content;
  }

  toString(): string {
    return '[sealed]';
  }

  toJSON(): string {
    return '[sealed]';
  }

  [inspect.custom](): string {
    return '[sealed]';
  }
}

/** The same bytes, shown by `inspect` and JSON as a placeholder of their size. For encoded secrets. */
export function concealBytes(bytes: Uint8Array): Uint8Array {
  const shown = `[sealed ${bytes.length} bytes]`;
  return Object.defineProperties(bytes, { [inspect.custom]: { value: () => shown }, toJSON: { value: () => shown } });
}
