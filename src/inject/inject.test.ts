import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../schema/index.ts';
import { encode } from '../proto/index.ts';
import { decide } from './decision.ts';
import { inject } from './inject.ts';
import { exclusionsOf, interceptionRules } from './interception.ts';
import type { InjectionSettings } from './settings.ts';

const settings: InjectionSettings = {
  interceptBy: 'owner',
  discoveryAddress: 'istiod.istio-system.svc:15012',
  proxyImage: 'envoyproxy/envoy:v1.40.0',
  initImage: 'mizzen/init',
  revision: 'default',
  mesh: {},
  injectByDefault: false,
};

const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'reviews-v1-abc', namespace: 'default', labels: { app: 'reviews', version: 'v1' } },
  spec: {
    serviceAccountName: 'bookinfo-reviews',
    containers: [
      {
        name: 'reviews',
        image: 'reviews',
        ports: [{ name: 'web', containerPort: 9080 }],
        readinessProbe: { httpGet: { path: '/health', port: 'web' }, periodSeconds: 2 },
        livenessProbe: { tcpSocket: { port: 9080 } },
        startupProbe: { exec: { command: ['true'] } },
      },
    ],
  },
};

test('a sidecar comes first among what keeps running, and the interceptor before it', () => {
  const injected = inject(pod, 'sidecar', settings);
  assert.deepEqual(
    injected.spec?.initContainers?.map((container) => [container.name, container.restartPolicy]),
    [
      ['istio-init', undefined],
      ['istio-proxy', 'Always'],
    ],
  );
  assert.equal(injected.metadata.labels?.['security.istio.io/tlsMode'], 'istio');
  assert.equal(injected.metadata.labels?.['service.istio.io/canonical-name'], 'reviews');
  assert.deepEqual(inject(injected, 'sidecar', settings), injected, 'a second injection changes nothing');
});

test('probes go to the proxy, which asks the application; commands stay', () => {
  const injected = inject(pod, 'sidecar', settings);
  const app = injected.spec?.containers[0];
  assert.deepEqual(app?.readinessProbe, {
    httpGet: { path: '/app-health/reviews/readyz', port: 15020 },
    periodSeconds: 2,
  });
  assert.deepEqual(app?.livenessProbe, { httpGet: { path: '/app-health/reviews/livez', port: 15020 } });
  assert.deepEqual(app?.startupProbe, { exec: { command: ['true'] } });
});

test('what the proxy needs to answer a TCP or gRPC probe: its statistics, HTTP/2, and an authority that servers take', () => {
  const container = {
    name: 'app',
    startupProbe: { tcpSocket: { port: 9000 }, timeoutSeconds: 0 },
    readinessProbe: { grpc: { port: 9100, service: 'shop' } },
  };
  const injected = inject({ ...pod, spec: { containers: [container] } }, 'sidecar', settings);
  const config = JSON.parse(injected.spec.initContainers?.[1]?.args?.at(-1) ?? '') as {
    readonly static_resources: { readonly clusters: readonly { readonly name: string }[] };
  };
  const [tcp, grpc] = config.static_resources.clusters.filter(({ name }) => name.startsWith('probe|'));
  assert.match(JSON.stringify(tcp), /"timeout":"1s".*"tcp_health_check":\{\}/u);
  assert.match(JSON.stringify(grpc), /"service_name":"shop","authority":"127\.0\.0\.1:9100"/u);
  assert.match(JSON.stringify(grpc), /http2_protocol_options/u);
  assert.match(JSON.stringify(config), /\{"prefix":"cluster\.probe\|"\}/u);
});

test('the bootstrap is what Envoy can read, in both ways of interception', () => {
  for (const interceptBy of ['owner', 'mark'] as const) {
    const proxy = inject(pod, 'sidecar', { ...settings, interceptBy }).spec?.initContainers?.[1];
    const config = proxy?.args?.at(-1) ?? '';
    assert.ok(encode('envoy.config.bootstrap.v3.Bootstrap', JSON.parse(config)).length > 1_000);
    assert.equal(config.includes('socket_options'), interceptBy === 'mark');
    assert.equal(proxy?.securityContext?.runAsUser, interceptBy === 'owner' ? 1_337 : undefined);
  }
});

test('a gateway is the proxy alone, and what the user wrote of it stays', () => {
  const gateway: Pod = {
    ...pod,
    spec: {
      containers: [
        { name: 'istio-proxy', image: 'auto', ports: [{ containerPort: 8080 }], env: [{ name: 'A', value: 'b' }] },
      ],
    },
  };
  const injected = inject(gateway, 'gateway', settings);
  assert.equal(injected.spec?.initContainers, undefined);
  const [proxy] = injected.spec?.containers ?? [];
  assert.equal(proxy?.image, settings.proxyImage);
  assert.deepEqual(proxy?.ports, [{ containerPort: 8080 }]);
  assert.ok(proxy?.env?.some((variable) => variable.name === 'A'));
  assert.match(proxy?.args?.at(-1) ?? '', /"router~/u);
});

test('who is injected', () => {
  const enabled = { 'istio-injection': 'enabled' };
  const labelled = (value: string): Pod => ({
    ...pod,
    metadata: { ...pod.metadata, labels: { 'sidecar.istio.io/inject': value } },
  });
  const annotated: Pod = { ...pod, metadata: { ...pod.metadata, annotations: { 'sidecar.istio.io/inject': 'false' } } };
  assert.equal(decide(pod, enabled, false).kind, 'inject');
  assert.equal(decide(pod, {}, false).kind, 'skip');
  assert.equal(decide(labelled('true'), {}, false).kind, 'inject');
  assert.equal(decide(labelled('true'), { 'istio-injection': 'disabled' }, false).kind, 'inject');
  assert.equal(decide(labelled('false'), enabled, false).kind, 'skip');
  assert.equal(decide(annotated, enabled, false).kind, 'skip');
});

test('interception obeys the annotations', () => {
  const rules = interceptionRules(
    'mark',
    exclusionsOf({
      'traffic.sidecar.istio.io/excludeOutboundPorts': '3306, 6379',
      'traffic.sidecar.istio.io/includeOutboundIPRanges': '10.0.0.0/8',
      'traffic.sidecar.istio.io/includeInboundPorts': '80',
    }),
  );
  assert.match(rules, /-A MIZZEN_OUTBOUND -p tcp --dport 6379 -j RETURN/u);
  assert.match(rules, /-A MIZZEN_OUTBOUND -d 10\.0\.0\.0\/8 -j MIZZEN_TO_OUTBOUND/u);
  assert.doesNotMatch(rules, /-A MIZZEN_OUTBOUND -j MIZZEN_TO_OUTBOUND/u);
  assert.doesNotMatch(rules, /-A MIZZEN_INBOUND -p tcp -j/u);
  assert.doesNotMatch(rules, /owner/u);
});

const annotated = (annotations: Readonly<Record<string, string>>): Pod => ({
  ...pod,
  metadata: { ...pod.metadata, annotations },
});

test('volumes of the annotations reach the proxy and nobody else, as a list or by name', () => {
  const volumes = [
    ['[{"name":"certs","secret":{"secretName":"certs"}}]', '[{"name":"certs","mountPath":"/etc/certs"}]'],
    ['{"certs":{"secret":{"secretName":"certs"}}}', '{"certs":{"mountPath":"/etc/certs"}}'],
  ] as const;
  for (const [userVolume, userVolumeMount] of volumes) {
    const injected = inject(
      annotated({ 'sidecar.istio.io/userVolume': userVolume, 'sidecar.istio.io/userVolumeMount': userVolumeMount }),
      'sidecar',
      settings,
    );
    assert.deepEqual(injected.spec.volumes?.at(-1), { name: 'certs', secret: { secretName: 'certs' } });
    const proxy = injected.spec.initContainers?.find((container) => container.name === 'istio-proxy');
    assert.deepEqual(proxy?.volumeMounts?.at(-1), { name: 'certs', mountPath: '/etc/certs' });
    assert.equal(injected.spec.containers[0]?.volumeMounts, undefined);
  }
  for (const wrong of ['{', '7', '[{}]', '[{"mountPath":"/x"}]', '{"certs":1}'])
    assert.throws(
      () => inject(annotated({ 'sidecar.istio.io/userVolumeMount': wrong }), 'sidecar', settings),
      { code: 'injection-refused' },
      wrong,
    );
  assert.throws(() => inject(annotated({ 'sidecar.istio.io/userVolumeMount': '{"a":{}}' }), 'sidecar', settings), {
    message: /a has no mountPath/u,
  });
});

test("an application that wants to be the proxy's user is refused", () => {
  const [app] = pod.spec.containers;
  assert.ok(app);
  const own: Pod = { ...pod, spec: { containers: [{ ...app, securityContext: { runAsUser: 1_337 } }] } };
  const shared: Pod = { ...pod, spec: { ...pod.spec, securityContext: { runAsUser: 1_337 } } };
  const before: Pod = {
    ...pod,
    spec: { ...pod.spec, initContainers: [{ name: 'first', securityContext: { runAsUser: 1_337 } }] },
  };
  for (const refused of [own, shared, before])
    assert.throws(() => inject(refused, 'sidecar', settings), { code: 'injection-refused', message: /1337/u });
  const apart: Pod = {
    ...shared,
    spec: { ...shared.spec, containers: [{ ...app, securityContext: { runAsUser: 1_000 } }, { name: 'istio-proxy' }] },
  };
  assert.equal(inject(apart, 'sidecar', settings).spec.containers.length, 1);
});
