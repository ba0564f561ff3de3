import type { MeshProblem } from '../local/control/protocol.ts';
import type { Style } from './style.ts';

/** A problem as people and editors read it: `file:line: level: object field: message`, and the way to mend it below. */
export function problemText(problem: MeshProblem, style: Style): string {
  const { level, object, file, line, field, message, fix } = problem;
  const place = file === '' ? '' : line > 0 ? `${file}:${line}: ` : `${file}: `;
  const colour = level === 'error' ? style.red(level) : style.yellow(level);
  // Some messages begin with their field already.
  const subject = [object, message.startsWith(`${field}:`) ? '' : field].filter((part) => part !== '').join(' ');
  const head = `${place}${colour}: ${subject === '' ? '' : `${subject}: `}${message}\n`;
  return fix === undefined ? head : `${head}  fix: ${fix}\n`;
}

/** Two problems are one if they say the same of the same object, wherever its line has moved. */
export function problemKey({ level, object, file, field, message }: MeshProblem): string {
  return JSON.stringify([level, object, file, field, message]);
}

/** `1 error`, `2 warnings`. */
export function count(many: number, what: string): string {
  return `${many} ${what}${many === 1 ? '' : 's'}`;
}
