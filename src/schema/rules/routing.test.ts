import assert from 'node:assert/strict';
import { test } from 'node:test';
import { caseName, pathsOf, type Json, type SpecCase } from '../testing/spec-cases.ts';

/** Each spec is refused at its path and nowhere else. */
function cases(kind: string, list: readonly SpecCase[]): void {
  for (const one of list) {
    const [path, spec] = one;
    test(caseName(kind, one), () => assert.deepEqual(pathsOf(kind, spec, 'error'), path === '' ? [] : [path]));
  }
}

const to = (host: string, weight?: number): Json => ({
  destination: { host },
  ...(weight === undefined ? {} : { weight }),
});
const http = (route: Json, more: Json = {}): Json => ({
  hosts: ['a'],
  http: [{ route: [to('a')], ...route }],
  ...more,
});

cases('VirtualService', [
  ['', http({})],
  [
    '',
    http({
      name: 'x',
      match: [{ uri: { prefix: '/' }, headers: { 'end-user': { exact: 'jason' }, cookie: {} } }],
      timeout: '0s',
    }),
  ],
  [
    '',
    http({
      route: [to('a', 80), to('b', 20)],
      retries: { attempts: 3, perTryTimeout: '2s', retryOn: '5xx,503,reset' },
    }),
  ],
  ['', http({ headers: { request: { set: { ':authority': 'b', 'x-a': '%START_TIME% 100%%' } } } })],
  ['', { hosts: ['*.a.com', '1.2.3.4'], gateways: ['mesh', 'shop/gw'], tcp: [{ route: [to('a')] }] }],
  ['', { hosts: ['*'], gateways: ['gw'], http: [{ redirect: { uri: '/x' } }] }],
  ['', { hosts: ['*.a.com'], tls: [{ match: [{ sniHosts: ['b.a.com', '*.c.a.com'] }], route: [to('a')] }] }],
  ['', { hosts: ['a'], http: [{ directResponse: { status: 503, body: { string: 'later' } } }] }],
  ['', { hosts: ['a'], http: [{ delegate: { name: 'b' } }] }],
  ['spec', { hosts: ['a'] }],
  ['spec.hosts[0]', { hosts: ['*'], http: [{ route: [to('a')] }] }],
  ['spec.hosts[0]', { hosts: ['a_b'], http: [{ route: [to('a')] }] }],
  ['spec.hosts[1]', http({}, { hosts: ['*.com', 'a.com'] })],
  ['spec.gateways[0]', http({}, { gateways: ['a/b/c'] })],
  ['spec.gateways[0]', http({}, { gateways: ['/b'] })],
  ['spec.exportTo[0]', http({}, { exportTo: ['~'] })],
  ['spec.exportTo', http({}, { exportTo: ['*', 'b'] })],
  ['spec.exportTo[1]', http({}, { exportTo: ['.', 'shop'] })],
  ['spec.http[0]', { hosts: ['a'], http: [{ match: [] }] }],
  ['spec.http[0]', http({ redirect: { uri: '/' } })],
  ['spec.http[0]', http({ directResponse: { status: 200 } })],
  ['spec.http[0].fault', { hosts: ['a'], http: [{ redirect: { uri: '/' }, fault: { abort: { httpStatus: 500 } } }] }],
  ['spec.http[0].redirect', { hosts: ['a'], http: [{ redirect: {} }] }],
  [
    'spec.http[0].redirect',
    { hosts: ['a'], http: [{ redirect: { uri: '/', port: 1, derivePort: 'FROM_REQUEST_PORT' } }] },
  ],
  ['spec.http[0].redirect.redirectCode', { hosts: ['a'], http: [{ redirect: { uri: '/', redirectCode: 200 } }] }],
  ['spec.http[0].redirect.scheme', { hosts: ['a'], http: [{ redirect: { scheme: 'ftp' } }] }],
  ['spec.http[0].route', http({ route: [to('a', 0), to('b')] })],
  ['spec.http[0].route[0].weight', http({ route: [to('a', -1)] })],
  ['spec.http[0].route[0].destination.host', http({ route: [to('*')] })],
  ['spec.http[0].route[0].destination', http({ route: [{ weight: 1 }] })],
  ['spec.http[0].route[0].destination.subset', http({ route: [{ destination: { host: 'a', subset: 'a_b' } }] })],
  [
    'spec.http[0].route[0].destination.port.number',
    http({ route: [{ destination: { host: 'a', port: { number: 70_000 } } }] }),
  ],
  ['spec.http[0].match[0].uri', http({ match: [{ uri: { exact: '/', prefix: '/' } }] })],
  ['spec.http[0].match[0].uri.regex', http({ match: [{ uri: { regex: '(' } }] })],
  ['spec.http[0].match[0].headers["a b"]', http({ match: [{ headers: { 'a b': { exact: 'x' } } }] })],
  [
    'spec.http[0].match[0].headers.@request.auth.claims.sub'.replace(
      '.@request.auth.claims.sub',
      '["@request.auth.claims.sub"]',
    ),
    http({ match: [{ headers: { '@request.auth.claims.sub': { exact: 'x' } } }] }),
  ],
  ['spec.http[0].match[0].port', http({ match: [{ port: 0 }] })],
  ['spec.http[0].match[0].sourceLabels["a b"]', http({ match: [{ sourceLabels: { 'a b': 'x' } }] })],
  ['spec.http[0].timeout', http({ timeout: '5' })],
  ['spec.http[0].retries.attempts', http({ retries: { attempts: 0, retryOn: '5xx' } })],
  ['spec.http[0].retries.retryOn', http({ retries: { attempts: 1, retryOn: '5xx, reset' } })],
  ['spec.http[0].retries.perTryTimeout', http({ retries: { perTryTimeout: '0s' } })],
  ['spec.http[0].fault', http({ fault: {} })],
  [
    'spec.http[0].fault.delay.percentage.value',
    http({ fault: { delay: { fixedDelay: '1s', percentage: { value: 101 } } } }),
  ],
  ['spec.http[0].fault.abort.httpStatus', http({ fault: { abort: { httpStatus: 700 } } })],
  ['spec.http[0].fault.abort.grpcStatus', http({ fault: { abort: { grpcStatus: 'NOPE' } } })],
  ['spec.http[0].fault.abort', http({ fault: { abort: { grpcStatus: 'UNAVAILABLE', httpStatus: 500 } } })],
  ['spec.http[0].corsPolicy.allowMethods[0]', http({ corsPolicy: { allowMethods: ['get'] } })],
  ['spec.http[0].corsPolicy.allowOrigins[0]', http({ corsPolicy: { allowOrigins: [{}] } })],
  ['spec.http[0].corsPolicy.maxAge', http({ corsPolicy: { maxAge: '1.5s' } })],
  ['spec.http[0].headers.request.set[":path"]', http({ headers: { request: { set: { ':path': '/' } } } })],
  ['spec.http[0].headers.request.remove[0]', http({ headers: { request: { remove: ['Host'] } } })],
  ['spec.http[0].headers.response.add.x-a', http({ headers: { response: { add: { 'x-a': '50%' } } } })],
  ['spec.http[0].rewrite', http({ rewrite: {} })],
  [
    'spec.http[0].rewrite.uriRegexRewrite',
    http({ rewrite: { uri: '/', uriRegexRewrite: { match: 'a', rewrite: 'b' } } }),
  ],
  [
    'spec.http[0].rewrite.authority',
    http({ rewrite: { authority: 'b' }, headers: { request: { set: { host: 'c' } } } }),
  ],
  ['spec.http[0].mirrors[0].destination', http({ mirrors: [{}] })],
  ['spec.http[0]', http({ mirror: { host: 'b' }, mirrors: [] })],
  [
    'spec.tls[0].match[0].sniHosts[0]',
    { hosts: ['a.com'], tls: [{ match: [{ sniHosts: ['b.com'] }], route: [to('a')] }] },
  ],
  ['spec.tls[0].match', { hosts: ['a.com'], tls: [{ route: [to('a')] }] }],
  ['spec.tcp[0].route', { hosts: ['a.com'], tcp: [{ route: [] }] }],
  [
    'spec.tcp[0].match[0].destinationSubnets[0]',
    { hosts: ['a.com'], tcp: [{ match: [{ destinationSubnets: ['10.0.0.0/40'] }], route: [to('a')] }] },
  ],
]);

const policy = (trafficPolicy: Json): Json => ({ host: 'a', trafficPolicy });
cases('DestinationRule', [
  ['', { host: '*.a.com', subsets: [{ name: 'v1', labels: { version: 'v1' } }] }],
  [
    '',
    policy({
      loadBalancer: { simple: 'ROUND_ROBIN' },
      outlierDetection: { consecutive5xxErrors: 1, outlierDetectionHttpErrorCodes: [429] },
    }),
  ],
  [
    '',
    policy({
      loadBalancer: { consistentHash: { httpCookie: { name: 'a', ttl: '0s' }, maglev: { tableSize: 65_537 } } },
    }),
  ],
  ['', policy({ tls: { mode: 'SIMPLE', credentialName: 'a', sni: 'b' } })],
  ['', policy({ portLevelSettings: [{ port: { number: 80 }, connectionPool: { tcp: { idleTimeout: '0s' } } }] })],
  [
    '',
    policy({
      loadBalancer: { localityLbSetting: { distribute: [{ from: 'a/b/*', to: { 'a/b/*': 80, 'c/*': 20 } }] } },
    }),
  ],
  ['spec.host', {}],
  ['spec.host', { host: 'a b' }],
  ['spec.subsets[1].name', { host: 'a', subsets: [{ name: 'v1' }, { name: 'v1' }] }],
  ['spec.trafficPolicy', policy({})],
  ['spec.trafficPolicy.proxyProtocol', policy({ proxyProtocol: {}, tunnel: { targetHost: 'a', targetPort: 1 } })],
  ['spec.trafficPolicy.tunnel.targetHost', policy({ tunnel: { targetHost: '*', targetPort: 1 } })],
  ['spec.trafficPolicy.connectionPool', policy({ connectionPool: {} })],
  ['spec.trafficPolicy.connectionPool.tcp.maxConnections', policy({ connectionPool: { tcp: { maxConnections: -1 } } })],
  [
    'spec.trafficPolicy.connectionPool.tcp.connectTimeout',
    policy({ connectionPool: { tcp: { connectTimeout: '0.5ms' } } }),
  ],
  [
    'spec.trafficPolicy.connectionPool.http.useClientProtocol',
    policy({ connectionPool: { http: { useClientProtocol: true, h2UpgradePolicy: 'UPGRADE' } } }),
  ],
  [
    'spec.trafficPolicy.loadBalancer',
    policy({ loadBalancer: { simple: 'RANDOM', consistentHash: { useSourceIp: true } } }),
  ],
  [
    'spec.trafficPolicy.loadBalancer.consistentHash',
    policy({ loadBalancer: { consistentHash: { useSourceIp: true, httpHeaderName: 'a' } } }),
  ],
  [
    'spec.trafficPolicy.loadBalancer.consistentHash.maglev.tableSize',
    policy({ loadBalancer: { consistentHash: { useSourceIp: true, maglev: { tableSize: 6 } } } }),
  ],
  [
    'spec.trafficPolicy.loadBalancer.localityLbSetting.distribute[0].to',
    policy({ loadBalancer: { localityLbSetting: { distribute: [{ from: 'a', to: { b: 99 } }] } } }),
  ],
  [
    'spec.trafficPolicy.loadBalancer.localityLbSetting.failover[0]',
    policy({ loadBalancer: { localityLbSetting: { failover: [{ from: 'a', to: 'a' }] } } }),
  ],
  [
    'spec.trafficPolicy.loadBalancer.localityLbSetting.distribute',
    policy({
      loadBalancer: {
        localityLbSetting: { distribute: [{ from: 'a', to: { b: 100 } }], failover: [{ from: 'a', to: 'b' }] },
      },
    }),
  ],
  [
    'spec.trafficPolicy.loadBalancer.localityLbSetting.distribute[1].from',
    policy({
      loadBalancer: {
        localityLbSetting: {
          distribute: [
            { from: 'a/*', to: { b: 100 } },
            { from: 'a/b', to: { b: 100 } },
          ],
        },
      },
    }),
  ],
  [
    'spec.trafficPolicy.outlierDetection.consecutiveLocalOriginFailures',
    policy({ outlierDetection: { consecutiveLocalOriginFailures: 1 } }),
  ],
  ['spec.trafficPolicy.outlierDetection.maxEjectionPercent', policy({ outlierDetection: { maxEjectionPercent: 101 } })],
  ['spec.trafficPolicy.tls.clientCertificate', policy({ tls: { mode: 'MUTUAL', privateKey: 'k' } })],
  [
    'spec.trafficPolicy.tls.caCertificates',
    policy({ tls: { mode: 'SIMPLE', credentialName: 'a', caCertificates: 'b' } }),
  ],
  ['spec.trafficPolicy.tls.caCertificates', policy({ tls: { mode: 'ISTIO_MUTUAL', caCertificates: 'b' } })],
  [
    'spec.trafficPolicy.tls.subjectAltNames',
    policy({ tls: { mode: 'SIMPLE', insecureSkipVerify: true, subjectAltNames: ['a'] } }),
  ],
  ['spec.trafficPolicy.portLevelSettings[0].port', policy({ portLevelSettings: [{ tls: {} }] })],
  ['spec.trafficPolicy.portLevelSettings[0]', policy({ portLevelSettings: [{ port: { number: 80 } }] })],
  ['spec.exportTo', { host: 'a', workloadSelector: { matchLabels: { a: 'b' } }, exportTo: ['*'] }],
]);
