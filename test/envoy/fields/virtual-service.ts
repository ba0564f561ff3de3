import type { JsonObject } from '../../../src/base/json.ts';
import type { KindCases } from './case.ts';

const to = (host: string, port?: number): JsonObject => ({
  destination: port === undefined ? { host } : { host, port: { number: port } },
});
const http = (route: JsonObject, gateways = ['mesh']): JsonObject => ({
  hosts: ['mixed'],
  gateways,
  http: [route, { route: [to('mixed', 80)] }],
});
const ports = { values: [80, 9999] } as const;
const hosts = { values: ['reviews', 'outside.example.com'] } as const;
const subsets = { values: ['v1', 'v2'] } as const;
const clientLabels = { values: [{ app: 'client' }, { app: 'mixed' }] } as const;
const clientNamespace = { values: ['default', 'other'] } as const;
const ofGateways = { values: [['mesh'], ['front']] } as const;
const regex = { values: ['a.*', 'b+'] } as const;
const prefix = { values: ['/a', '/b'] } as const;

/** How the fields of a VirtualService are tried. */
export const virtualServiceCases: KindCases = {
  kind: 'VirtualService',
  apiVersion: 'networking.istio.io/v1',
  bases: {
    spec: http({ route: [to('reviews', 9080)] }),
    'spec.http[].match[].gateways': http({ route: [to('reviews')] }, ['mesh', 'front']),
    'spec.http[].redirect': http({ redirect: { uri: '/elsewhere' } }),
    'spec.http[].redirect.prefixRewrite': http({ redirect: {} }),
    'spec.http[].redirect.derivePort': http({ redirect: { uri: '/elsewhere', scheme: 'https' } }),
    'spec.http[].directResponse': http({ directResponse: { status: 200 } }),
    'spec.tls': {
      hosts: ['outside.example.com', 'b.outside.example.com'],
      tls: [{ match: [{ sniHosts: ['outside.example.com'] }], route: [to('reviews', 9080)] }],
    },
    'spec.tls[].match[].gateways': {
      hosts: ['outside.example.com'],
      gateways: ['mesh', 'front'],
      tls: [{ match: [{ sniHosts: ['outside.example.com'] }], route: [to('reviews', 9080)] }],
    },
    'spec.tcp': { hosts: ['mixed'], tcp: [{ route: [to('reviews', 9080)] }, { route: [to('mixed', 3306)] }] },
    'spec.tcp[].match[].gateways': {
      hosts: ['mixed'],
      gateways: ['mesh', 'front'],
      tcp: [{ route: [to('reviews', 9080)] }],
    },
  },
  fields: {
    'spec.hosts': { values: [['mixed'], ['reviews']] },
    'spec.gateways': { values: [['mesh'], ['front']] },
    'spec.exportTo': { values: [['.'], ['other']] },
    'uri.regex': regex,
    'scheme.exact': { values: ['http', 'https'] },
    'method.exact': { values: ['GET', 'POST'] },
    'match[].port': { values: [80, 9999] },
    'tcp[].match[].port': { values: [3306, 9999] },
    'tls[].match[].port': { values: [443, 444] },
    'match[].sourceLabels': clientLabels,
    'match[].sourceNamespace': clientNamespace,
    'match[].gateways': ofGateways,
    'match[].ignoreUriCase': { beside: { match: [{ uri: { exact: '/a' } }] } },
    'match[].statPrefix': { values: ['one', 'two'] },
    'match[].name': { beside: { match: [{ uri: { prefix: '/a' } }] } },
    'match[].sniHosts': { values: [['outside.example.com'], ['b.outside.example.com']] },
    'match[].destinationSubnets': { values: [['10.1.0.0/16'], ['10.2.0.0/16']] },
    'destination.host': hosts,
    'destination.subset': subsets,
    'destination.port.number': ports,
    'mirror.host': hosts,
    'mirror.subset': { ...subsets, beside: { mirror: { host: 'mixed', port: { number: 80 } } } },
    'mirror.port.number': { ...ports, beside: { mirror: { host: 'mixed' } } },
    'mirrors[].destination.subset': { ...subsets, beside: { mirrors: [{ destination: { host: 'mixed' } }] } },
    'mirrors[].destination.port.number': { ...ports, beside: { mirrors: [{ destination: { host: 'mixed' } }] } },
    'mirrors[].percentage.value': { beside: { mirrors: [{ destination: { host: 'mixed' } }] } },
    mirrorPercent: { beside: { mirror: { host: 'mixed' } } },
    mirror_percent: { beside: { mirror: { host: 'mixed' } } },
    'mirrorPercentage.value': { beside: { mirror: { host: 'mixed' } } },
    'route[].weight': {
      values: [20, 40],
      beside: { route: [to('mixed', 80), { ...to('reviews', 9080), weight: 60 }] },
    },
    'redirect.redirectCode': { values: [302, 308] },
    'redirect.scheme': { values: ['http', 'https'] },
    'directResponse.status': { values: [200, 404] },
    'directResponse.body.bytes': { values: ['YQ==', 'Yg=='] },
    'redirect.uri': prefix,
    'redirect.prefixRewrite': prefix,
    'rewrite.uri': prefix,
    'uriRegexRewrite.match': { ...regex, beside: { uriRegexRewrite: { rewrite: 'x' } } },
    'uriRegexRewrite.rewrite': { beside: { uriRegexRewrite: { match: 'a' } } },
    'retries.retryOn': { values: ['5xx', '503,gateway-error'] },
    'delay.percentage.value': { beside: { delay: { fixedDelay: '1s' } } },
    'delay.percent': { beside: { delay: { fixedDelay: '1s' } } },
    'abort.httpStatus': { values: [500, 503] },
    'abort.grpcStatus': { values: ['UNAVAILABLE', 'INTERNAL'] },
    'abort.percentage.value': { beside: { abort: { httpStatus: 500 } } },
    'allowOrigins[].regex': regex,
    'corsPolicy.allowMethods': {
      values: [['GET'], ['POST']],
      beside: { corsPolicy: { allowOrigins: [{ exact: 'a' }] } },
    },
    'corsPolicy.unmatchedPreflights': {
      values: ['FORWARD', 'IGNORE'],
      beside: { corsPolicy: { allowOrigins: [{ exact: 'a' }] } },
    },
  },
};
