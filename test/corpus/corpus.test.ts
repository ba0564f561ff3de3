import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, test } from 'node:test';
import { scoreText } from './print.ts';
import { isCorpus, runCorpus } from './run-corpus.ts';
import { documentsOf } from './yaml.ts';

const corpus = resolve(import.meta.dirname, '../../../shared/corpus');
const scratch = mkdtempSync(join(tmpdir(), 'corpus-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

test(
  'the corpus has no failure that is not known',
  { skip: isCorpus(corpus) ? false : 'there is no corpus beside the project' },
  () => {
    const report = runCorpus(corpus);
    assert.deepEqual(report.unexpected, []);
    assert.deepEqual(report.mended, []);
    const passed = (suite: string): number =>
      report.results.filter((one) => one.suite === suite && one.outcome.kind === 'passed').length;
    assert.ok(passed('validation') > 0);
    assert.ok(passed('samples') > 0);
  },
);

/** A corpus of one's own: a case that holds, one that does not, and a suite without a runner. */
function ownCorpus(): string {
  const folder = join(scratch, 'own');
  const put = (path: string, text: string): void => {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const object = 'apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: a}\nspec: {servers: []}\n';
  put('validation/files/a.yaml', object);
  for (const expect of ['accept', 'reject', 'mutate']) {
    put(
      `validation/cases/${expect}.json`,
      JSON.stringify({ name: expect, kind: 'Gateway', expect, file: 'files/a.yaml' }),
    );
  }
  put('telepathy/cases/a.json', '{}');
  put(
    'samples/manifest.json',
    JSON.stringify({
      samples: [
        { file: 'files/a.yaml', objects: [{}], meshConfiguration: true },
        { file: 'files/token', objects: [] },
      ],
    }),
  );
  put('samples/files/a.yaml', `${object}---\napiVersion: example.com/v1\nkind: Thing\nmetadata: {name: b}\n`);
  return folder;
}

test('failures, mended ones and what has no runner are told apart', () => {
  const report = runCorpus(ownCorpus(), {
    known: { validation: { accept: 'Gateways need a server', gone: 'was here once' } },
  });
  const named = report.results.map(({ suite, name, outcome }) => `${suite} ${name}: ${outcome.kind}`);
  assert.deepEqual(named.toSorted(), [
    'samples files/a.yaml translated: passed',
    'samples files/a.yaml#1 Gateway: failed',
    'samples files/a.yaml#2: unsupported',
    'samples files/token: unsupported',
    'telepathy a.json: unsupported',
    'validation accept: failed',
    'validation mutate: unsupported',
    'validation reject: passed',
  ]);
  assert.deepEqual(
    report.unexpected.map(({ name }) => name),
    ['files/a.yaml#1 Gateway'],
  );
  assert.deepEqual(report.mended, ['validation: gone']);
  const text = scoreText(report, true);
  assert.match(text, /failed as known: validation: accept/u);
  assert.match(text, /unsupported: no runner for this suite/u);
  assert.match(text, /take it off/u);
});

test('only the suites that are named run', () => {
  const suites = new Set(runCorpus(ownCorpus(), { only: ['telepathy'], known: {} }).results.map(({ suite }) => suite));
  assert.deepEqual([...suites], ['telepathy']);
});

test('booleans are read as kubectl reads them', () => {
  assert.deepEqual(documentsOf('a: yes\nb: off\nc: "yes"\nd: nope\n---\n'), [
    { a: true, b: false, c: 'yes', d: 'nope' },
  ]);
});
