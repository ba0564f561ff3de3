/** Configuration at the edge of what is written by mistake: it is refused with a reason, or Envoy takes what comes of it. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { resourcesOf } from '../../src/compile/testing/proxy-json.ts';
import { envoyPath } from '../../src/local/envoy-binary.ts';
import { loadMesh, putMeshConfig, putObject } from '../../src/model/load.ts';
import { check, checkMeshConfig, type MeshConfig } from '../../src/schema/index.ts';
import { baseObjects, proxies } from './fields/mesh.ts';
import { hostileObjects, hostileSettings } from './fields/hostile.ts';
import { objectsOf } from './mesh-fixture.ts';
import { validateChanges, type Changed } from './validate-changes.ts';

const base = loadMesh(baseObjects);
const before = proxies.map((proxy) => resourcesOf(base, proxy));
const seen: Changed[] = [];
let refused = 0;

function compile(name: string, text: string, settings: MeshConfig): void {
  const objects = objectsOf(text);
  const errors = [...objects.flatMap((object) => check(object)), ...checkMeshConfig(settings)].filter(
    ({ level }) => level === 'error',
  );
  if (errors.length > 0) {
    refused++;
    return;
  }
  const engine = base.fork();
  engine.transact((transaction) => {
    putMeshConfig(transaction, settings);
    for (const object of objects) putObject(transaction, object);
  });
  proxies.forEach((proxy, i) => {
    for (const [key, resource] of resourcesOf(engine, proxy)) {
      if (before[i]?.get(key)?.version === resource.version) continue;
      seen.push({ field: name, name: key, resource });
      const names = resource.units.map((unit) => unit.name);
      assert.equal(new Set(names).size, names.length, `units of ${key} share a name: ${names.join(', ')}`);
    }
  });
}

describe('objects', () => {
  for (const [name, text] of Object.entries(hostileObjects)) test(name, () => compile(name, text, {}));
});

describe('settings', () => {
  for (const [name, settings] of Object.entries(hostileSettings)) test(name, () => compile(name, '', settings));
});

after(async () => {
  assert.deepEqual(await validateChanges(envoyPath(), seen), []);
  assert.ok(refused < seen.length, 'hardly anything was compiled');
});
