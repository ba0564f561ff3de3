import { defineConfig } from 'oxlint';
import { pureFolders } from './tools/layers.ts';

const impureGlobals = [
  'process',
  'Date',
  'fetch',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'performance',
  'crypto',
  'globalThis',
  'global',
  'require',
  'WebSocket',
  'EventSource',
  'XMLHttpRequest',
  'Temporal',
];

export default defineConfig({
  plugins: ['typescript', 'unicorn', 'oxc', 'import', 'promise', 'node'],
  jsPlugins: ['./tools/lint-pure.mjs'],
  categories: { correctness: 'error' },
  options: { typeAware: true, typeCheck: true },
  ignorePatterns: ['src/proto/generated/**'],
  rules: {
    'import/no-cycle': ['error', { ignoreTypes: false }],
    'import/no-self-import': 'error',
    'import/no-default-export': 'error',
    'import/no-mutable-exports': 'error',
    'typescript/no-explicit-any': 'error',
    'typescript/no-non-null-assertion': 'error',
    'typescript/consistent-type-imports': 'error',
    'typescript/no-floating-promises': 'error',
    'typescript/no-misused-promises': 'error',
    'typescript/only-throw-error': 'error',
    'typescript/explicit-module-boundary-types': 'error',
    // A switch over a union names every case or has a default that throws or answers for the rest on purpose.
    'typescript/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    'unicorn/filename-case': ['error', { case: 'kebabCase' }],
    eqeqeq: 'error',
    'no-var': 'error',
    'prefer-const': 'error',
    'no-empty': 'error',
    'max-lines': ['error', { max: 400 }],
    'max-lines-per-function': ['error', { max: 60 }],
    'max-params': ['error', { max: 4 }],
    'max-depth': ['error', { max: 3 }],
    complexity: ['error', { max: 20 }],
    'mizzen/no-export-all': 'error',
  },
  overrides: [
    { files: ['src/**'], rules: { 'mizzen/layers': 'error', 'no-console': 'error' } },
    {
      files: pureFolders.map((folder) => `src/${folder}/**`),
      rules: {
        'mizzen/pure': 'error',
        'no-restricted-globals': ['error', ...impureGlobals],
        'no-restricted-properties': ['error', { object: 'Math', property: 'random', message: 'pure layer: no random' }],
      },
    },
    {
      // Tests may read files and clocks, and a test's callback is a list, not a function to be understood as one.
      files: ['**/*.test.ts'],
      rules: {
        'max-lines-per-function': 'off',
        'mizzen/pure': 'off',
        'no-restricted-globals': 'off',
        'no-restricted-properties': 'off',
        // `test()` and `describe()` give promises that the runner itself awaits.
        'typescript/no-floating-promises': [
          'error',
          {
            allowForKnownSafeCalls: [
              { from: 'package', package: 'node:test', name: ['test', 'it', 'describe', 'suite', 'default'] },
            ],
          },
        ],
      },
    },
    {
      files: ['oxlint.config.ts', 'tools/lint-pure.mjs', 'tools/testing/reporter.ts'],
      rules: { 'import/no-default-export': 'off' },
    },
  ],
});
