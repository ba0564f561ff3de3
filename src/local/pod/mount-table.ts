/** One line of an fstab(5). */
export interface MountLine {
  readonly source: string;
  readonly target: string;
  readonly type: string;
  readonly options: string;
}

/** A bind mount with everything mounted below its source. */
export function bindTree(source: string, target: string, readOnly = false): MountLine {
  return { source, target, type: 'none', options: readOnly ? 'rbind,ro' : 'rbind' };
}

/** A tmpfs that nobody can write to or look into. */
export function emptyMount(target: string): MountLine {
  return { source: 'tmpfs', target, type: 'tmpfs', options: 'ro,mode=755,size=4k,nosuid,nodev,noexec' };
}

/** The text of an fstab; blanks and backslashes in paths are escaped as fstab(5) says. */
export function mountTable(lines: readonly MountLine[]): string {
  return (
    lines
      .map((line) => [line.source, line.target, line.type, line.options, '0', '0'].map(escape).join(' '))
      .join('\n') + '\n'
  );
}

function escape(text: string): string {
  return text.replace(/[\\ \t\n#]/gu, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`);
}

/** True where `path` is `folder` or lies below it. Both are absolute and normal. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || folder === '/' || path.startsWith(`${folder}/`);
}

/** How deep a path lies; a parent sorts before what is mounted below it. */
export function depthOf(path: string): number {
  return path === '/' ? 0 : path.split('/').length - 1;
}
