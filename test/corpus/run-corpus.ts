/** Runs the corpus and adds up what came of it. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { failed, unsupported, type CorpusCase, type Outcome } from './case.ts';
import knownFailures from './known-failures.json' with { type: 'json' };
import { suites } from './suites.ts';

/** A case with what came of it. */
export interface Result {
  readonly suite: string;
  readonly name: string;
  readonly kind: string;
  readonly outcome: Outcome;
}

/** What came of a run. */
export interface CorpusReport {
  readonly results: readonly Result[];
  /** Failures that nobody knew of. */
  readonly unexpected: readonly Result[];
  /** Listed in known-failures.json, but passed, or not there any more: take them off the list. */
  readonly mended: readonly string[];
}

/** Failures that are known, by suite: name of the case and why. */
export type KnownFailures = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** The list that the project keeps. */
export const listedFailures: KnownFailures = knownFailures;

/** True for a folder that has suites in it. */
export function isCorpus(folder: string): boolean {
  return existsSync(folder) && suiteNames(folder).length > 0;
}

/** Runs the suites of a corpus, all or those that are named. */
export function runCorpus(
  folder: string,
  options: { readonly only?: readonly string[]; readonly known?: KnownFailures } = {},
): CorpusReport {
  const { only = [], known = listedFailures } = options;
  const names = suiteNames(folder).filter((name) => only.length === 0 || only.includes(name));
  const results = names.flatMap((suite) => runSuite(suite, join(folder, suite)));
  const isKnown = ({ suite, name }: Result): boolean => known[suite]?.[name] !== undefined;
  const unexpected = results.filter((result) => result.outcome.kind === 'failed' && !isKnown(result));
  const stillFailing = new Set(
    results.filter(({ outcome }) => outcome.kind === 'failed').map(({ suite, name }) => `${suite}: ${name}`),
  );
  const mended = names
    .flatMap((suite) => Object.keys(known[suite] ?? {}).map((name) => `${suite}: ${name}`))
    .filter((name) => !stillFailing.has(name));
  return { results, unexpected, mended };
}

function suiteNames(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .filter((name) => existsSync(join(folder, name, 'cases')) || existsSync(join(folder, name, 'manifest.json')))
    .toSorted();
}

function runSuite(suite: string, folder: string): readonly Result[] {
  const load = Object.hasOwn(suites, suite) ? suites[suite] : undefined;
  if (load === undefined) {
    const outcome = unsupported('no runner for this suite');
    return caseFiles(folder).map((name) => ({ suite, name, kind: 'no runner', outcome }));
  }
  return load(folder).map((one) => ({ suite, name: one.name, kind: one.kind, outcome: runCase(one) }));
}

function caseFiles(folder: string): readonly string[] {
  const cases = join(folder, 'cases');
  return existsSync(cases) ? readdirSync(cases).filter((file) => file.endsWith('.json')) : ['manifest.json'];
}

/** A case that throws has failed; the others still run. */
function runCase(one: CorpusCase): Outcome {
  try {
    return one.run();
  } catch (error) {
    return failed(`threw ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
}
