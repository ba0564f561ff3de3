// Rules of this project that no stock lint rule can say: which folder of src/ may import which, and what keeps the
// lower layers pure. The tables are in layers.ts; test/architecture checks the same ones without the linter.
import { dirname, relative, resolve, sep } from 'node:path';
import { foldersBelow, pureExceptions } from './layers.ts';

const root = dirname(import.meta.dirname);

/** The path of a file below the root with forward slashes. */
function pathInProject(file) {
  return relative(root, file).split(sep).join('/');
}

/** The folder of src/ that a path of the project lies in, or undefined. */
function folderOf(path) {
  const [top, folder, ...rest] = path.split('/');
  return top === 'src' && rest.length > 0 ? folder : undefined;
}

/** Calls `visit(node, specifier)` for every way in which a module names another one. */
function onSpecifier(visit) {
  const bySource = (node) => {
    if (typeof node.source?.value === 'string') visit(node, node.source.value);
  };
  return {
    ImportDeclaration: bySource,
    ExportNamedDeclaration: bySource,
    ExportAllDeclaration: bySource,
    ImportExpression: bySource,
    TSImportType: (node) => {
      const specifier = node.source?.value ?? node.argument?.literal?.value ?? node.argument?.value;
      if (typeof specifier === 'string') visit(node, specifier);
    },
  };
}

const layers = {
  create(context) {
    const path = pathInProject(context.filename);
    const folder = folderOf(path);
    if (folder === undefined) return {};
    const below = foldersBelow(folder);
    return onSpecifier((node, specifier) => {
      if (below === undefined) {
        context.report({ node, message: `src/${folder}/ is not in the table of layers (tools/layers.ts)` });
        return;
      }
      if (!specifier.startsWith('.')) return;
      const target = pathInProject(resolve(dirname(context.filename), specifier));
      const imported = folderOf(target);
      if (imported === folder || below.includes(imported)) return;
      const allowed = below.join(', ') || 'no other folder';
      context.report({ node, message: `src/${folder}/ may import ${allowed}; not ${target}` });
    });
  },
};

const pure = {
  create(context) {
    const allowed = pureExceptions[pathInProject(context.filename)] ?? [];
    const specifiers = onSpecifier((node, specifier) => {
      if (specifier.startsWith('node:') && !allowed.includes(specifier))
        context.report({ node, message: `pure layer: no node built-in (${specifier})` });
    });
    // A computed specifier is as dynamic as a written one.
    return {
      ...specifiers,
      ImportExpression: (node) => context.report({ node, message: 'pure layer: no dynamic import' }),
    };
  },
};

const exportAll = {
  create(context) {
    return {
      ExportAllDeclaration: (node) => context.report({ node, message: 'name what is exported instead of `export *`' }),
    };
  },
};

export default { meta: { name: 'mizzen' }, rules: { layers, pure, 'no-export-all': exportAll } };
