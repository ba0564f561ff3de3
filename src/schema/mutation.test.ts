import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { check } from './index.ts';
import { soundObjects } from './testing/sound-objects.ts';

const junk = fc.oneof(
  fc.constantFrom(
    null,
    undefined,
    '',
    0,
    -1,
    true,
    [],
    {},
    [null],
    [[]],
    { a: null },
    '*',
    '/',
    '~',
    '{**}',
    '(',
    Number.POSITIVE_INFINITY,
    '9'.repeat(70_000),
  ),
  fc.jsonValue(),
  fc.string(),
);
const mutation = fc.record({ at: fc.nat(), value: junk, how: fc.constantFrom('replace', 'remove', 'add') });

/** Every place in a value, as the object that holds it and its key. */
function placesIn(value: unknown): readonly { readonly holder: Record<string, unknown>; readonly key: string }[] {
  if (typeof value !== 'object' || value === null) return [];
  const holder = value as Record<string, unknown>;
  return Object.keys(holder).flatMap((key) => [{ holder, key }, ...placesIn(holder[key])]);
}

function mutated(object: unknown, mutations: readonly { at: number; value: unknown; how: string }[]): unknown {
  const copy = structuredClone(object);
  for (const { at, value, how } of mutations) {
    const places = placesIn(copy);
    const place = places[at % Math.max(1, places.length)];
    if (place === undefined) continue;
    if (how === 'remove') Reflect.deleteProperty(place.holder, place.key);
    else if (how === 'replace') place.holder[place.key] = value;
    else if (Array.isArray(place.holder)) place.holder.push(value);
    else place.holder[`x${at % 7}`] = value;
  }
  return copy;
}

/** True if the path leads to something, or to a field that a value which is there lacks. */
function leadsSomewhere(path: string, object: unknown): boolean {
  const steps = [...path.matchAll(/\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|([^.[\]]+)/gu)].map(
    ([, index, quoted, plain]) => index ?? (quoted === undefined ? plain : String(JSON.parse(`"${quoted}"`))),
  );
  let value = object;
  for (const step of steps.slice(0, -1)) {
    if (typeof value !== 'object' || value === null || step === undefined || !Object.hasOwn(value, step)) return false;
    value = (value as Record<string, unknown>)[step];
  }
  return steps.length === 0 || (typeof value === 'object' && value !== null);
}

test('whatever is written, the check ends without a crash, and its paths lead somewhere', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...soundObjects),
      fc.array(mutation, { minLength: 1, maxLength: 4 }),
      (template, mutations) => {
        const object = mutated(template, mutations);
        for (const { path, message } of check(object, { strict: true })) {
          assert.notEqual(message, '');
          assert.ok(leadsSomewhere(path, withSpec(object)), `${path} in ${JSON.stringify(object)?.slice(0, 2_000)}`);
        }
      },
    ),
    { numRuns: 1_000, seed: 4 },
  );
});

/** A missing spec counts as an empty one. */
function withSpec(object: unknown): unknown {
  return typeof object === 'object' &&
    object !== null &&
    !Array.isArray(object) &&
    (object as { spec?: unknown }).spec === undefined
    ? { ...object, spec: {} }
    : object;
}
