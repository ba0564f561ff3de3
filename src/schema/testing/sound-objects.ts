/** Sound objects, for tests. */

/** A sound VirtualService. */
export const virtualService = {
  apiVersion: 'networking.istio.io/v1beta1',
  kind: 'VirtualService',
  metadata: { name: 'reviews', namespace: 'shop', labels: { app: 'reviews' } },
  spec: {
    hosts: ['reviews'],
    gateways: ['mesh', 'shop/gateway'],
    http: [
      {
        match: [{ headers: { 'end-user': { exact: 'jason' } }, uri: { prefix: '/reviews' } }],
        route: [{ destination: { host: 'reviews', subset: 'v2', port: { number: 9_080 } }, weight: 100 }],
        fault: { delay: { fixedDelay: '7s', percentage: { value: 100 } } },
        retries: { attempts: 2, perTryTimeout: '2s', retryOn: '5xx' },
      },
      { route: [{ destination: { host: 'reviews', subset: 'v1' } }], timeout: '10s' },
    ],
  },
};
/** A sound Deployment. */
export const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'reviews-v1', creationTimestamp: null },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: 'reviews', 'app.kubernetes.io/version': 'v1' } },
    template: {
      metadata: { labels: { app: 'reviews', 'app.kubernetes.io/version': 'v1' }, annotations: null },
      spec: {
        serviceAccountName: 'reviews',
        nodeSelector: { disk: 'ssd' },
        containers: [
          {
            name: 'reviews',
            image: 'reviews:1',
            imagePullPolicy: 'IfNotPresent',
            env: [
              { name: 'LOG_DIR', value: '/tmp/logs' },
              { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
            ],
            ports: [{ containerPort: 9_080 }],
            resources: { limits: { memory: '128Mi', cpu: 0.5 } },
            readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 5 },
            volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
          },
        ],
        volumes: [
          { name: 'tmp', emptyDir: {} },
          { name: 'token', projected: { sources: [{ serviceAccountToken: { path: 'token', audience: 'istio-ca' } }] } },
        ],
      },
    },
  },
};
/** A sound Service. */
export const service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'reviews' },
  spec: { selector: { app: 'reviews' }, ports: [{ name: 'http', port: 9_080, targetPort: 'web' }] },
};

function istio(apiVersion: string, kind: string, spec: unknown): unknown {
  return { apiVersion, kind, metadata: { name: 'a', namespace: 'shop' }, spec };
}

const networking = 'networking.istio.io/v1';

/** One sound object of every kind that has rules. */
export const soundObjects: readonly unknown[] = [
  virtualService,
  deployment,
  service,

  istio(networking, 'DestinationRule', {
    host: 'a',
    trafficPolicy: {
      tls: { mode: 'MUTUAL', clientCertificate: 'a', privateKey: 'b' },
      loadBalancer: { localityLbSetting: { distribute: [{ from: 'a/*', to: { 'b/*': 100 } }] } },
      portLevelSettings: [{ port: { number: 1 }, connectionPool: { http: {} } }],
    },
    subsets: [{ name: 'v1', labels: { v: '1' } }],
    exportTo: ['.'],
  }),
  istio(networking, 'Gateway', {
    selector: { a: 'b' },
    servers: [
      {
        port: { number: 443, protocol: 'HTTPS', name: 'a' },
        hosts: ['*/a.com'],
        tls: { mode: 'SIMPLE', credentialName: 'a' },
      },
    ],
  }),
  istio(networking, 'ServiceEntry', {
    hosts: ['a.com'],
    ports: [{ number: 80, name: 'a', protocol: 'HTTP' }],
    resolution: 'STATIC',
    endpoints: [{ address: '1.2.3.4', ports: { a: 1 } }],
  }),
  istio(networking, 'Sidecar', {
    workloadSelector: { labels: { a: 'b' } },
    egress: [{ port: { number: 1 }, bind: '0.0.0.0', hosts: ['./*'] }],
    ingress: [
      {
        port: { number: 1 },
        defaultEndpoint: ':1',
        tls: { mode: 'SIMPLE', privateKey: 'a', serverCertificate: 'b' },
      },
    ],
    outboundTrafficPolicy: { egressProxy: { host: 'a', port: { number: 1 } } },
  }),
  istio(networking, 'WorkloadGroup', {
    metadata: { labels: { a: 'b' } },
    template: { ports: { a: 1 } },
    probe: { exec: { command: ['a'] } },
  }),
  istio('networking.istio.io/v1alpha3', 'EnvoyFilter', {
    configPatches: [
      {
        applyTo: 'HTTP_FILTER',
        match: {
          listener: {
            filterChain: {
              filter: { name: 'envoy.filters.network.http_connection_manager', subFilter: { name: 'a' } },
            },
          },
        },
        patch: { operation: 'ADD', value: { a: 1 } },
      },
    ],
  }),
  istio('security.istio.io/v1', 'PeerAuthentication', {
    selector: { matchLabels: { a: 'b' } },
    portLevelMtls: { 80: { mode: 'STRICT' } },
  }),
  istio('security.istio.io/v1', 'AuthorizationPolicy', {
    action: 'DENY',
    rules: [
      {
        from: [{ source: { principals: ['*'], ipBlocks: ['::/0'] } }],
        to: [{ operation: { paths: ['/{*}'], ports: ['1'] } }],
        when: [{ key: 'source.ip', values: ['::1'] }],
      },
    ],
  }),
  istio('security.istio.io/v1', 'RequestAuthentication', {
    jwtRules: [{ issuer: 'a', jwks: '{"keys":[]}', fromHeaders: [{ name: 'a' }] }],
  }),
  istio('telemetry.istio.io/v1', 'Telemetry', {
    metrics: [{ overrides: [{ tagOverrides: { a: { value: 'b' } } }] }],
    tracing: [{ customTags: { a: { literal: { value: 'b' } } } }],
  }),
  istio('extensions.istio.io/v1alpha1', 'WasmPlugin', {
    url: 'oci://a/b',
    vmConfig: { env: [{ name: 'A', value: 'b' }] },
  }),
];
