import { MizzenError } from '../base/error.ts';
import { nearest } from '../schema/kit/nearest.ts';

/** A command line that cannot be understood: exit code 2, and a line that points to help. */
export function usageError(message: string, fix?: string): MizzenError {
  return new MizzenError('usage', message, fix === undefined ? {} : { fix });
}

/** An unknown word, with the nearest of those that are known. */
export function unknownWord(
  what: string,
  word: string,
  known: readonly string[],
  shown = (name: string) => name,
): MizzenError {
  const meant = nearest(word, known);
  return usageError(
    `${what} ${shown(word)} is not known`,
    meant === undefined ? undefined : `did you mean ${shown(meant)}?`,
  );
}
