import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';

const folder = new URL('../../examples/bookinfo/', import.meta.url);

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Record<string, string> };
  readonly spec?: {
    readonly ports?: readonly { readonly name: string; readonly port: number }[];
    readonly selector?: Record<string, string>;
    readonly template?: {
      readonly spec: {
        readonly serviceAccountName: string;
        readonly containers: readonly { readonly name: string; readonly command: readonly string[] }[];
      };
    };
    readonly host?: string;
    readonly subsets?: readonly { readonly name: string }[];
    readonly http?: unknown;
  };
}

function manifestsIn(name: string): readonly Manifest[] {
  const files = readdirSync(new URL(`${name}/`, folder)).filter((file) => file.endsWith('.yaml'));
  return files.flatMap((file) =>
    parseAllDocuments(readFileSync(new URL(`${name}/${file}`, folder), 'utf8')).map((document) => {
      assert.deepEqual(document.errors, [], file);
      return document.toJS() as Manifest;
    }),
  );
}

test('the mesh has the names, ports and labels that tutorials and routing files go by', () => {
  const manifests = manifestsIn('mesh');
  const names = (kind: string): string[] =>
    manifests
      .filter((one) => one.kind === kind)
      .map((one) => one.metadata.name)
      .toSorted();
  assert.deepEqual(names('Deployment'), [
    'curl',
    'details-v1',
    'productpage-v1',
    'ratings-v1',
    'reviews-v1',
    'reviews-v2',
    'reviews-v3',
  ]);
  assert.deepEqual(names('Service'), ['curl', 'details', 'productpage', 'ratings', 'reviews']);
  assert.deepEqual(names('ServiceAccount'), [
    'bookinfo-details',
    'bookinfo-productpage',
    'bookinfo-ratings',
    'bookinfo-reviews',
    'curl',
  ]);
  for (const service of manifests.filter((one) => one.kind === 'Service' && one.metadata.name !== 'curl')) {
    const { name } = service.metadata;
    assert.deepEqual(service.metadata.labels, { app: name, service: name });
    assert.deepEqual([service.spec?.ports, service.spec?.selector], [[{ name: 'http', port: 9080 }], { app: name }]);
  }
  for (const { metadata, spec } of manifests.filter(
    (one) => one.kind === 'Deployment' && one.metadata.name !== 'curl',
  )) {
    const [app, version] = metadata.name.split('-');
    assert.deepEqual(metadata.labels, { app, version });
    const container = spec?.template?.spec.containers[0];
    assert.deepEqual([container?.name, spec?.template?.spec.serviceAccountName], [app, `bookinfo-${app}`]);
    assert.ok(existsSync(new URL(container?.command[1] ?? '', folder)));
  }
});

test('rules name hosts and subsets that the mesh has', () => {
  const subsets = new Map(
    manifestsIn('mesh')
      .filter((one) => one.kind === 'DestinationRule')
      .map((one) => [one.spec?.host, one.spec?.subsets?.map(({ name }) => name)]),
  );
  const rules = manifestsIn('rules');
  assert.ok(rules.length > 10);
  for (const rule of rules.filter((one) => one.kind === 'VirtualService')) {
    const destinations = [...JSON.stringify(rule.spec?.http).matchAll(/"host":"([^"]+)","subset":"([^"]+)"/gu)];
    assert.ok(destinations.length > 0, rule.metadata.name);
    for (const [, host, subset] of destinations)
      assert.ok(subsets.get(host)?.includes(subset ?? ''), `${host} ${subset}`);
  }
});

test("every image of the well-known sample has a command that exists, and the variants' own environment", () => {
  const { images, manifests } = parse(readFileSync(new URL('mizzen.yaml', folder), 'utf8')) as {
    images: readonly {
      image: string;
      command?: readonly string[];
      workingDir?: string;
      env?: Record<string, string>;
    }[];
    manifests: readonly string[];
  };
  assert.deepEqual(manifests, ['mesh']);
  const entryOf = (image: string): (typeof images)[number] | undefined =>
    images.find((entry) =>
      new RegExp(
        `^${entry.image
          .split('*')
          .map((part) => part.replace(/[.\\+?^${}()|[\]]/gu, '\\$&'))
          .join('.*')}$`,
        'u',
      ).test(image),
    );
  assert.equal(entryOf('mizzen/bookinfo:0.1')?.workingDir, '.');
  const expected = [
    ['productpage-v1', 'productpage', {}],
    ['productpage-v-flooding', 'productpage', { FLOOD_FACTOR: '100' }],
    ['details-v1', 'details', {}],
    ['details-v2', 'details', { ENABLE_EXTERNAL_BOOK_SERVICE: 'true' }],
    ['reviews-v1', 'reviews', { ENABLE_RATINGS: 'false' }],
    ['reviews-v2', 'reviews', { ENABLE_RATINGS: 'true' }],
    ['reviews-v3', 'reviews', { ENABLE_RATINGS: 'true', STAR_COLOR: 'red' }],
    ['ratings-v1', 'ratings', {}],
    ['ratings-v2', 'ratings', { SERVICE_VERSION: 'v2' }],
    ...['v-faulty', 'v-delayed', 'v-unavailable', 'v-unhealthy'].map(
      (version) => [`ratings-${version}`, 'ratings', { SERVICE_VERSION: version }] as const,
    ),
  ] as const;
  for (const [variant, app, env] of expected) {
    for (const registry of ['registry.istio.io/release', 'docker.io/istio']) {
      const entry = entryOf(`${registry}/examples-bookinfo-${variant}:1.20.3`);
      assert.deepEqual([entry?.command, entry?.env ?? {}], [['node', `apps/${app}.ts`, '9080'], env], variant);
    }
    assert.ok(existsSync(new URL(`apps/${app}.ts`, folder)));
  }
});
