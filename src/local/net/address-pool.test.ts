import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAddressPool } from './address-pool.ts';

test('addresses are handed out in turn and come back late', () => {
  const pool = createAddressPool('10.44');
  assert.deepEqual([pool.take(), pool.take()], ['10.44.0.2', '10.44.0.3']);
  pool.release('10.44.0.2');
  assert.equal(pool.take(), '10.44.0.4');
  pool.release('10.44.0.2');
  assert.equal(pool.taken(), 2);
});

test('the range is used up to its end, without its first and last address, and then refused', () => {
  const pool = createAddressPool('10.44');
  const all = new Set<string>();
  for (let count = 0; count < 65_533; count += 1) all.add(pool.take());
  assert.equal(all.size, 65_533);
  assert.ok(all.has('10.44.255.254') && all.has('10.44.1.0') && !all.has('10.44.255.255') && !all.has('10.44.0.1'));
  assert.throws(() => pool.take(), /all 65533 pod addresses of 10\.44\.0\.0\/16 are taken/u);
  pool.release('10.44.7.7');
  assert.equal(pool.take(), '10.44.7.7');
});
