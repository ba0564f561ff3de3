/** One run of a validation: where it is, and what it found. */
import type { Violation } from '../object.ts';
import type { Report } from './node.ts';
import { pathText } from './path.ts';

/** How deep a value may nest, and how many violations are kept. */
export const limits = { depth: 100, violations: 500 } as const;

/** State of a run. */
export interface Run {
  readonly path: (string | number)[];
  readonly found: Violation[];
  /** Errors of shape so far; rules only see objects without any. */
  shapeErrors: number;
  /** Above zero inside a field that has no effect: its own fields are not reported again. */
  muted: number;
  /** Report fields without effect. */
  readonly reportUnsupported: boolean;
}

/** A fresh run. */
export function startRun(reportUnsupported: boolean): Run {
  return { path: [], found: [], shapeErrors: 0, muted: 0, reportUnsupported };
}

/** Adds a violation at the run's place. */
export function add(run: Run, level: 'error' | 'warning', message: string, fix?: string): void {
  addAt(run, pathText(run.path), { level, message, ...(fix === undefined ? {} : { fix }) });
}

/** Adds an error of shape, which keeps the rules away. */
export function addShapeError(run: Run, message: string, fix?: string): void {
  run.shapeErrors++;
  add(run, 'error', message, fix);
}

/** The report that a rule gets: paths are relative to where the run is. */
export function reportAt(run: Run): Report {
  const base = pathText(run.path);
  const join = (path: string): string =>
    path === '' ? base : path.startsWith('[') || base === '' ? `${base}${path}` : `${base}.${path}`;
  return {
    error: (path, message, fix) =>
      addAt(run, join(path), { level: 'error', message, ...(fix === undefined ? {} : { fix }) }),
    warning: (path, message, fix) =>
      addAt(run, join(path), { level: 'warning', message, ...(fix === undefined ? {} : { fix }) }),
  };
}

function addAt(run: Run, path: string, rest: Omit<Violation, 'path'>): void {
  if (rest.level === 'warning' && run.muted > 0) return;
  if (run.found.length < limits.violations) run.found.push(Object.freeze({ path, ...rest }));
}
