/** Suite `validation`: one object a case, to be accepted or rejected. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { check, type Violation } from '../../src/schema/index.ts';
import { failed, passed, unsupported, type CorpusCase, type Outcome } from './case.ts';
import { readJson, textOf } from './json.ts';
import { documentsOf } from './yaml.ts';

/** The cases of the suite. */
export function validationCases(folder: string): readonly CorpusCase[] {
  return readdirSync(join(folder, 'cases'))
    .filter((file) => file.endsWith('.json'))
    .toSorted()
    .map((file) => {
      const one = readJson(join(folder, 'cases', file));
      const kind = textOf(one, 'kind');
      return { name: textOf(one, 'name'), kind, run: () => runValidation(folder, one) };
    });
}

function runValidation(folder: string, one: Readonly<Record<string, unknown>>): Outcome {
  const expected = textOf(one, 'expect');
  if (expected !== 'accept' && expected !== 'reject') return unsupported(`expects ${JSON.stringify(expected)}`);
  const violations = documentsOf(readFileSync(join(folder, textOf(one, 'file')), 'utf8')).flatMap((document) =>
    check(document),
  );
  const unknown = violations.find(({ level, path }) => level === 'warning' && path === 'kind');
  if (unknown !== undefined) return unsupported(unknown.message);
  const errors = violations.filter(({ level }) => level === 'error');
  if (errors.length > 0 === (expected === 'reject')) return passed;
  return failed(expected === 'reject' ? `accepted, but ${textOf(one, 'errorContains')}` : violationText(errors[0]));
}

/** A violation in one line. */
export function violationText(violation: Violation | undefined): string {
  if (violation === undefined) return 'nothing is wrong';
  const { path, message, fix } = violation;
  return `${path === '' ? 'the object' : path} ${message}${fix === undefined ? '' : ` (${fix})`}`;
}
