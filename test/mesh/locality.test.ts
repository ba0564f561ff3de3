import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { LoadResult } from '../load/open-loop.ts';
import { applied, loadFrom, startBookinfo, until, type TestMesh } from '../demo/context.ts';

/** One application in one zone: a Deployment that answers with its pod's name. */
function inZone(app: string, zone: string): string {
  const script = "require('node:http').createServer((q, r) => r.end(process.env.HOSTNAME)).listen(8000)";
  return `---
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${app}-${zone} }
spec:
  selector: { matchLabels: { app: ${app}, zone: ${zone} } }
  template:
    metadata: { labels: { app: ${app}, zone: ${zone}, istio-locality: eu.${zone}.1 } }
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: ${app}
          image: none
          command: [node, -e, "${script}"]
          readinessProbe: { httpGet: { path: /, port: 8000 }, periodSeconds: 1 }
`;
}

function service(app: string): string {
  return `---
apiVersion: v1
kind: Service
metadata: { name: ${app} }
spec: { selector: { app: ${app} }, ports: [{ name: http, port: 8000 }] }
`;
}

const applications = ['web', 'shop'].flatMap((app) => [service(app), inZone(app, 'a'), inZone(app, 'b')]).join('');

const balanced = (setting: string): string => `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: shop }
spec: { host: shop, trafficPolicy: { loadBalancer: { simple: ROUND_ROBIN, ${setting} } } }
`;

describe('localities', () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await startBookinfo({ files: { 'zones.yaml': applications } });
  });
  after(() => mesh.end());

  const answers = (): Promise<LoadResult> =>
    loadFrom(mesh, 'deploy/web-a', [
      '--url',
      'http://shop:8000/',
      '--rate',
      '100',
      '--count',
      '200',
      '--tally',
      'shop-[ab]',
    ]);

  test('without a rule both zones answer', async () => {
    const { tallied, failed } = await answers();
    assert.equal(failed, 0);
    assert.ok((tallied['shop-a'] ?? 0) > 50 && (tallied['shop-b'] ?? 0) > 50, JSON.stringify(tallied));
  });

  test('weights by locality are kept', async () => {
    const setting = "localityLbSetting: { distribute: [{ from: 'eu/a/*', to: { 'eu/a/*': 80, 'eu/b/*': 20 } }] }";
    await applied(mesh, () => mesh.write('shop-rule.yaml', balanced(setting)));
    const { tallied, failed } = await answers();
    assert.equal(failed, 0);
    const share = (tallied['shop-a'] ?? 0) / 200;
    assert.ok(Math.abs(share - 0.8) < 3 * Math.sqrt((0.8 * 0.2) / 200), `shop-a got ${share}`);
  });

  test('zone-aware routing keeps to the own zone, and leaves it when it is empty', async () => {
    await applied(mesh, () =>
      mesh.write('shop-rule.yaml', balanced('zoneAwareLbSetting: { enabled: true, minClusterSize: 1 }')),
    );
    const own = await answers();
    assert.deepEqual([own.failed, own.tallied['shop-a']], [0, 200], JSON.stringify(own.tallied));
    await mesh.write(
      'zones.yaml',
      applications.replace('metadata: { name: shop-a }\nspec:', 'metadata: { name: shop-a }\nspec:\n  replicas: 0'),
    );
    await until('the zone is empty', async () => {
      const { pods } = await mesh.control.status();
      return !pods.some(({ name }) => name.startsWith('shop-a'));
    });
    const other = await answers();
    assert.deepEqual([other.failed, other.tallied['shop-b']], [0, 200], JSON.stringify(other.tallied));
  });
});
