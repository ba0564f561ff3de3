/**
 * One small mesh a file under testdata/, and what one of its proxies is sent for it. `--test-update-snapshots` writes the
 * files anew; test/simulation/goldens.test.ts pushes a request through each of them.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parseAllDocuments, stringify } from 'yaml';
import type { JsonObject } from '../base/json.ts';
import { loadMesh } from '../model/load.ts';
import type { ProxyKey } from '../model/view.ts';
import { check, normalise, type KubeObject } from '../schema/index.ts';
import type { MeshType } from './proxy.ts';
import { resourceJson } from './testing/proxy-json.ts';

const folder = join(import.meta.dirname, 'testdata');

/** Objects of a YAML file; the namespace is `default` where it is not written. */
function objectsOf(file: string): readonly KubeObject[] {
  return parseAllDocuments(readFileSync(join(folder, file), 'utf8'))
    .map((document) => document.toJS() as KubeObject | null)
    .filter((object) => object !== null)
    .map((object) => ({ ...object, metadata: { namespace: 'default', ...object.metadata } }));
}

const client: ProxyKey = { type: 'sidecar', pod: 'default/client' };
const server: ProxyKey = { type: 'sidecar', pod: 'default/reviews-v1' };
const gateway: ProxyKey = { type: 'router', pod: 'default/gateway' };

const reviews = 'reviews.default.svc.cluster.local';

const cases: readonly (readonly [name: string, proxy: ProxyKey, type: MeshType, resource: string])[] = [
  ['weighted-route', client, 'route', '9080'],
  ['subset-cluster', client, 'cluster', `outbound|9080|v2|${reviews}`],
  ['failover-endpoints', client, 'endpoint', `outbound|9080||${reviews}`],
  ['denied-path', server, 'route', 'inbound|9080||'],
  ['gateway-route', gateway, 'route', 'http.8080'],
  ['gateway-tls', gateway, 'listener', '0.0.0.0_8443'],
];

// As the formatter leaves it, so that files written anew stay as they are.
function goldenText(value: JsonObject): string {
  return stringify(value, { lineWidth: 0, singleQuote: true });
}

describe('goldens', () => {
  for (const [name, proxy, type, resource] of cases) {
    test(name, (t) => {
      const objects = [...objectsOf('mesh.yaml'), ...objectsOf(`${name}.in.yaml`)];
      assert.deepEqual(
        objects.flatMap((object) => check(object)).filter(({ level }) => level === 'error'),
        [],
      );
      const found = resourceJson(loadMesh(objects.map(normalise)), { proxy, type, name: resource });
      assert.ok(found !== undefined, `there is no ${type} ${resource}`);
      const text = goldenText(found);
      assert.ok(text.split('\n').length <= 81, `${name} has more than 80 lines: show less`);
      t.assert.fileSnapshot(found, join(folder, `${name}.out.yaml`), {
        serializers: [goldenText],
      });
    });
  }
});
