import type { JsonObject } from '../../../src/base/json.ts';
import type { KindCases } from './case.ts';
import { policyFields } from './destination-rule.ts';

const gatewayServer = (server: JsonObject): JsonObject => ({
  selector: { istio: 'ingressgateway' },
  servers: [server],
});
const https = (tls: JsonObject): JsonObject =>
  gatewayServer({ port: { number: 8443, name: 'https', protocol: 'HTTPS' }, hosts: ['shop.example.com'], tls });
const files = (i: string): Record<string, string> => ({
  serverCertificate: `/etc/${i}.pem`,
  privateKey: `/etc/${i}.key`,
});
const mutual = { mode: 'MUTUAL', credentialName: 'shop' };

/** How the fields of a Gateway are tried. */
export const gatewayCases: KindCases = {
  kind: 'Gateway',
  apiVersion: 'networking.istio.io/v1',
  bases: {
    spec: gatewayServer({ port: { number: 8000, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }),
    'spec.servers[].port.name': https({ mode: 'SIMPLE', credentialName: 'shop' }),
    'spec.servers[].tls': https({ mode: 'SIMPLE', credentialName: 'shop' }),
    'spec.servers[].tls.httpsRedirect': gatewayServer({
      port: { number: 8000, name: 'http', protocol: 'HTTP' },
      hosts: ['*'],
    }),
    'spec.servers[].tls.serverCertificate': https({ mode: 'SIMPLE', privateKey: '/etc/a.key' }),
    'spec.servers[].tls.privateKey': https({ mode: 'SIMPLE', serverCertificate: '/etc/a.pem' }),
    'spec.servers[].tls.caCertificates': https({ mode: 'MUTUAL', ...files('a') }),
    'spec.servers[].tls.caCrl': https({ mode: 'MUTUAL', ...files('a'), caCertificates: '/etc/ca.pem' }),
    'spec.servers[].tls.credentialName': https({ mode: 'SIMPLE' }),
    'spec.servers[].tls.credentialNames': https({ mode: 'SIMPLE' }),
    'spec.servers[].tls.tlsCertificates': https({ mode: 'SIMPLE' }),
    'spec.servers[].tls.caCertCredentialName': https(mutual),
    'spec.servers[].tls.subjectAltNames': https(mutual),
    'spec.servers[].tls.verifyCertificateSpki': https(mutual),
    'spec.servers[].tls.verifyCertificateHash': https(mutual),
  },
  fields: {
    'spec.selector': { values: [{ istio: 'ingressgateway' }, { istio: 'elsewhere' }] },
    'port.number': { values: [8001, 8002] },
    'port.protocol': { values: ['HTTP', 'TCP'] },
    'port.name': { values: ['one', 'two'] },
    'servers[].bind': { values: ['127.0.0.1', '127.0.0.2'] },
    'servers[].hosts': { values: [['shop.example.com'], ['b.example.com']] },
    'servers[].name': { values: ['one', 'two'] },
    'tls.mode': { values: ['SIMPLE', 'MUTUAL'] },
    'tls.serverCertificate': { values: ['/etc/a.pem', '/etc/b.pem'] },
    'tls.privateKey': { values: ['/etc/a.key', '/etc/b.key'] },
    'tls.caCertificates': { values: ['/etc/a-ca.pem', '/etc/b-ca.pem'] },
    'tls.caCrl': { values: ['/etc/a.crl', '/etc/b.crl'] },
    'tls.credentialName': { values: ['a', 'b'] },
    'tls.credentialNames': {
      values: [
        ['a', 'b'],
        ['a', 'c'],
      ],
    },
    'tlsCertificates[].serverCertificate': {
      values: ['/etc/a.pem', '/etc/b.pem'],
      beside: { tlsCertificates: [files('a')] },
    },
    'tlsCertificates[].privateKey': { values: ['/etc/a.key', '/etc/b.key'], beside: { tlsCertificates: [files('a')] } },
    'tls.verifyCertificateSpki': {
      values: [['NvqYIYSbgK2vCJpQhObf77vv+bQWtc5ek5RIOwPiC9A='], ['47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=']],
    },
    'tls.verifyCertificateHash': { values: [['a'.repeat(64)], ['b'.repeat(64)]] },
    'tls.minProtocolVersion': { values: ['TLSV1_2', 'TLSV1_3'] },
    'tls.maxProtocolVersion': { values: ['TLSV1_2', 'TLSV1_3'] },
    'tls.cipherSuites': { values: [['ECDHE-RSA-AES128-GCM-SHA256'], ['ECDHE-RSA-AES256-GCM-SHA384']] },
  },
};

const entry = (more: JsonObject): JsonObject => ({
  hosts: ['a.example.com'],
  ports: [{ number: 80, name: 'http', protocol: 'HTTP' }],
  resolution: 'DNS',
  ...more,
});
const fixed = { resolution: 'STATIC', endpoints: [{ address: '192.0.2.1' }] };
const inside = { location: 'MESH_INTERNAL', resolution: 'STATIC' };

/** How the fields of a ServiceEntry are tried. */
export const serviceEntryCases: KindCases = {
  kind: 'ServiceEntry',
  apiVersion: 'networking.istio.io/v1',
  bases: {
    spec: entry({}),
    'spec.endpoints': entry(fixed),
    'spec.addresses': entry({ ports: [{ number: 81, name: 'tcp', protocol: 'TCP' }], resolution: 'NONE' }),
    'spec.location': entry(fixed),
    'spec.subjectAltNames': entry({
      ...inside,
      endpoints: [{ address: '192.0.2.1', labels: { 'security.istio.io/tlsMode': 'istio' } }],
    }),
    'spec.endpoints[].serviceAccount': entry({
      ...inside,
      endpoints: [{ address: '192.0.2.1', labels: { 'security.istio.io/tlsMode': 'istio' } }],
    }),
    'spec.workloadSelector': entry(inside),
  },
  fields: {
    'spec.hosts': { values: [['a.example.com'], ['b.example.com']] },
    'spec.addresses': { values: [['10.1.2.3'], ['10.1.0.0/16']] },
    'ports[].number': { values: [80, 81] },
    'ports[].protocol': { values: ['HTTP', 'TCP'] },
    'ports[].targetPort': { values: [8080, 8081] },
    'ports[].name': { unseen: 'a name, by which endpoints speak of the port' },
    'spec.location': { values: ['MESH_EXTERNAL', 'MESH_INTERNAL'] },
    'spec.resolution': { values: ['DNS', 'DNS_ROUND_ROBIN'] },
    'endpoints[].address': { values: ['192.0.2.1', '192.0.2.2'] },
    'endpoints[].ports': { values: [{ http: 8080 }, { http: 8081 }] },
    'endpoints[].labels': { values: [{ 'security.istio.io/tlsMode': 'istio' }, { app: 'x' }] },
    'endpoints[].locality': { values: ['r1/z1', 'r2/z2'] },
    'endpoints[].weight': { values: [3, 7] },
    'workloadSelector.labels': { values: [{ app: 'reviews' }, { app: 'mixed' }] },
    'spec.subjectAltNames': { values: [['spiffe://a/b'], ['spiffe://a/c']] },
    'spec.exportTo': { values: [['.'], ['*']] },
  },
};

const scope = (listener: JsonObject): JsonObject => ({ egress: [{ hosts: ['./*'], ...listener }] });

/** How the fields of a Sidecar are tried. */
export const sidecarCases: KindCases = {
  kind: 'Sidecar',
  apiVersion: 'networking.istio.io/v1',
  bases: {
    spec: scope({}),
    'spec.ingress': { workloadSelector: { labels: { app: 'reviews' } } },
    'spec.outboundTrafficPolicy.egressProxy': { outboundTrafficPolicy: { mode: 'ALLOW_ANY' } },
  },
  fields: {
    'workloadSelector.labels': { values: [{ app: 'client' }, { app: 'reviews' }] },
    'ingress[].port.number': {
      values: [8000, 8001],
      beside: { ingress: [{ port: { protocol: 'HTTP', name: 'http' } }] },
    },
    'ingress[].port.protocol': {
      values: ['HTTP', 'TCP'],
      beside: { ingress: [{ port: { number: 8000, name: 'a' } }] },
    },
    'ingress[].port.name': { unseen: 'a name' },
    'ingress[].defaultEndpoint': {
      values: ['127.0.0.1:8080', 'unix:///run/a.sock'],
      beside: { ingress: [{ port: { number: 8000, protocol: 'HTTP', name: 'http' } }] },
    },
    'egress[].hosts': { values: [['./*'], ['./reviews.default.svc.cluster.local']] },
    'outboundTrafficPolicy.mode': { values: ['ALLOW_ANY', 'REGISTRY_ONLY'] },
    'egressProxy.host': {
      values: ['reviews.default.svc.cluster.local', 'mixed.default.svc.cluster.local'],
      beside: { egressProxy: { port: { number: 9080 } } },
    },
    'egressProxy.subset': {
      values: ['v1', 'v2'],
      beside: { egressProxy: { host: 'reviews.default.svc.cluster.local', port: { number: 9080 } } },
    },
    'egressProxy.port.number': {
      values: [80, 3306],
      beside: { egressProxy: { host: 'mixed.default.svc.cluster.local' } },
    },
  },
};

/** How the fields of a PeerAuthentication are tried. */
export const peerAuthenticationCases: KindCases = {
  kind: 'PeerAuthentication',
  apiVersion: 'security.istio.io/v1',
  bases: { spec: { selector: { matchLabels: { app: 'mixed' } }, mtls: { mode: 'STRICT' } } },
  fields: {
    matchLabels: { values: [{ app: 'mixed' }, { app: 'reviews' }] },
    'mtls.mode': { values: ['PERMISSIVE', 'STRICT'] },
    'portLevelMtls.*.mode': { values: ['PERMISSIVE', 'DISABLE'], key: '3306' },
  },
};

const rule = (more: JsonObject): JsonObject => ({ selector: { matchLabels: { app: 'mixed' } }, rules: [more] });
const ranges = { values: [['10.1.0.0/16'], ['10.2.0.0/16']] } as const;

/** How the fields of an AuthorizationPolicy are tried. */
export const authorizationPolicyCases: KindCases = {
  kind: 'AuthorizationPolicy',
  apiVersion: 'security.istio.io/v1',
  bases: { spec: rule({}), 'spec.rules[].when': rule({ when: [{ key: 'source.namespace', values: ['a'] }] }) },
  fields: {
    matchLabels: { values: [{ app: 'mixed' }, { app: 'reviews' }] },
    'spec.action': { values: ['ALLOW', 'DENY'] },
    'source.ipBlocks': ranges,
    'source.notIpBlocks': ranges,
    'source.remoteIpBlocks': ranges,
    'source.notRemoteIpBlocks': ranges,
    'operation.ports': { values: [['80'], ['81']] },
    'operation.notPorts': { values: [['80'], ['81']], beside: { operation: { methods: ['GET'] } } },
    'operation.methods': { values: [['GET'], ['POST']] },
    'operation.notMethods': { values: [['GET'], ['POST']] },
    'operation.paths': { values: [['/a'], ['/b/{*}']] },
    'operation.notPaths': { values: [['/a'], ['/b/*']] },
    'when[].key': { values: ['source.namespace', 'source.principal'] },
  },
};

const quiet = (kind: string, spec: string): string => `
apiVersion: networking.istio.io/v1
kind: ${kind}
metadata: { name: quiet }
spec: ${spec}
---
`;

const ejecting = quiet('DestinationRule', '{ host: mixed, trafficPolicy: { outlierDetection: { interval: 10s } } }');

/** How the fields of the mesh settings are tried. */
export const meshConfigCases: KindCases = {
  kind: 'MeshConfig',
  apiVersion: '',
  bases: { '': {} },
  fields: {
    ...policyFields,
    trustDomain: { values: ['a.example.com', 'b.example.com'] },
    trustDomainAliases: { values: [['a.example.com'], ['b.example.com']] },
    rootNamespace: {
      values: ['istio-system', 'other'],
      objects: `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: quiet, namespace: other }
spec: { mtls: { mode: STRICT } }
---
`,
    },
    'outboundTrafficPolicy.mode': { values: ['ALLOW_ANY', 'REGISTRY_ONLY'] },
    'localityLbSetting.distribute[].from': {
      ...policyFields['localityLbSetting.distribute[].from'],
      objects: ejecting,
    },
    'localityLbSetting.distribute[].to': {
      ...policyFields['localityLbSetting.distribute[].to'],
      objects: ejecting,
    },
    'localityLbSetting.failover[].from': {
      values: ['r1', 'r2'],
      beside: { localityLbSetting: { failover: [{ to: 'r3' }] } },
      objects: ejecting,
    },
    'localityLbSetting.failover[].to': {
      values: ['r2', 'r3'],
      beside: { localityLbSetting: { failover: [{ from: 'r1' }] } },
      objects: ejecting,
    },
    'localityLbSetting.failoverPriority': {
      values: [['zone'], ['app']],
      objects: ejecting,
    },
    'localityLbSetting.enabled': {
      objects: ejecting,
    },
    h2UpgradePolicy: { values: ['UPGRADE', 'DO_NOT_UPGRADE'] },
    'pathNormalization.normalization': { values: ['NONE', 'MERGE_SLASHES'] },
    retryOn: { values: ['5xx', '503,gateway-error'] },
    defaultServiceExportTo: { values: [['.'], ['*']] },
    defaultVirtualServiceExportTo: {
      values: [['.'], ['*']],
      objects: quiet(
        'VirtualService',
        '{ hosts: [mixed.default.svc.cluster.local], http: [{ directResponse: { status: 200 } }] }',
      ),
    },
    defaultDestinationRuleExportTo: {
      values: [['.'], ['*']],
      objects: quiet(
        'DestinationRule',
        '{ host: mixed.default.svc.cluster.local, trafficPolicy: { loadBalancer: { simple: RANDOM } } }',
      ),
    },
    accessLogFile: { values: ['/dev/stdout', '/dev/stderr'] },
    accessLogFormat: { values: ['%PROTOCOL%', '%DURATION%'], beside: { accessLogFile: '/dev/stdout' } },
    accessLogEncoding: { values: ['TEXT', 'JSON'], beside: { accessLogFile: '/dev/stdout' } },
    'defaultConfig.concurrency': { unseen: 'injection gives it to the proxy' },
    'defaultConfig.drainDuration': { unseen: 'injection gives it to the proxy' },
    'defaultConfig.proxyMetadata': { unseen: 'injection gives it to the proxy' },
    'defaultConfig.holdApplicationUntilProxyStarts': { unseen: 'injection orders the containers by it' },
  },
};
