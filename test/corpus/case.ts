/** What a case of the corpus is, and what may come of it. */

/** What came of a case. `unsupported` is neither good nor bad: there is no runner for it, or its kind is not read yet. */
export type Outcome =
  | { readonly kind: 'passed' }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'unsupported'; readonly reason: string };

/** One case that can be run on its own. */
export interface CorpusCase {
  /** Unique within its suite. */
  readonly name: string;
  /** What the score is split by: a kind of object, or the kind that the case names. */
  readonly kind: string;
  readonly run: () => Outcome;
}

/** Finds the cases of a suite in its folder. */
export type SuiteLoader = (folder: string) => readonly CorpusCase[];

/** The case holds. */
export const passed: Outcome = Object.freeze({ kind: 'passed' });

/** The case does not hold. */
export function failed(reason: string): Outcome {
  return { kind: 'failed', reason };
}

/** There is nothing that could run the case. */
export function unsupported(reason: string): Outcome {
  return { kind: 'unsupported', reason };
}
