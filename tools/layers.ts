/**
 * The folders of `src/`, lowest layer first. A folder imports itself and the layers before its own; folders of one
 * layer do not import each other. Lint and the architecture test both read this table.
 */
export const layers: readonly (readonly string[])[] = [
  ['base', 'proto'],
  ['schema'],
  ['model'],
  ['compile', 'analysis', 'inject', 'render', 'simulate', 'rollout'],
  ['observe'],
  ['sources', 'history', 'identity', 'xds'],
  ['server'],
  ['local'],
  ['cli'],
];

/** How many of the lowest layers are pure: no node built-in, clock, random number, timer, process or network. */
export const pureLayerCount = 4;

/** Files of the pure layers that may import one named built-in all the same. */
export const pureExceptions: Readonly<Record<string, readonly string[]>> = { 'src/base/hash.ts': ['node:crypto'] };

/** Every folder that the table knows. */
export const layerFolders: readonly string[] = layers.flat();

/** The folders of the pure layers. */
export const pureFolders: readonly string[] = layers.slice(0, pureLayerCount).flat();

/** The folders that `folder` may import besides itself; undefined for a folder that is not in the table. */
export function foldersBelow(folder: string): readonly string[] | undefined {
  const depth = layers.findIndex((names) => names.includes(folder));
  return depth < 0 ? undefined : layers.slice(0, depth).flat();
}
