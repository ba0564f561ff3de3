import { globSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { layerFolders, pureFolders } from '../layers.ts';

/** Root of the checkout. */
export const root = join(import.meta.dirname, '..', '..');

/** A set of test files that run in one way. */
export interface Suite {
  readonly name: string;
  /** Glob patterns from the root. */
  readonly patterns: readonly string[];
  /** Whether all files share one process: quick, and only for tests that touch no socket, process or global state. */
  readonly isOneProcess: boolean;
}

/** Tests of the pure layers and of the folder graph: seconds, and part of `npm run check`. */
export const pureSuite: Suite = {
  name: 'pure',
  patterns: [...pureFolders.map((folder) => `src/${folder}/**/*.test.ts`), 'test/architecture/**/*.test.ts'],
  isOneProcess: true,
};

const unitSuite: Suite = {
  name: 'unit',
  patterns: [
    ...layerFolders.filter((folder) => !pureFolders.includes(folder)).map((folder) => `src/${folder}/**/*.test.ts`),
    'tools/**/*.test.ts',
    'examples/**/*.test.ts',
    'bench/**/*.test.ts',
  ],
  isOneProcess: false,
};

/** Every suite, quickest first: pure layers, the other units, then one for each further folder of `test/` (real parts). */
export function allSuites(): readonly Suite[] {
  const folders = readdirSync(join(root, 'test'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'architecture')
    .map((entry) => entry.name)
    .toSorted();
  const real = folders.map((name) => ({ name, patterns: [`test/${name}/**/*.test.ts`], isOneProcess: false }));
  return [pureSuite, unitSuite, ...real];
}

/** The test files of a suite, from the root. */
export function filesOf(suite: Suite): readonly string[] {
  return globSync([...suite.patterns], { cwd: root }).toSorted();
}

/** Test files that no suite would run. */
export function strayFiles(): readonly string[] {
  const claimed = new Set(allSuites().flatMap(filesOf));
  const exclude = (path: string): boolean => path === 'node_modules' || path === '.git';
  return globSync('**/*.test.ts', { cwd: root, exclude }).filter((file) => !claimed.has(file));
}
