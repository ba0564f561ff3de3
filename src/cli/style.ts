/** Colours, for people only. */

/** Wraps text in what makes a terminal show it so, or leaves it as it is. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  yellow(text: string): string;
  green(text: string): string;
}

/** A style for one stream: plain unless a person looks and NO_COLOR (https://no-color.org) is not set. */
export function styleFor(isTerminal: boolean, env: Readonly<Record<string, string | undefined>>): Style {
  const coloured = isTerminal && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
  const wrap =
    (open: number, close: number) =>
    (text: string): string =>
      coloured && text !== '' ? `\u001B[${open}m${text}\u001B[${close}m` : text;
  return { bold: wrap(1, 22), dim: wrap(2, 22), red: wrap(31, 39), yellow: wrap(33, 39), green: wrap(32, 39) };
}
