import { stripVTControlCharacters } from 'node:util';

/** Rows as lines with columns three blanks apart; no blanks at a line's end. Cells may hold colours. An empty table is an empty text. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, widthOf(cell));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, i) => cell + ' '.repeat((widths[i] ?? 0) - widthOf(cell)))
          .join('   ')
          .trimEnd()}\n`,
    )
    .join('');
}

function widthOf(cell: string): number {
  return Array.from(stripVTControlCharacters(cell)).length;
}

/** How long ago something was, in the largest unit that says enough: `45s`, `12m`, `3h`, `5d`. */
export function age(since: string | undefined, nowMs: number): string {
  const sinceMs = Date.parse(since ?? '');
  if (Number.isNaN(sinceMs)) return '-';
  const seconds = Math.max(0, Math.floor((nowMs - sinceMs) / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`;
}
