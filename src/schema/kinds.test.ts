import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  check,
  checkMeshConfig,
  explain,
  jsonSchema,
  kindNamed,
  kindOf,
  kinds,
  ledger,
  normalise,
  supportedCount,
} from './index.ts';
import type { KubeObject, Violation } from './object.ts';
import { deployment, service, soundObjects, virtualService } from './testing/sound-objects.ts';

/** Lines of what is found. */
function lines(violations: readonly Violation[]): readonly string[] {
  return violations.map(
    ({ level, path, message, fix }) => `${level} ${path}: ${message}${fix === undefined ? '' : ` → ${fix}`}`,
  );
}

test('sound objects have nothing to say', () => {
  for (const object of soundObjects)
    assert.deepEqual(
      check(object).filter(({ level }) => level === 'error'),
      [],
    );
  for (const object of [virtualService, deployment, service]) assert.deepEqual(check(object), []);
});

test('kinds are found by group and kind, and by any of their names', () => {
  assert.equal(kindOf(virtualService)?.kind, 'VirtualService');
  assert.equal(kindOf({ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway' }), undefined);
  const named = [
    'vs',
    'dr',
    'gw',
    'se',
    'pa',
    'ap',
    'we',
    'wg',
    'ra',
    'svc',
    'ns',
    'sa',
    'deploy',
    'po',
    'cm',
    'sidecars',
    'Telemetry',
  ];
  assert.deepEqual(
    named.map((name) => kindNamed(name)?.kind),
    [
      'VirtualService',
      'DestinationRule',
      'Gateway',
      'ServiceEntry',
      'PeerAuthentication',
      'AuthorizationPolicy',
      'WorkloadEntry',
      'WorkloadGroup',
      'RequestAuthentication',
      'Service',
      'Namespace',
      'ServiceAccount',
      'Deployment',
      'Pod',
      'ConfigMap',
      'Sidecar',
      'Telemetry',
    ],
  );
  const names = kinds.flatMap(({ kind, plural, shortNames }) => [
    ...new Set([kind.toLowerCase(), plural, ...shortNames]),
  ]);
  assert.equal(new Set(names).size, names.length);
});

test('objects of no kind, of an unknown kind and of a wrong version', () => {
  assert.deepEqual(lines(check('x')), ['error : must be an object with apiVersion, kind and metadata']);
  assert.deepEqual(lines(check({})), ['error apiVersion: is missing: group and version of the object']);
  assert.deepEqual(lines(check({ ...virtualService, kind: 'VirtualServic' })), [
    'error kind: there is no kind "VirtualServic" in networking.istio.io → write VirtualService',
  ]);
  assert.deepEqual(lines(check({ ...virtualService, apiVersion: 'networking.istio.io/v2' })), [
    'error apiVersion: VirtualService has no version "v2"; there are v1, v1beta1, v1alpha3 → write networking.istio.io/v1',
  ]);
  assert.deepEqual(lines(check({ ...deployment, apiVersion: 'v1' })), [
    'error apiVersion: Deployment is not in v1 → write apiVersion: apps/v1',
  ]);
  assert.deepEqual(lines(check({ apiVersion: 'argoproj.io/v1alpha1', kind: 'Application', metadata: {} })), [
    'warning kind: Application (argoproj.io/v1alpha1) is not a kind that the mesh reads; it is left out',
  ]);
  assert.deepEqual(lines(check({ ...service, metadata: {} })), ['error metadata.name: is missing: name of the object']);
});

test('every object of a list is checked', () => {
  const list = {
    apiVersion: 'v1',
    kind: 'List',
    items: [service, { ...service, spec: { ...service.spec, port: 80 } }],
  };
  assert.deepEqual(lines(check(list)), ['error items[1].spec.port: there is no field "port" here → write ports']);
  assert.deepEqual(check({ apiVersion: 'v1', kind: 'List' }), []);
});

test("fields of the cluster are silent in Kubernetes' kinds unless asked for, unknown ones are errors", () => {
  assert.deepEqual(
    check(deployment, { strict: true }).map(({ level, path }) => `${level} ${path}`),
    [
      'warning spec.template.spec.nodeSelector',
      'warning spec.template.spec.containers[0].imagePullPolicy',
      'warning spec.template.spec.containers[0].resources.limits',
    ],
  );
  const typo = structuredClone(deployment);
  Object.assign(typo.spec.template.spec, { serviceAcountName: 'x' });
  assert.deepEqual(lines(check(typo)), [
    'error spec.template.spec.serviceAcountName: there is no field "serviceAcountName" here → write serviceAccountName',
  ]);
});

test('a Deployment selects its own pods, a Service has named ports', () => {
  const other = structuredClone(deployment);
  other.spec.template.metadata.labels['app.kubernetes.io/version'] = 'v2';
  assert.deepEqual(
    check(other).map(({ path }) => path),
    ['spec.selector.matchLabels["app.kubernetes.io/version"]'],
  );
  const ports = { ...service, spec: { ports: [{ port: 80 }, { port: 80, name: 'a' }] } };
  assert.deepEqual(
    check(ports).map(({ path }) => path),
    ['spec.ports[0].name', 'spec.ports[1].port'],
  );
  assert.deepEqual(
    check({ ...service, spec: { type: 'ExternalName' } }).map(({ path }) => path),
    ['spec.externalName'],
  );
});

test('normal form: stored version, no empty fields, a spec, frozen', () => {
  const normal = normalise({
    apiVersion: 'security.istio.io/v1beta1',
    kind: 'PeerAuthentication',
    metadata: { name: 'a' },
    spec: undefined,
  });
  assert.deepEqual(normal, {
    apiVersion: 'security.istio.io/v1',
    kind: 'PeerAuthentication',
    metadata: { name: 'a' },
    spec: {},
  });
  assert.ok(Object.isFrozen(normal.spec));
  const withNull: unknown = { ...virtualService, spec: { ...virtualService.spec, exportTo: null } };
  assert.deepEqual(normalise(withNull as KubeObject).spec, virtualService.spec);
  assert.deepEqual(normalise(normalise(virtualService)), normalise(virtualService));
  const empty: unknown = { ...service, metadata: { name: 'a', annotations: { note: null } } };
  assert.deepEqual(normalise(empty as KubeObject).metadata.annotations, { note: '' });
  assert.deepEqual(check(empty), []);
});

test('explain gives what every field does', () => {
  const gateway = explain('gw');
  assert.equal(gateway?.apiVersion, 'networking.istio.io/v1');
  assert.equal(gateway?.fields.find(({ path }) => path === 'spec.servers[].tls.credentialName')?.support, 'yes');
  assert.equal(explain('nothing'), undefined);
  const mesh = explain('MeshConfig');
  assert.equal(mesh?.fields.find(({ path }) => path === 'outboundTrafficPolicy.mode')?.default, 'ALLOW_ANY');
  assert.equal(explain('Telemetry')?.supported, 0);
});

test('the ledger holds: unique paths, texts everywhere, kinds with a count', () => {
  for (const kind of kinds) {
    const rows = ledger(kind);
    const paths = rows.map(({ path }) => path);
    assert.equal(new Set(paths).size, paths.length, kind.kind);
    for (const row of rows) assert.notEqual(row.text, '', `${kind.kind} ${row.path}`);
    const { supported, total } = supportedCount(kind);
    assert.ok(supported <= total);
  }
  for (const name of [
    'VirtualService',
    'DestinationRule',
    'Gateway',
    'ServiceEntry',
    'Sidecar',
    'PeerAuthentication',
    'AuthorizationPolicy',
  ]) {
    assert.ok((explain(name)?.supported ?? 0) > 0, name);
  }
});

test('every kind has a JSON schema in both dialects', () => {
  for (const { schema } of kinds) {
    assert.equal(jsonSchema(schema, 'json')['additionalProperties'], false);
    assert.equal('additionalProperties' in jsonSchema(schema, 'openapi'), false);
  }
});

test('settings of the mesh', () => {
  assert.deepEqual(
    checkMeshConfig({
      outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' },
      defaultConfig: { proxyMetadata: { ISTIO_META_DNS_CAPTURE: 'true' } },
      defaultHttpRetryPolicy: {},
    }),
    [],
  );
  const broken = { accessLogEncoding: 'JSON', accessLogFormat: '%PATH%' };
  assert.match(lines(checkMeshConfig(broken)).join(), /accessLogFormat.*must be a JSON object/u);
  assert.deepEqual(checkMeshConfig({ ...broken, accessLogFormat: '{"path":"%REQ(:PATH)%"}' }), []);
  assert.deepEqual(checkMeshConfig({ ...broken, accessLogEncoding: 'TEXT' }), []);
  assert.deepEqual(lines(checkMeshConfig({ outboundTrafficPolicy: { mod: 'ALLOW_ANY' } })), [
    'error outboundTrafficPolicy.mod: there is no field "mod" here → write mode',
  ]);
  assert.deepEqual(
    checkMeshConfig({ enableTracing: true, defaultConfig: { statusPort: 1 } }).map(
      ({ level, path }) => `${level} ${path}`,
    ),
    ['warning enableTracing', 'warning defaultConfig.statusPort'],
  );
});
