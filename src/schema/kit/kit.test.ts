import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Violation } from '../object.ts';
import { isCidr, isIp } from './address.ts';
import { formatComplaint, type FormatName } from './formats.ts';
import { jsonSchema } from './json-schema.ts';
import { rowsOf } from './ledger.ts';
import { editDistance, nearest } from './nearest.ts';
import {
  anyJson,
  boolean,
  choice,
  duration,
  integer,
  intOrString,
  list,
  map,
  no,
  number,
  object,
  partial,
  quantity,
  required,
  string,
  withDefault,
  yes,
  type Node,
  type Static,
} from './node.ts';
import { withoutNulls } from './nulls.ts';
import { startRun } from './run.ts';
import { checkOf } from './validate.ts';

const shape = object(
  {
    name: required(yes('what it is called', string({ minLength: 1, format: 'host' }))),
    perTryTimeout: yes('how long', duration({ minMs: 1 })),
    mode: withDefault('ON', yes('on or off', choice(['ON', 'OFF', 'AUTO'], { AUTO: 'deciding by itself' }))),
    size: yes('how large', integer({ min: 0, max: 10 })),
    share: yes('how much', number({ min: 0, max: 100 })),
    on: yes('whether', boolean()),
    port: yes('where', intOrString()),
    memory: yes('how much memory', quantity()),
    labels: yes('labels', map(string({ format: 'labelValue' }), { key: string({ format: 'labelKey' }), maxItems: 2 })),
    parts: yes('parts', list(object({ id: required(yes('which', string())) }), { maxItems: 3 })),
    exact: yes('one way', string()),
    prefix: yes('another way', string()),
    future: no('not yet', object({ inner: yes('below', string()) })),
    half: partial('in part', string(), 'only on Tuesdays'),
    extra: yes('anything', anyJson()),
  },
  {
    oneOf: [['exact', 'prefix']],
    rules: [
      ({ size = 0, parts = [] }, report) => {
        if (parts.length > size) report.error('parts[0]', 'is one too many', 'raise size');
      },
    ],
  },
);

/** The violations of a value as lines. */
function found(value: unknown, node: Node = shape): readonly string[] {
  const run = startRun(true);
  checkOf(node)(value, run);
  return run.found.map(lineOf);
}

function lineOf({ level, path, message, fix }: Violation): string {
  return `${level === 'error' ? '' : 'warning '}${path}: ${message}${fix === undefined ? '' : ` → ${fix}`}`;
}

test('types follow from the schema', () => {
  const value: Static<typeof shape> = { name: 'a', mode: 'OFF', parts: [{ id: 'x' }] };
  assert.deepEqual(found({ ...value, size: 1 }), []);
  // @ts-expect-error: name is required
  const missing: Static<typeof shape> = {};
  // @ts-expect-error: no such value
  const wrong: Static<typeof shape> = { name: 'a', mode: 'SLOW' };
  // @ts-expect-error: an absent field is absent, not undefined
  const absent: Static<typeof shape> = { name: 'a', size: undefined };
  assert.ok([missing, wrong, absent].length > 0);
});

test('every violation is found, each with its place and its fix', () => {
  assert.deepEqual(
    found({
      nam: 'a',
      perTryTimeout: 7,
      mode: 'of',
      size: 11,
      share: '5',
      on: 'TRUE',
      port: 1.5,
      memory: '1 GB',
      exact: 'a',
      prefix: 'b',
    }),
    [
      'nam: there is no field "nam" here → write name',
      'perTryTimeout: must be a duration, not 7 → write it with its unit: 7s',
      'mode: "of" is not among the values ON, OFF, AUTO → write OFF',
      'size: must be 0 to 10, not 11',
      'share: must be a number, not "5" → write it without quotes: 5',
      'on: must be true or false, not "TRUE" → write it without quotes: true',
      'port: must be a whole number or text, not 1.5',
      'memory: "1 GB" is no quantity → write it as 100m, 0.5, 128Mi or 1Gi',
      'name: is missing: what it is called',
      ': exact and prefix exclude each other → keep one of exact, prefix',
    ],
  );
});

test('unknown fields name what is meant', () => {
  assert.deepEqual(found({ name: 'a', per_try_timeout: '1s' }), [
    'per_try_timeout: "per_try_timeout" is not how this field is written → write perTryTimeout',
  ]);
  assert.deepEqual(found({ name: 'a', perTryTimout: '1s' }), [
    'perTryTimout: there is no field "perTryTimout" here → write perTryTimeout',
  ]);
  assert.deepEqual(found({ name: 'a', zzzzzz: 1 }), ['zzzzzz: there is no field "zzzzzz" here']);
  assert.deepEqual(found({ name: 'a', constructor: 1, __proto__: 1 }).length, 1);
});

test('durations', () => {
  const line = (perTryTimeout: unknown): string => found({ name: 'a', perTryTimeout }).join();
  for (const good of ['1s', '1h30m', '250ms', '0.5s', '1m']) assert.equal(line(good), '', good);
  assert.match(line('0s'), /a millisecond or more/u);
  assert.match(line('-1s'), /a millisecond or more/u);
  assert.match(line('0.0001s'), /a millisecond or more/u);
  assert.match(line('1.0005s'), /finer than a millisecond/u);
  assert.match(line('7'), /write it with its unit: 7s/u);
  assert.match(line('7 s'), /is no duration/u);
  assert.match(line('soon'), /write it as 1h30m/u);
});

test('enumerations by number are refused, and values without effect are reported', () => {
  assert.deepEqual(found({ name: 'a', mode: 1 }), [
    'mode: must be a name, not the number 1 → write one of ON, OFF, AUTO',
  ]);
  assert.deepEqual(found({ name: 'a', mode: 'AUTO' }), [
    'warning mode: "AUTO" is accepted, but has no effect yet: deciding by itself',
  ]);
});

test('fields without effect are reported once, where they begin', () => {
  assert.deepEqual(found({ name: 'a', future: { inner: 'x' }, half: 'y' }), [
    'warning future: is accepted, but has no effect yet: not yet',
    'warning half: is honoured in part: only on Tuesdays',
  ]);
  assert.deepEqual(
    found({ name: 'a', future: { iner: 'x' } }).at(-1),
    'future.iner: there is no field "iner" here → write inner',
  );
});

test('rules see sound objects only', () => {
  assert.deepEqual(found({ name: 'a', size: 0, parts: [{ id: 'x' }] }), ['parts[0]: is one too many → raise size']);
  assert.deepEqual(found({ name: 'a', size: 0, parts: ['x'] }), ['parts[0]: must be an object, not "x"']);
});

test('lists, maps and depth have limits', () => {
  assert.match(
    found({ name: 'a', size: 9, parts: Array(4).fill({ id: 'x' }) }).join(),
    /parts: must have 3 entries at most, not 4/u,
  );
  assert.match(found({ name: 'a', labels: { a: '1', b: '2', c: '3' } }).join(), /labels: must have 2 entries at most/u);
  assert.match(found({ name: 'a', labels: ['x'] }).join(), /write "key: value" without/u);
  assert.match(found({ name: 'a', parts: {} }).join(), /must be a list, not an object/u);
  let deep: unknown = 1;
  for (let i = 0; i < 101; i++) deep = [deep];
  assert.match(found({ name: 'a', extra: deep }).join(), /nested deeper than 100/u);
  const many = Object.fromEntries(Array.from({ length: 2_000 }, (_, i) => [`x${i}`, 1]));
  assert.equal(found({ name: 'a', ...many }).length, 500);
});

test('keys that are no plain words stand in brackets', () => {
  assert.deepEqual(found({ name: 'a', labels: { 'example.com/x': 'a b' } }), [
    'labels["example.com/x"]: "a b" is no label value: at most 63 letters, digits, "-", "_" or ".", a letter or digit at both ends',
  ]);
});

test('fields without a value count as absent', () => {
  const heard: string[] = [];
  const value = { name: 'a', size: null, parts: [{ id: 'x', on: 1 }], labels: { a: null }, extra: { kept: null } };
  const clean = withoutNulls(shape, value, [], (path) => heard.push(path.join('.')));
  assert.deepEqual(clean, { name: 'a', parts: [{ id: 'x', on: 1 }], labels: { a: null }, extra: { kept: null } });
  assert.deepEqual(heard, ['size']);
  const same = { name: 'a', parts: [{ id: 'x' }] };
  assert.equal(
    withoutNulls(shape, same, [], () => assert.fail()),
    same,
  );
});

test('the ledger has a row for every field and for every value without effect', () => {
  const rows = rowsOf(shape, 'spec');
  const of = (path: string): string | undefined => rows.find((row) => row.path === path)?.support;
  assert.equal(of('spec.name'), 'yes');
  assert.equal(of('spec.parts[].id'), 'yes');
  assert.equal(of('spec.future'), 'no');
  assert.equal(of('spec.future.inner'), 'no');
  assert.equal(of('spec.mode = AUTO'), 'no');
  assert.equal(rows.find((row) => row.path === 'spec.mode')?.default, 'ON');
  assert.equal(rows.find((row) => row.path === 'spec.parts')?.type, 'list of object');
});

test('JSON schemas in both dialects', () => {
  const small = object(
    {
      a: required(yes('first', choice(['X', 'Y']))),
      b: no('second', intOrString(), 'later'),
      c: yes('third', string()),
    },
    { oneOf: [['b', 'c']] },
  );
  assert.deepEqual(jsonSchema(small, 'json'), {
    type: 'object',
    properties: {
      a: { description: 'first', type: 'string', enum: ['X', 'Y'] },
      b: { description: 'second (no effect yet: later)', anyOf: [{ type: 'integer' }, { type: 'string' }] },
      c: { description: 'third', type: 'string' },
    },
    required: ['a'],
    allOf: [
      {
        oneOf: [
          { required: ['b'] },
          { required: ['c'] },
          { not: { anyOf: [{ required: ['b'] }, { required: ['c'] }] } },
        ],
      },
    ],
    additionalProperties: false,
  });
  const openapi = jsonSchema(object({ p: yes('port', intOrString()), x: yes('any', anyJson()) }), 'openapi');
  assert.deepEqual(openapi['properties'], {
    p: { description: 'port', anyOf: [{ type: 'integer' }, { type: 'string' }], 'x-kubernetes-int-or-string': true },
    x: { description: 'any', 'x-kubernetes-preserve-unknown-fields': true },
  });
  assert.equal('additionalProperties' in openapi, false);
});

test('the nearest word', () => {
  assert.equal(editDistance('kitten', 'sitting'), 3);
  assert.equal(editDistance('hosst', 'hosts'), 1);
  assert.equal(nearest('retrys', ['retries', 'route', 'rewrite']), 'retries');
  assert.equal(nearest('Hosts', ['host', 'hosts']), 'hosts');
  assert.equal(nearest('entirelyelse', ['host', 'route']), undefined);
});

test('addresses and ranges', () => {
  for (const good of ['1.2.3.4', '0.0.0.0', '::', '::1', 'fe80::1', '1:2:3:4:5:6:7:8', '::ffff:1.2.3.4', '1::'])
    assert.ok(isIp(good), good);
  for (const bad of [
    '',
    '1.2.3',
    '1.2.3.256',
    '01.2.3.4',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    'g::',
    '1.2.3.4::',
  ])
    assert.ok(!isIp(bad), bad);
  for (const good of ['10.0.0.0/8', '1.2.3.4', '::/0', '2001:db8::/32']) assert.ok(isCidr(good), good);
  for (const bad of ['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/08', '::/129', '10.0.0/8', '10.0.0.0/-1'])
    assert.ok(!isCidr(bad), bad);
});

const formats: readonly (readonly [FormatName, readonly string[], readonly string[]])[] = [
  [
    'host',
    ['a', 'reviews.default.svc.cluster.local', 'istio.io.', 'A-b.c'],
    ['*.a', 'a..b', '-a', 'a_b', 'a.9', `${'a'.repeat(64)}.b`],
  ],
  ['wildcardHost', ['*', '*.a.com', '*-a.b', 'a.b', '9'], ['a.*.b', '**', 'a*', '*.9', '*.a..b']],
  ['regex', ['^/a.*$', '(?i)x', '[a-z]+'], ['(', 'a{2000}', '(?=x)', '(a)\\1', '\\C', 'a'.repeat(1_025)]],
  ['labelKey', ['a', 'example.com/a_b.c', 'A1'], ['/', 'a/b/c', '-a', 'Example.com/a', 'a'.repeat(64)]],
  ['base64', ['', 'YQ==', 'YWI=', 'YWJj', 'YQ'], ['Y', 'Y$==', 'YQ=']],
  ['headerName', ['x-a', ':authority', 'X_b'], ['a b', 'a:b', 'ä']],
  [
    'url',
    ['https://a/b', 'http://a:80', 'http://[::1]:80/x?y'],
    ['ftp://a', 'https://', 'a', 'http://a b', 'http://a:b', 'http://a:99999'],
  ],
  ['absolutePath', ['/', '/a'], ['a', './a']],
];
for (const [format, good, bad] of formats) {
  test(`format ${format}`, () => {
    for (const text of good) assert.equal(formatComplaint(format, text), undefined, text);
    for (const text of bad) assert.notEqual(formatComplaint(format, text), undefined, text);
  });
}
