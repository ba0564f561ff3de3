import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hashBytes, hashJson, hashText } from './hash.ts';
import { canonicalJson, deepEqual, deepFreeze, equalBytes } from './json.ts';

/** The same data with its objects' keys written in another order. */
function reordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reordered);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, member]) => [key, reordered(member)] as const);
  return Object.fromEntries([...entries.toReversed(), ['absent', undefined]]);
}

test('data equals itself in another order of keys, in text and in hash', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const other = reordered(value);
      assert.ok(deepEqual(value, other) && deepEqual(other, value));
      assert.equal(canonicalJson(value), canonicalJson(other));
      assert.equal(hashJson(value), hashJson(other));
      // Number zero has two signs in JavaScript and one in JSON.
      assert.deepEqual(JSON.parse(canonicalJson(value)), JSON.parse(JSON.stringify(value)));
    }),
  );
});

test('different data is different, in text and in hash', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
      const same = JSON.stringify(a) === JSON.stringify(b);
      if (deepEqual(a, b)) assert.equal(canonicalJson(a), canonicalJson(b));
      else if (!same) assert.notEqual(hashJson(a), hashJson(b));
    }),
  );
  const different: readonly (readonly [unknown, unknown])[] = [
    [{ a: 1 }, { a: 1, b: 2 }],
    [
      { a: undefined, b: 1 },
      { a: 1, b: undefined },
    ],
    [{}, []],
    [[], { length: 0 }],
    [{}, { constructor: {} }],
    [[1], ['1']],
    [null, {}],
    [new Uint8Array([1]), new Uint8Array([2])],
    [new Uint8Array([1]), [1]],
    [new Map([[1, 2]]), new Map([[1, 3]])],
    [new Map(), new Set()],
    [new Set([1]), new Set([2])],
    [new Map(), {}],
  ];
  for (const [a, b] of different) assert.ok(!deepEqual(a, b) && !deepEqual(b, a), canonicalJson([a, b]));
});

test('equality knows bytes, maps and sets', () => {
  assert.ok(deepEqual({ a: new Uint8Array([1, 2]) }, { a: new Uint8Array([1, 2]) }));
  assert.ok(deepEqual(new Map([['a', { b: 1 }]]), new Map([['a', { b: 1 }]])));
  assert.ok(deepEqual(new Set(['a', 'b']), new Set(['b', 'a'])));
  assert.ok(equalBytes(new Uint8Array(), new Uint8Array()));
  assert.ok(!equalBytes(new Uint8Array(1), new Uint8Array(2)));
});

test('canonical text sorts by code unit and says null where JSON has no word', () => {
  assert.equal(
    canonicalJson({ b: 1, a: [undefined, Number.NaN], 10: 1, 9: 1 }),
    '{"10":1,"9":1,"a":[null,null],"b":1}',
  );
  assert.equal(canonicalJson(undefined), 'null');
  assert.equal(canonicalJson({ f: () => 1, u: undefined }), '{}');
  assert.equal(canonicalJson({ at: new Date(0) }), '{"at":"1970-01-01T00:00:00.000Z"}');
});

test('freezing goes all the way down and leaves bytes alone', () => {
  const value = deepFreeze({ list: [{ deep: { deeper: 1 } }], bytes: new Uint8Array(1) });
  assert.throws(() => Object.assign(value.list[0]?.deep ?? {}, { deeper: 2 }), TypeError);
  value.bytes[0] = 1;
  assert.equal(value.bytes[0], 1);
});

test('hashes are 22 characters, of the bytes and nothing else', () => {
  // SHA-256 of "abc" (FIPS 180-2, B.1), its first 16 bytes.
  const expected = Buffer.from('ba7816bf8f01cfea414140de5dae2223', 'hex').toString('base64url');
  assert.equal(hashText('abc'), expected);
  assert.equal(hashBytes(Buffer.from('a'), Buffer.from('bc')), expected);
  assert.equal(hashText('abc').length, 22);
});
