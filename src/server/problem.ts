/** What is wrong with the configuration, as `status` and people read it. */
import { refText, type ObjectRef, type Origin, type Violation } from '../schema/object.ts';
import type { SourceProblem } from '../sources/source.ts';

/** One problem with the place where it can be mended. */
export interface Problem {
  readonly level: 'error' | 'warning';
  /** `VirtualService default/reviews`; empty for what belongs to a whole file. */
  readonly object: string;
  readonly file: string;
  readonly line: number;
  /** Path of the field; empty for the whole object. */
  readonly field: string;
  readonly message: string;
  readonly fix?: string;
}

/** A violation of a field as a problem. */
export function ofViolation(ref: ObjectRef, origin: Origin, violation: Violation): Problem {
  return {
    level: violation.level,
    object: refText(ref),
    file: origin.file,
    line: lineOf(origin, violation.path),
    field: violation.path,
    message: violation.message,
    ...(violation.fix === undefined ? {} : { fix: violation.fix }),
  };
}

/** A source's own problem. */
export function ofSource(problem: SourceProblem): Problem {
  return {
    level: problem.level,
    object: problem.object === undefined ? '' : refText(problem.object),
    file: problem.file,
    line: problem.line,
    field: problem.field ?? '',
    message: problem.message,
    ...(problem.fix === undefined ? {} : { fix: problem.fix }),
  };
}

/** Line of a field, or of the nearest parent that was written. */
export function lineOf(origin: Origin, path: string): number {
  for (let rest = path; rest !== ''; rest = rest.slice(0, Math.max(rest.lastIndexOf('.'), rest.lastIndexOf('['), 0))) {
    const line = origin.lines !== undefined && Object.hasOwn(origin.lines, rest) ? origin.lines[rest] : undefined;
    if (line !== undefined) return line;
  }
  return origin.line;
}
