import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import fc from 'fast-check';
import { nestingDepth, parseDocumentText } from './yaml-document.ts';
import { createYamlParser } from './yaml-parser.ts';
import { maxDocumentBytes, splitDocuments } from './yaml-split.ts';
import { parseYaml } from './yaml.ts';
import type { ScopeOf } from './source.ts';

const scopeOf: ScopeOf = (_, kind) =>
  kind === 'Namespace' ? 'Cluster' : kind === 'ConfigMap' || kind === 'Service' ? 'Namespaced' : undefined;
const parse = (text: string) => parseYaml('a.yaml', text, scopeOf);
const configMap = (name: string, rest = ''): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n${rest}`;
const field = (text: string): unknown =>
  (parseDocumentText(`a: ${text}`).roots[0]?.value as { a?: unknown } | undefined)?.a;
const errorOf = (text: string) => parseDocumentText(text).problems[0];

describe('scalars as kubectl reads them', () => {
  const cases: [string, unknown][] = [
    ['yes', true],
    ['NO', false],
    ['on', true],
    ['Off', false],
    ['y', true],
    ['oN', 'oN'],
    ['"yes"', 'yes'],
    ["'no'", 'no'],
    ['1:30', '1:30'],
    ['017', 15],
    ['0644', 420],
    ['08', 8],
    ['0o17', 15],
    ['0x1F', 31],
    ['0b11', 3],
    ['-0x10', -16],
    ['1_000', 1000],
    ['2026-01-02', '2026-01-02'],
    ['1e3', 1000],
    ['1.', 1],
    ['.5', 0.5],
    ['-1.5E-2', -0.015],
    ['1.2.3', '1.2.3'],
    ['10m', '10m'],
    ['~', null],
    ['', null],
    ['null', null],
    ['Null', null],
    ['nUll', 'nUll'],
    ['1e999', '1e999'],
    ['!!str 5', '5'],
    ['!!int "5"', 5],
    ['!!float 5', 5],
    ['!!bool "on"', true],
    ['!!binary aGk=', 'hi'],
    ['|\n  no\n', 'no\n'],
  ];
  for (const [text, value] of cases) test(JSON.stringify(text), () => assert.deepEqual(field(text), value));
  test('keys are text, and a boolean key is its word', () => {
    assert.deepEqual(parseDocumentText('on: 1\n5: 2\n0x10: 3').roots[0]?.value, { true: 1, 5: 2, 16: 3 });
  });
  test('what JSON cannot hold is refused', () => {
    for (const text of ['a: .nan', 'a: -.Inf', '? [1]\n: 2', '~: 1', 'a: !!int x', 'a: !mine x'])
      assert.ok(errorOf(text), text);
  });
});

describe('documents', () => {
  test('several documents, comments, CRLF, a BOM and a List', () => {
    const text = `\ufeff# head\r\n---\r\n${configMap('a').replaceAll('\n', '\r\n')}---\n# nothing\n---\n${configMap('b')}...\n--- # c\n`;
    const list = `apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Service\n  metadata: {name: s, namespace: x}\n  spec:\n    ports:\n    - port: 1\n- ${configMap('d').replaceAll('\n', '\n  ')}`;
    const { objects, problems } = parse(text + list);
    assert.deepEqual(problems, []);
    assert.deepEqual(
      objects.map(({ object }) => `${object.kind} ${object.metadata.namespace}/${object.metadata.name}`),
      ['ConfigMap default/a', 'ConfigMap default/b', 'Service x/s', 'ConfigMap default/d'],
    );
    const lines = (text + list).split('\n');
    const service = objects[2]?.origin;
    assert.match(lines[(service?.lines?.['spec.ports[0].port'] ?? 0) - 1] ?? '', /- port: 1/u);
    assert.match(lines[(service?.line ?? 0) - 1] ?? '', /- apiVersion/u);
  });
  test('a bad document does not hide its neighbours, and is told with its line', () => {
    const { objects, problems } = parse(
      `${configMap('a')}---\nkind: [\n---\n${configMap('b', 'data: {x: 1}\ndata: {}\n')}---\n${configMap('c')}`,
    );
    assert.deepEqual(
      objects.map(({ object }) => object.metadata.name),
      ['a', 'c'],
    );
    assert.deepEqual(
      problems.map(({ line, level }) => [line, level]),
      [
        [7, 'error'],
        [13, 'error'],
      ],
    );
    assert.match(problems[1]?.message ?? '', /"data" is there twice/u);
  });
  test('a separator within a block scalar at column 0 only', () => {
    assert.equal(parse(configMap('a', 'data:\n  x: |\n    ---\n    b\n')).objects.length, 1);
    assert.equal(splitDocuments(Buffer.from('a: b\n----\n---x\n--- \nc: d\n---')).documents.length, 2);
  });
  test('JSON is read as well', () => {
    const json = JSON.stringify(
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'j' }, data: { a: 'no\n\t', b: '017' } },
      null,
      '\t',
    );
    assert.deepEqual(parse(json).objects[0]?.object, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace: 'default', name: 'j' },
      data: { a: 'no\n\t', b: '017' },
    });
  });
  test('what is not an object, and kinds nobody knows', () => {
    const messages = (text: string): string[] =>
      parse(text).problems.map((problem) => `${problem.level} ${problem.field ?? ''}`);
    assert.deepEqual(messages('- a'), ['error ']);
    assert.deepEqual(messages('replicas: 1'), ['warning ']);
    assert.deepEqual(messages('kind: Service'), ['error apiVersion']);
    assert.deepEqual(messages('apiVersion: v1'), ['error kind']);
    assert.deepEqual(messages('apiVersion: v1\nkind: Service'), ['error metadata']);
    assert.deepEqual(messages('apiVersion: v1\nkind: Service\nmetadata: {generateName: a}'), ['error metadata.name']);
    assert.deepEqual(messages('apiVersion: v1\nkind: Service\nmetadata: {name: A_b}'), ['error metadata.name']);
    assert.deepEqual(messages('apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: ../x}'), [
      'error metadata.namespace',
    ]);
    assert.deepEqual(messages('apiVersion: v1\nkind: Wombat\nmetadata: {name: a}'), ['warning kind']);
    assert.equal(
      parse('apiVersion: v1\nkind: Namespace\nmetadata: {name: a, namespace: b}').objects[0]?.object.metadata.namespace,
      undefined,
    );
  });
  test('aliases and merge keys', () => {
    const value = parseDocumentText('a: &a {x: 1, y: [2]}\nb: {<<: *a, x: 3}\nc: *a\nd: {<<: [{x: 7}, *a]}').roots[0]
      ?.value;
    assert.deepEqual(value, {
      a: { x: 1, true: [2] },
      b: { x: 3, true: [2] },
      c: { x: 1, true: [2] },
      d: { x: 7, true: [2] },
    });
  });
});

describe('hostile text', () => {
  test('prototype keys are refused or harmless', () => {
    assert.match(errorOf('metadata:\n  __proto__: {polluted: 1}')?.message ?? '', /__proto__/u);
    const value = parseDocumentText('constructor: {prototype: {polluted: 1}}\ntoString: a').roots[0]?.value;
    assert.deepEqual(Object.keys(value ?? {}), ['constructor', 'toString']);
    assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
  });
  test('alias bombs, loops and missing anchors', () => {
    const bomb = [
      'a0: &a0 [x,x,x,x,x,x,x,x,x,x]',
      ...Array.from(
        { length: 12 },
        (_, i) => `a${i + 1}: &a${i + 1} [${Array.from({ length: 10 }, () => `*a${i}`).join(', ')}]`,
      ),
    ].join('\n');
    assert.match(errorOf(bomb)?.message ?? '', /more than 200000 values/u);
    for (const text of ['a: &a [*a]', 'a: &a {b: {<<: *a}}', 'a: *b\nb: &b 1', 'a: *none', '&a a: *a'])
      assert.equal(parseDocumentText(text).roots.length, text.startsWith('&') ? 1 : 0, text);
  });
  test('depth is found without recursion', () => {
    for (const text of [
      `${'['.repeat(20_000)}`,
      `{a: ${'{a: '.repeat(300)}${'}'.repeat(301)}`,
      `${'- '.repeat(5_000)}a`,
      `${'? '.repeat(5_000)}a`,
      Array.from({ length: 150 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'),
      `["${']'.repeat(200)}",${'["]]",'.repeat(150)}`,
    ]) {
      assert.match(errorOf(text)?.message ?? '', /deeper than 100/u, text.slice(0, 20));
    }
    const shallow = `a: |\n${Array.from({ length: 500 }, () => '  [ { [ {').join('\n')}\n`;
    assert.equal(nestingDepth(shallow) < 100, true);
    assert.equal(errorOf(`a: ${'['.repeat(98)}${']'.repeat(98)}`), undefined);
  });
  test('sizes, encoding, control characters', () => {
    const big = configMap('b', `data:\n  a: "${'x'.repeat(maxDocumentBytes)}"\n`);
    const { objects, problems } = parse(`${configMap('a')}---\n${big}---\n${configMap('c')}`);
    assert.deepEqual([objects.length, problems.length, problems[0]?.line], [2, 1, 5]);
    assert.match(splitDocuments(new Uint8Array(16 * 1024 * 1024 + 1)).problems[0]?.message ?? '', /more than/u);
    assert.deepEqual(splitDocuments(Buffer.from([0x61, 0x0a, 0xff, 0xfe])).problems[0]?.line, 2);
    assert.deepEqual(splitDocuments(Buffer.from('a: 1\nb: \u0000')).problems[0]?.line, 2);
    assert.match(errorOf('a:\n\tb: 1')?.message ?? '', /tab/u);
  });
  test('any text ends in values or a problem, and any JSON is read as itself', () => {
    const piece = fc.constantFrom(
      'a',
      ':',
      ' ',
      '\n',
      '- ',
      '[',
      ']',
      '{',
      '}',
      '"',
      "'",
      '|',
      '>',
      '&a ',
      '*a',
      '<<',
      '#',
      '? ',
      '!!int ',
      '%YAML',
      '---',
      ',',
      '\t',
      '  ',
      '1',
      '~',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        const { roots, problems } = parseDocumentText(pieces.join(''));
        assert.ok(roots.length <= 1 || problems.length === 0);
      }),
      { numRuns: 1500 },
    );
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.string({ minLength: 1 }).filter((key) => key !== '__proto__' && key !== 'kind'),
          fc.jsonValue({ depthSize: 'small' }),
        ),
        (value) => {
          const text = JSON.stringify(value);
          assert.deepEqual(JSON.parse(JSON.stringify(parseDocumentText(text).roots[0]?.value)), JSON.parse(text));
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('the worker', () => {
  const parser = createYamlParser({ timeoutMs: 20_000 });
  after(() => parser.close());
  test('only changed documents are parsed again', async () => {
    const first = await parser.parse(Buffer.from(`${configMap('a')}---\n${configMap('b')}`));
    assert.equal(parser.parsedCount(), 2);
    const second = await parser.parse(Buffer.from(`# moved\n---\n${configMap('b')}---\n${configMap('c')}`), first);
    assert.equal(parser.parsedCount(), 3);
    assert.deepEqual(
      second.documents.map(({ document, values }) => [document.line, values.roots.length]),
      [
        [2, 1],
        [7, 1],
      ],
    );
  });
  test('a document that takes too long is an error, and the next one is parsed', async () => {
    const hasty = createYamlParser({ timeoutMs: 1 });
    const result = await hasty.parse(Buffer.from(configMap('a')));
    assert.match(result.documents[0]?.values.problems[0]?.message ?? '', /longer than 1 ms/u);
    await hasty.close();
  });
});
