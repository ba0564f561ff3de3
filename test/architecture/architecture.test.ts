import assert from 'node:assert/strict';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { foldersBelow, layerFolders, pureExceptions, pureFolders } from '../../tools/layers.ts';
import { folderOf, importsOf, packageOf, projectFiles, root, shortestSpecifier, targetOf, textOf } from './sources.ts';

interface PackageFile {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
  readonly imports?: unknown;
}

const files = projectFiles();
const generated = 'src/proto/generated/';
const sources = files.filter((file) => /^src\/.*\.ts$/.test(file) && !file.startsWith(generated));
const imports = sources.flatMap(importsOf);
const manifest = JSON.parse(textOf('package.json')) as PackageFile;
/** Tests, and what only tests use: the folders `testing`. */
const isTest = (file: string): boolean => file.endsWith('.test.ts') || file.includes('/testing/');
const isIn = (folders: readonly string[], file: string): boolean => folders.includes(folderOf(file) ?? '');
/** Failing with the list itself shows every offender at once. */
const none = (offenders: readonly string[]): void => assert.deepEqual(offenders, []);

describe('the folder graph', () => {
  test('every folder of src/ has its layer', () => {
    const folders = readdirSync(join(root, 'src'), { withFileTypes: true });
    none(folders.filter((entry) => !layerFolders.includes(entry.name)).map((entry) => `src/${entry.name}`));
  });

  test('imports go down only', () => {
    const relative = imports.filter((each) => each.specifier.startsWith('.'));
    assert.ok(relative.length > 10, `only ${relative.length} relative imports found: the scan is broken`);
    none(
      relative.flatMap((each) => {
        const from = folderOf(each.file) ?? '';
        const to = folderOf(targetOf(each));
        const isAllowed = to !== undefined && (to === from || foldersBelow(from)?.includes(to));
        return isAllowed === true ? [] : [`${each.file} → ${each.specifier}`];
      }),
    );
  });

  test('every import is written in the shortest way, with its extension, and means a file', () => {
    none(
      imports.flatMap((each) => {
        if (!each.specifier.startsWith('.')) return [];
        const isGenerated = targetOf(each).startsWith(generated);
        const isFile =
          isGenerated || statSync(join(root, targetOf(each)), { throwIfNoEntry: false })?.isFile() === true;
        return isFile && shortestSpecifier(each) === each.specifier ? [] : [`${each.file} → ${each.specifier}`];
      }),
    );
  });

  test('nothing is imported by alias, by a computed name or for its side effects', () => {
    none(
      imports
        .filter(({ kind, specifier }) => kind === 'bare' || specifier === '' || /^[#~/]|^@\//.test(specifier))
        .map(({ file, specifier }) => `${file} → ${specifier}`),
    );
    assert.equal(manifest.imports, undefined, 'package.json must define no import aliases');
    assert.doesNotMatch(textOf('tsconfig.json'), /"(paths|baseUrl)"/);
  });

  test('src/ imports packages of package.json only, and test packages in tests only', () => {
    none(
      imports.flatMap(({ file, specifier }) => {
        if (/^\.|^node:|^$/.test(specifier)) return [];
        const name = packageOf(specifier);
        const isKnown = name in manifest.dependencies || (isTest(file) && name in manifest.devDependencies);
        return isKnown ? [] : [`${file} → ${specifier}`];
      }),
    );
  });

  test('the pure layers import no built-in and nothing dynamically', () => {
    const pure = imports.filter(({ file }) => isIn(pureFolders, file) && !isTest(file));
    none(
      pure
        .filter(
          ({ file, kind, specifier }) =>
            (specifier.startsWith('node:') && !pureExceptions[file]?.includes(specifier)) ||
            (kind === 'dynamic' && !isTypeOnly(file, specifier)),
        )
        .map(({ file, specifier }) => `${file} → ${specifier}`),
    );
  });

  test('every module of the pure layers can be imported alone, without effect on the process', async () => {
    const before = Object.keys(globalThis).toSorted();
    const modules = sources.filter((file) => isIn(pureFolders, file) && !isTest(file));
    assert.ok(modules.length > 3, 'no modules found: the scan is broken');
    for (const file of modules) await import(pathToFileURL(join(root, file)).href);
    assert.deepEqual(Object.keys(globalThis).toSorted(), before);
  });
});

describe('the tree', () => {
  test('no file of code has more than 400 lines', () => {
    const code = files.filter((file) => /\.(ts|mts|mjs|js)$/.test(file) && !file.startsWith(generated));
    const lengths = code.map((file) => [file, textOf(file).trimEnd().split('\n').length] as const);
    none(lengths.filter(([, lines]) => lines > 400).map(([file, lines]) => `${file}: ${lines} lines`));
  });

  test('no file of src/ is named for nothing in particular', () => {
    const vague = /(^|[/.-])(managers?|helpers?|utils?|common|data|infos?)([/.-]|$)/;
    none(sources.filter((file) => vague.test(file)));
  });

  test('no text knows the machine it was written on', () => {
    const machine = /(?:^|[\s'"`(=:[])\/(?:work|root|home\/[a-z]+|tmp\/w)\//m;
    none(files.filter((file) => isText(file) && machine.test(textOf(file))));
  });

  test('addresses of the web are those of documentation, and no others', () => {
    const read = new Set([
      'www.envoyproxy.io',
      'istio.io',
      'kubernetes.io',
      'grpc.io',
      'github.com',
      'pkg.go.dev',
      'protobuf.dev',
    ]);
    const others = new Set(['no-color.org', 'www.w3.org', 'www.gutenberg.org']);
    const reserved = /^[\d.]+$|(^|\.)(?:example(?:\.com|\.org)?|test|local|svc|domain|localhost)$/i;
    none(
      files
        .filter((file) => isText(file) && file !== 'package-lock.json')
        .flatMap((file) =>
          [...textOf(file).matchAll(/https?:\/\/(?<host>[\w-]+(?:\.[\w-]+)+)/g)]
            .map((match) => match.groups?.['host'] ?? '')
            .filter((host) => !read.has(host) && !others.has(host) && !reserved.test(host))
            .map((host) => `${file}: ${host}`),
        ),
    );
  });

  test('every dependency has its line in docs/dependencies.md, with its version and a reason', () => {
    const rows = textOf('docs/dependencies.md')
      .split('\n')
      .filter((line) => line.startsWith('|'));
    const all = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies };
    none(
      Object.entries(all).flatMap(([name, version]) => {
        const cells = rows.map((row) => row.split('|').map((cell) => cell.trim()));
        const row = cells.find((each) => each[1] === `\`${name}\``);
        return row?.[2] === version && (row[3] ?? '') !== '' && (row[4] ?? '') !== '' ? [] : [`${name} ${version}`];
      }),
    );
  });

  test('every version in package.json is exact, and set-up lets no package run a script', () => {
    const all = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies };
    none(
      Object.entries(all).flatMap(([name, version]) => (/^\d+\.\d+\.\d+$/.test(version) ? [] : [`${name} ${version}`])),
    );
    assert.match(textOf('tools/go.mjs'), /npm\('ci', '--ignore-scripts'/);
  });
});

/** Whether an `import('…')` stands where a type is meant: after a colon, an angle bracket or the like. */
function isTypeOnly(file: string, specifier: string): boolean {
  const text = textOf(file);
  return text.includes(`: import('${specifier}')`) || text.includes(`<import('${specifier}')`);
}

function isText(file: string): boolean {
  return existsSync(join(root, file)) && !/\.(png|jpg|ico|wasm|br|gz|woff2?|binpb|pem|der)$/.test(file);
}
