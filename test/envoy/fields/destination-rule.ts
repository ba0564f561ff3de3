import type { FieldCase, KindCases } from './case.ts';

const simpleTls = { tls: { mode: 'SIMPLE' } };
const mutualTls = { tls: { mode: 'MUTUAL', clientCertificate: '/etc/a.pem', privateKey: '/etc/a.key' } };
const ejecting = { outlierDetection: { interval: '10s' } };
const random = { loadBalancer: { simple: 'RANDOM' } };
const onPort = { portLevelSettings: [{ port: { number: 9999 } }] };
const onHttpPort = { portLevelSettings: [{ port: { number: 80 } }] };
const selfMade = { tunnel: { targetHost: 'far.example.com', targetPort: 443 } };

const failover = (setting: string): Readonly<Record<string, FieldCase>> => ({
  [`loadBalancer.${setting}.failover[].from`]: {
    values: ['r1', 'r2'],
    beside: { ...ejecting, loadBalancer: { [setting]: { failover: [{ to: 'r3' }] } } },
  },
  [`loadBalancer.${setting}.failover[].to`]: {
    values: ['r2', 'r3'],
    beside: { ...ejecting, loadBalancer: { [setting]: { failover: [{ from: 'r1' }] } } },
  },
  [`loadBalancer.${setting}.failoverPriority`]: { values: [['zone'], ['app']], beside: ejecting },
  [`loadBalancer.${setting}.enabled`]: { beside: ejecting },
});

/** How the fields of a traffic policy are tried, wherever it stands. */
export const policyFields: Readonly<Record<string, FieldCase>> = {
  'consistentHash.httpHeaderName': { values: ['x-a', 'x-b'] },
  'httpCookie.path': { beside: { httpCookie: { name: 'c', ttl: '9s' } }, values: ['/a', '/b'] },
  'httpCookie.ttl': { beside: { httpCookie: { name: 'c' } } },
  'httpCookie.name': { beside: { httpCookie: { ttl: '9s' } } },
  'httpCookie.attributes[].name': { beside: { httpCookie: { name: 'c', ttl: '9s' } } },
  'httpCookie.attributes[].value': { beside: { httpCookie: { name: 'c', ttl: '9s', attributes: [{ name: 'n' }] } } },
  'ringHash.minimumRingSize': { values: [64, 128], beside: { httpHeaderName: 'x-a' } },
  'maglev.tableSize': { values: [101, 103], beside: { httpHeaderName: 'x-a' } },
  'consistentHash.minimumRingSize': { values: [64, 128], beside: { consistentHash: { httpHeaderName: 'x-a' } } },
  'consistentHash.useSourceIp': {},
  'localityLbSetting.distribute[].from': {
    values: ['r1/*', 'r2/*'],
    beside: { localityLbSetting: { distribute: [{ to: { 'r1/*': 80, 'r2/*': 20 } }] } },
  },
  'localityLbSetting.distribute[].to': {
    values: [{ 'r1/*': 100 }, { 'r2/*': 100 }],
    beside: { localityLbSetting: { distribute: [{ from: 'r1/*' }] } },
  },
  ...failover('localityLbSetting'),
  ...failover('zoneAwareLbSetting'),
  'warmup.minimumPercent': { values: [20, 30], beside: { warmup: { duration: '5s' } } },
  'warmup.aggression': { values: [1, 2], beside: { warmup: { duration: '5s' } } },
  'http.h2UpgradePolicy': { values: ['UPGRADE', 'DO_NOT_UPGRADE'] },
  outlierDetectionHttpErrorCodes: { values: [[500, 501], [404]] },
  'outlierDetection.consecutiveLocalOriginFailures': {
    beside: { outlierDetection: { splitExternalLocalOriginErrors: true } },
  },
  'tls.mode': { values: ['DISABLE', 'SIMPLE'] },
  'tls.clientCertificate': { values: ['/etc/a.pem', '/etc/b.pem'], beside: mutualTls },
  'tls.privateKey': { values: ['/etc/a.key', '/etc/b.key'], beside: mutualTls },
  'tls.caCertificates': { values: ['/etc/a-ca.pem', '/etc/b-ca.pem'], beside: simpleTls },
  'tls.credentialName': { beside: simpleTls },
  'tls.subjectAltNames': { beside: simpleTls },
  'tls.sni': { beside: simpleTls },
  'tls.insecureSkipVerify': { beside: simpleTls },
  'tls.caCrl': {
    values: ['/etc/a.crl', '/etc/b.crl'],
    beside: { tls: { mode: 'SIMPLE', caCertificates: '/etc/ca.pem' } },
  },
  'portLevelSettings[].port.number': { values: [80, 9999], beside: { portLevelSettings: [random] } },
  'portLevelSettings[].connectionPool.http.h2UpgradePolicy': {
    values: ['UPGRADE', 'DO_NOT_UPGRADE'],
    beside: onHttpPort,
  },
  'portLevelSettings[].connectionPool.http.useClientProtocol': { beside: onHttpPort },
  'tunnel.protocol': { values: ['CONNECT', 'POST'], beside: selfMade },
  'tunnel.targetHost': { values: ['a.example.com', 'b.example.com'], beside: selfMade },
  'tunnel.targetPort': { values: [443, 444], beside: selfMade },
};

/** How the fields of a DestinationRule are tried. */
export const destinationRuleCases: KindCases = {
  kind: 'DestinationRule',
  apiVersion: 'networking.istio.io/v1',
  bases: {
    spec: { host: 'mixed', trafficPolicy: {} },
    'spec.exportTo': { host: 'mixed', trafficPolicy: random },
    'spec.workloadSelector': { host: 'mixed', trafficPolicy: random },
    'spec.host': { trafficPolicy: random },
    'spec.subsets': { host: 'mixed', subsets: [{ name: 'v1', labels: { app: 'mixed' } }] },
    'spec.trafficPolicy.portLevelSettings': { host: 'mixed', trafficPolicy: onPort },
    'spec.subsets[].trafficPolicy.portLevelSettings': {
      host: 'mixed',
      subsets: [{ name: 'v1', trafficPolicy: onPort }],
    },
  },
  fields: {
    ...policyFields,
    'spec.host': { values: ['mixed', '*.default.svc.cluster.local'] },
    'spec.exportTo': { values: [['.'], ['other']] },
    'spec.workloadSelector.matchLabels': { values: [{ app: 'client' }, { app: 'reviews' }] },
    'spec.subsets[].name': { values: ['v1', 'v2'] },
    'spec.subsets[].labels': { values: [{ version: 'v1' }, { version: 'v2' }] },
  },
  objects: {
    'spec.subsets': `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: to-v1 }
spec:
  hosts: [mixed]
  http: [{ route: [{ destination: { host: mixed, subset: v1, port: { number: 9999 } } }] }]
  tcp: [{ route: [{ destination: { host: mixed, subset: v1, port: { number: 9999 } } }] }]
`,
  },
};
