/** Every supported field alone, set to two values: some resource of some proxy differs, and Envoy takes both. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import type { Engine } from '../../src/base/engine/index.ts';
import { deepEqual, type JsonObject, type JsonValue } from '../../src/base/json.ts';
import { resourcesOf } from '../../src/compile/testing/proxy-json.ts';
import { envoyPath } from '../../src/local/envoy-binary.ts';
import { loadMesh, putMeshConfig, putObject } from '../../src/model/load.ts';
import type { Resource } from '../../src/proto/index.ts';
import { check, checkMeshConfig, type KubeObject, type MeshConfig } from '../../src/schema/index.ts';
import type { FieldCase, KindCases } from './fields/case.ts';
import { destinationRuleCases } from './fields/destination-rule.ts';
import { baseObjects, proxies } from './fields/mesh.ts';
import {
  authorizationPolicyCases,
  gatewayCases,
  meshConfigCases,
  peerAuthenticationCases,
  serviceEntryCases,
  sidecarCases,
} from './fields/others.ts';
import { merged, placed } from './fields/place.ts';
import { supportedFields, valuesBySchema, type FieldRow } from './fields/rows.ts';
import { virtualServiceCases } from './fields/virtual-service.ts';
import { objectsOf } from './mesh-fixture.ts';
import { validateChanges, type Changed } from './validate-changes.ts';

const kinds: readonly KindCases[] = [
  virtualServiceCases,
  destinationRuleCases,
  gatewayCases,
  serviceEntryCases,
  sidecarCases,
  peerAuthenticationCases,
  authorizationPolicyCases,
  meshConfigCases,
];

const base = loadMesh(baseObjects);
const demands = proxies.map((proxy) => resourcesOf(base, proxy));
const seen: Changed[] = [];

function byEnd(cases: KindCases, path: string): FieldCase & { readonly end: string } {
  const end = Object.keys(cases.fields)
    .filter(
      (key) => path === key || path.endsWith(`.${key}`) || (path.endsWith(key) && !/[A-Za-z]/u.test(key[0] ?? '')),
    )
    .toSorted((a, b) => b.length - a.length)[0];
  return { ...(end === undefined ? {} : cases.fields[end]), end: end ?? '' };
}

function baseOf(cases: KindCases, path: string): JsonObject {
  const start = Object.keys(cases.bases)
    .filter((key) => key === '' || path === key || path.startsWith(`${key}.`) || path.startsWith(`${key}[`))
    .toSorted((a, b) => b.length - a.length)[0];
  return cases.bases[start ?? ''] ?? {};
}

interface Variant {
  readonly object: KubeObject | undefined;
  readonly settings: MeshConfig;
}

function variant(cases: KindCases, row: FieldRow, value: JsonValue): Variant {
  const { beside, key = 'x-key', end } = byEnd(cases, row.path);
  const wrapped = cases.kind === 'MeshConfig' ? baseOf(cases, row.path) : { spec: baseOf(cases, row.path) };
  const holder = end === '' ? '' : row.path.slice(0, row.path.length - end.length).replace(/\.$/u, '');
  const around =
    beside === undefined ? wrapped : holder === '' ? merged(wrapped, beside) : placed(wrapped, holder, beside, key);
  const whole = placed(around as JsonObject, row.path, value, key);
  if (cases.kind === 'MeshConfig') return { object: undefined, settings: whole as MeshConfig };
  const metadata = { name: 'x', namespace: cases.namespace ?? 'default' };
  return { object: { apiVersion: cases.apiVersion, kind: cases.kind, metadata, ...whole }, settings: {} };
}

function compiled(
  { object, settings }: Variant,
  more: readonly KubeObject[],
): readonly ReadonlyMap<string, Resource>[] {
  const engine: Engine = base.fork();
  engine.transact((transaction) => {
    putMeshConfig(transaction, settings);
    for (const each of [...more, ...(object === undefined ? [] : [object])]) putObject(transaction, each);
  });
  return proxies.map((proxy) => resourcesOf(engine, proxy));
}

function versions(resources: readonly ReadonlyMap<string, Resource>[]): JsonValue {
  return resources.map((ofProxy) => Object.fromEntries([...ofProxy].map(([name, { version }]) => [name, version])));
}

function note(field: string, resources: readonly ReadonlyMap<string, Resource>[]): void {
  resources.forEach((ofProxy, i) => {
    for (const [name, resource] of ofProxy) {
      if (demands[i]?.get(name)?.version !== resource.version) seen.push({ field, name, resource });
    }
  });
}

function errorsOf({ object, settings }: Variant): readonly string[] {
  const found = object === undefined ? checkMeshConfig(settings) : check(object);
  return found.filter(({ level }) => level === 'error').map(({ path, message }) => `${path} ${message}`);
}

for (const cases of kinds) {
  describe(cases.kind, () => {
    for (const row of supportedFields(cases.kind)) {
      const known = byEnd(cases, row.path);
      if (known.unseen !== undefined) continue;
      test(row.path, () => {
        const values = known.values ?? valuesBySchema(row.node);
        assert.ok(values !== undefined, 'no values for this field: add them to the table');
        const start = Object.keys(cases.objects ?? {}).find((key) => row.path.startsWith(key)) ?? '';
        const more = objectsOf(known.objects ?? cases.objects?.[start] ?? '');
        const both = values.map((value) => variant(cases, row, value));
        const results = both.map((each) => {
          assert.deepEqual(errorsOf(each), [], JSON.stringify(each.object ?? each.settings));
          return compiled(each, more);
        });
        results.forEach((result, i) => note(`${cases.kind} ${row.path} = ${JSON.stringify(values[i])}`, result));
        const [first = [], second = []] = results;
        assert.ok(
          !deepEqual(versions(first), versions(second)),
          `both values give the same bytes: ${JSON.stringify(both[0]?.object ?? both[0]?.settings)}`,
        );
      });
    }
  });
}

after(async () => {
  const refused = await validateChanges(envoyPath(), seen);
  assert.deepEqual(refused, []);
});
