import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseDuration, protoDuration } from './duration.ts';
import { MizzenError } from './error.ts';

test("durations in Go's notation", () => {
  const cases: readonly (readonly [string, number | undefined])[] = [
    ['0', 0],
    ['-0', 0],
    ['5s', 5_000],
    ['1h30m', 5_400_000],
    ['0.5s', 500],
    ['.5s', 500],
    ['1.s', 1_000],
    ['250ms', 250],
    ['1.001s', 1_001],
    ['-1.5m', -90_000],
    ['+3s', 3_000],
    ['1h1m1s1ms1us1ns', 3_661_001.001_001],
    ['2\u00b5s', 0.002],
    ['2\u03bcs', 0.002],
    ['2562047h', 2_562_047 * 3_600_000],
    ['2562048h', undefined],
    ['', undefined],
    ['5', undefined],
    ['s', undefined],
    ['.s', undefined],
    ['5 s', undefined],
    ['5d', undefined],
    ['1e3s', undefined],
    ['5s5', undefined],
    ['00', undefined],
    ['--5s', undefined],
    [`${'1'.repeat(64)}s`, undefined],
  ];
  for (const [text, expectedMs] of cases) assert.equal(parseDuration(text), expectedMs, text);
});

test("protobuf's form of a duration says the same", () => {
  assert.equal(protoDuration(0), '0s');
  assert.equal(protoDuration(-0), '0s');
  assert.equal(protoDuration(1_500), '1.5s');
  assert.equal(protoDuration(100_000), '100s');
  assert.equal(protoDuration(-250), '-0.25s');
  assert.equal(protoDuration(0.000_001), '0.000000001s');
  fc.assert(
    fc.property(fc.integer({ min: -1e9, max: 1e9 }), (durationMs) => {
      assert.equal(parseDuration(protoDuration(durationMs)), durationMs);
    }),
  );
});

test('an error carries its code, cause and fix', () => {
  const cause = new Error('no such file');
  const error = new MizzenError('envoy-missing', 'there is no Envoy', { cause, fix: 'npm run setup' });
  assert.ok(error instanceof Error);
  assert.equal(String(error), 'MizzenError: there is no Envoy');
  assert.deepEqual([error.code, error.cause, error.fix], ['envoy-missing', cause, 'npm run setup']);
  assert.ok(!('cause' in new MizzenError('a', 'b')));
});
