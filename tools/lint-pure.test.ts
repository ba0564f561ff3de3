import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';

const root = dirname(import.meta.dirname);

/** Each line stands alone in a file of a pure layer, and the rule beside it must find it. */
const planted: readonly (readonly [line: string, rule: string])[] = [
  ["export { x } from '../server/x.ts';", 'mizzen(layers)'],
  ["import type { X } from '../server/x.ts';\nexport const y: X = 1;", 'mizzen(layers)'],
  ["export { x } from '../../src/server/x.ts';", 'mizzen(layers)'],
  ["export { x } from '../analysis/x.ts';", 'mizzen(layers)'],
  ["export const y = async (): Promise<unknown> => import('../server/x.ts');", 'mizzen(layers)'],
  ["export const y: import('../server/x.ts').X = 1;", 'mizzen(layers)'],
  ['export const y = async (name: string): Promise<unknown> => import(name);', 'mizzen(pure)'],
  ["export { readFileSync } from 'node:fs';", 'mizzen(pure)'],
  ["export { createHash } from 'node:crypto';", 'mizzen(pure)'],
  ["export * from '../base/x.ts';", 'mizzen(no-export-all)'],
  ['export const y = globalThis;', 'eslint(no-restricted-globals)'],
  ['export const y = new Date();', 'eslint(no-restricted-globals)'],
  ['export const y = process.pid;', 'eslint(no-restricted-globals)'],
  ['setTimeout(() => undefined, 1);', 'eslint(no-restricted-globals)'],
  ['export const y = crypto.randomUUID();', 'eslint(no-restricted-globals)'],
  ['export const y = performance.now();', 'eslint(no-restricted-globals)'],
  ["export const y = fetch('x');", 'eslint(no-restricted-globals)'],
  ['export const y = Math.random();', 'eslint(no-restricted-properties)'],
  ['export default 1;', 'import(no-default-export)'],
  ['export const y = (x: any): unknown => x;', 'typescript(no-explicit-any)'],
  ['export const y = (x?: string): string => x!;', 'typescript(no-non-null-assertion)'],
  ['export const y = (a: 1, b: 1, c: 1, d: 1, e: 1): unknown => [a, b, c, d, e];', 'eslint(max-params)'],
  ['export function y(x: number) {\n  return x;\n}', 'typescript(explicit-module-boundary-types)'],
  ['const f = async (): Promise<void> => undefined;\nf();', 'typescript(no-floating-promises)'],
  ['[1].forEach(async () => undefined);', 'typescript(no-misused-promises)'],
  [
    "export const y = (k: 'a' | 'b'): void => {\n  switch (k) {\n    case 'a':\n      break;\n  }\n};",
    'typescript(switch-exhaustiveness-check)',
  ],
  ["console.log('x');", 'eslint(no-console)'],
  ["export const y: number = 'x';", 'typescript(TS2322)'],
  ['export enum Y {\n  A,\n}', 'typescript(TS1294)'],
];

let folder = '';
let found: readonly string[] = [];

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'mizzen-lint-'));
  for (const path of [
    'oxlint.config.ts',
    'tsconfig.json',
    'package.json',
    '.gitignore',
    'tools/layers.ts',
    'tools/lint-pure.mjs',
  ])
    cpSync(join(root, path), join(folder, path));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  for (const layer of ['base', 'analysis', 'server', 'xds', 'identity'])
    put(`src/${layer}/x.ts`, 'export type X = 1;\nexport const x: X = 1;\n');
  for (const [index, [line]] of planted.entries()) put(`src/compile/planted-${index}.ts`, `${line}\n`);
  put('src/base/one.ts', "import type { Two } from './two.ts';\nexport type One = { readonly two: Two };\n");
  put('src/base/two.ts', "import type { One } from './one.ts';\nexport type Two = { readonly one: One };\n");
  put(
    'src/base/fine.test.ts',
    "import { test } from 'node:test';\ntest('x', async () => {\n  await import('./x.ts');\n});\nprocess.exitCode = Date.now();\n",
  );
  put('src/xds/sibling.ts', "export { x } from '../identity/x.ts';\n");
  put('src/xds/fine.ts', "export { x } from '../base/x.ts';\nexport { readFileSync } from 'node:fs';\n");
  put('src/elsewhere/x.ts', "export { x } from '../base/x.ts';\n");
  const oxlint = spawnSync(join(root, 'node_modules/.bin/oxlint'), ['-c', 'oxlint.config.ts', '-f', 'unix'], {
    cwd: folder,
    encoding: 'utf8',
  });
  found = oxlint.stdout.split('\n').filter((line) => line.startsWith('src/'));
});

after(() => rmSync(folder, { recursive: true, force: true }));

test('every planted violation is found by the rule that is meant to find it', () => {
  const missed = planted.filter(([, rule], index) => !isFound(`src/compile/planted-${index}.ts`, rule));
  assert.deepEqual(missed, []);
});

test('cycles are found even between types, and siblings and unknown folders are refused', () => {
  assert.ok(isFound('src/base/one.ts', 'import(no-cycle)'));
  assert.ok(isFound('src/xds/sibling.ts', 'mizzen(layers)'));
  assert.ok(isFound('src/elsewhere/x.ts', 'mizzen(layers)'));
});

test('what is allowed is not reported', () => {
  assert.deepEqual(
    found.filter((line) => /^[^:]*\/(fine|x)\./.test(line) && !line.startsWith('src/elsewhere/')),
    [],
  );
});

function put(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

function isFound(file: string, rule: string): boolean {
  return found.some((line) => line.startsWith(`${file}:`) && line.endsWith(`/${rule}]`));
}
