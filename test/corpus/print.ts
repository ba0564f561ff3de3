import type { CorpusReport, Result } from './run-corpus.ts';

/** The score as a table: suites, and below each its kinds. `isVerbose` names every failure. */
export function scoreText({ results, unexpected, mended }: CorpusReport, isVerbose: boolean): string {
  const lines = [line('', ['passed', 'failed', 'unsupported'])];
  for (const [suite, ofSuite] of groupBy(results, ({ suite: name }) => name)) {
    lines.push(line(suite, counts(ofSuite)));
    const kinds = groupBy(ofSuite, ({ kind }) => kind);
    if (kinds.size > 1)
      for (const [kind, ofKind] of [...kinds].toSorted(([a], [b]) => (a < b ? -1 : 1)))
        lines.push(line(`  ${kind}`, counts(ofKind)));
    for (const [reason, count] of reasons(ofSuite))
      lines.push(`  unsupported: ${reason}${count > 1 ? ` (${count})` : ''}`);
  }
  lines.push(line('all', counts(results)));
  const shown = isVerbose ? results.filter(({ outcome }) => outcome.kind === 'failed') : unexpected;
  for (const result of shown) lines.push(failureText(result, unexpected.includes(result)));
  for (const name of mended)
    lines.push(`mended: ${name} does not fail any more; take it off test/corpus/known-failures.json`);
  return `${lines.join('\n')}\n`;
}

function failureText({ suite, name, outcome }: Result, isUnexpected: boolean): string {
  const reason = outcome.kind === 'passed' ? '' : outcome.reason;
  return `${isUnexpected ? 'failed' : 'failed as known'}: ${suite}: ${name}: ${reason}`;
}

function counts(results: readonly Result[]): readonly string[] {
  return (['passed', 'failed', 'unsupported'] as const).map((kind) =>
    String(results.filter(({ outcome }) => outcome.kind === kind).length),
  );
}

function reasons(results: readonly Result[]): readonly (readonly [string, number])[] {
  const texts = results.flatMap(({ outcome }) => (outcome.kind === 'unsupported' ? [outcome.reason] : []));
  return [...groupBy(texts, (text) => text)]
    .map(([text, all]) => [text, all.length] as const)
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function line(name: string, columns: readonly string[]): string {
  return `${name.padEnd(32)}${columns.map((column) => column.padStart(12)).join('')}`;
}

function groupBy<T>(values: readonly T[], keyOf: (value: T) => string): ReadonlyMap<string, readonly T[]> {
  return Map.groupBy(values, keyOf);
}
