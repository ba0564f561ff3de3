import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bagAdd, bagEach, bagRemove, bagSize, type Bag } from './bag.ts';
import { byText } from '../order.ts';
import { changeGroup, emptyGroup, type Group } from './group.ts';
import { LayeredMap } from './layered-map.ts';

const keys = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
const manyKeys = Array.from({ length: 24 }, (_, i) => `k${i}`);

test('a bag holds what a set holds', () => {
  const things = Array.from({ length: 14 }, (_, i) => ({ i }));
  const step = fc.record({ add: fc.boolean(), thing: fc.constantFrom(...things) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (list) => {
      let bag: Bag<object>;
      const set = new Set<object>();
      for (const { add, thing } of list) {
        bag = add ? bagAdd(bag, thing) : bagRemove(bag, thing);
        if (add) set.add(thing);
        else set.delete(thing);
        const seen = new Set<object>();
        bagEach(bag, (one) => seen.add(one));
        assert.deepEqual(seen, set);
        assert.equal(bagSize(bag), set.size);
        assert.equal(bag === undefined, set.size === 0);
      }
    }),
  );
});

test('a layered map and its forks each hold what a map of their own holds', () => {
  const step = fc.record({
    at: fc.nat(5),
    act: fc.constantFrom('set', 'set', 'delete', 'fork'),
    key: fc.constantFrom(...manyKeys),
    value: fc.nat(9),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (list) => {
      // Full at the start, so that layers of different sizes come about.
      const full = manyKeys.map((key) => [key, -1] as const);
      const pairs = [{ layered: new LayeredMap<number>(new Map(full)), plain: new Map<string, number>(full) }];
      for (const { at, act, key, value } of list) {
        const pair = pairs[at % pairs.length];
        if (pair === undefined) continue;
        if (act === 'set') {
          pair.layered.set(key, value);
          pair.plain.set(key, value);
        } else if (act === 'delete') {
          pair.layered.delete(key);
          pair.plain.delete(key);
        } else
          pairs[pairs.length < 6 ? pairs.length : value % 6] = {
            layered: pair.layered.fork(),
            plain: new Map(pair.plain),
          };
        for (const { layered, plain } of pairs) {
          const entries = [...layered.entries()];
          assert.equal(entries.length, plain.size);
          assert.deepEqual(new Map(entries), plain);
          assert.equal(layered.size, plain.size);
          assert.equal(layered.get(key), plain.get(key));
        }
      }
    }),
  );
});

test('a group after changes is the sorted group of what is left', () => {
  const changes = fc.array(fc.tuple(keys, fc.option(fc.nat(9), { nil: undefined })), { maxLength: 6 });
  fc.assert(
    fc.property(fc.array(changes, { maxLength: 6 }), (rounds) => {
      const plain = new Map<string, number>();
      let group: Group = emptyGroup;
      for (const round of rounds) {
        for (const [key, value] of round) {
          if (value === undefined) plain.delete(key);
          else plain.set(key, value);
        }
        group = changeGroup(
          group,
          new Map(round.map(([key, value]) => [key, value === undefined ? undefined : { value }])),
        );
        const sorted = [...plain].sort(([a], [b]) => byText(a, b));
        assert.deepEqual(
          group.keys,
          sorted.map(([key]) => key),
        ); // sorted by key
        assert.deepEqual(
          group.values,
          sorted.map(([, value]) => value),
        );
      }
    }),
  );
});
