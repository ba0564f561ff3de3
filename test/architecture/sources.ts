import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';

/** Root of the checkout. */
export const root = dirname(dirname(import.meta.dirname));

/** One place where a module names another. */
export interface Import {
  /** The importing file, from the root. */
  readonly file: string;
  readonly specifier: string;
  readonly kind: 'static' | 'dynamic' | 'bare';
}

/** Every file that is in the repository or would be added to it, from the root. */
export function projectFiles(): readonly string[] {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  });
  return listed.split('\0').filter((file) => file !== '' && existsSync(join(root, file)));
}

/** The text of a file of the project. */
export function textOf(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

/** `import … from`, `export … from` (type-only ones too), `import(…)` as expression and as type, `import '…'`. */
const forms = [
  { kind: 'static', pattern: /^\s*(?:import|export)\b[^'"`;=()]*?\bfrom\s*(['"])(?<specifier>[^'"\n]+)\1/gm },
  { kind: 'dynamic', pattern: /\bimport\s*\(\s*(?:(['"`])(?<specifier>[^'"`\n]+)\1)?/g },
  { kind: 'bare', pattern: /^\s*import\s*(['"])(?<specifier>[^'"\n]+)\1/gm },
] as const;

/** All imports of a module. A dynamic import that is not of a written text has the specifier ''. */
export function importsOf(file: string): readonly Import[] {
  const text = withoutComments(textOf(file));
  return forms.flatMap(({ kind, pattern }) =>
    [...text.matchAll(pattern)].map((match) => ({ file, kind, specifier: match.groups?.['specifier'] ?? '' })),
  );
}

function withoutComments(text: string): string {
  return text.replace(/^\s*\/\/.*$/gm, '').replace(/^\s*\/\*[^]*?\*\//gm, '');
}

/** The file that a relative specifier means, from the root. */
export function targetOf({ file, specifier }: Import): string {
  return posix.join(posix.dirname(file), specifier);
}

/** The one way in which a relative specifier is written: no detour through a folder that both paths share. */
export function shortestSpecifier(each: Import): string {
  const path = posix.relative(posix.dirname(each.file), targetOf(each));
  return path.startsWith('.') ? path : `./${path}`;
}

/** The folder of `src/` in which a file lies; undefined outside of `src/` and for a file directly in it. */
export function folderOf(file: string): string | undefined {
  const [top, folder, ...rest] = file.split('/');
  return top === 'src' && rest.length > 0 ? folder : undefined;
}

/** The package of a specifier that is neither relative nor a built-in: `@a/b/c` → `@a/b`. */
export function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}
