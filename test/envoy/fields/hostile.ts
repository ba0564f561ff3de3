import type { MeshConfig } from '../../../src/schema/index.ts';

let count = 0;
const object = (kind: string, spec: string, name = `h${count++}`): string => {
  const group = kind.endsWith('Authentication') || kind.endsWith('Policy') ? 'security' : 'networking';
  return `---\napiVersion: ${group}.istio.io/v1\nkind: ${kind}\nmetadata: { name: ${name} }\nspec: ${spec}\n`;
};
const route = (more: string): string =>
  object('VirtualService', `{ hosts: [mixed], http: [{ route: [{ destination: { host: mixed } }], ${more} }] }`);
const rule = (policy: string): string => object('DestinationRule', `{ host: mixed, trafficPolicy: ${policy} }`);
const server = (text: string): string =>
  object('Gateway', `{ selector: { istio: ingressgateway }, servers: [${text}] }`, 'x');
const https = (hosts: string, tls = '{ mode: SIMPLE, credentialName: shop }', port = 8443): string =>
  `{ port: { number: ${port}, name: https-${hosts.length}-${tls.length}, protocol: HTTPS }, hosts: [${hosts}], tls: ${tls} }`;
const policy = (rules: string): string =>
  object('AuthorizationPolicy', `{ selector: { matchLabels: { app: mixed } }, rules: [${rules}] }`);
const to = (host: string, weight = 100): string => `{ destination: { host: ${host} }, weight: ${weight} }`;
const sni = (names: string, host: string): string => `{ match: [{ sniHosts: [${names}] }], route: [${to(host)}] }`;
const subnet = (range: string, host: string): string =>
  `{ match: [{ destinationSubnets: [${range}], port: 3306 }], route: [${to(host)}] }`;
const entry = (text: string): string => object('ServiceEntry', text);

/** YAML by what is odd about it. */
export const hostileObjects: Readonly<Record<string, string>> = {
  'server names that overlap':
    object(
      'VirtualService',
      `{ hosts: [a.example.com, b.example.com, c.example.com, outside.example.com], tls: [${sni('a.example.com, b.example.com', 'reviews')}, ${sni('b.example.com, c.example.com', 'mixed')}] }`,
    ) +
    entry(
      '{ hosts: [a.example.com, b.example.com], ports: [{ number: 444, name: tls, protocol: TLS }], resolution: DNS }',
    ),
  'a server name in two spellings': object(
    'VirtualService',
    `{ hosts: [outside.example.com], tls: [${sni('outside.example.com', 'reviews')}, ${sni('Outside.Example.com', 'mixed')}] }`,
  ),
  'a star among server names':
    server('{ port: { number: 8443, name: tls, protocol: TLS }, hosts: ["*"], tls: { mode: PASSTHROUGH } }') +
    object('VirtualService', `{ hosts: ["*"], gateways: [x], tls: [${sni('"*", shop.example.com', 'mixed')}] }`),
  'ranges that overlap': object(
    'VirtualService',
    `{ hosts: [mixed], tcp: [${subnet('10.1.2.3/8', 'reviews')}, ${subnet('10.0.0.0/8', 'mixed')}, ${subnet('10.9.0.0/16, 10.0.0.0/8', 'mixed')}] }`,
  ),
  'services with one address': ['a', 'b']
    .map(
      (name) =>
        `---\napiVersion: v1\nkind: Service\nmetadata: { name: twin-${name} }\nspec: { clusterIP: 10.96.7.7, ports: [{ name: http, port: 80 }, { name: tcp-x, port: 90 }] }\n`,
    )
    .join(''),
  'a service with an IPv6 address': `---\napiVersion: v1\nkind: Service\nmetadata: { name: six }\nspec: { clusterIP: "fd00::7", ports: [{ name: http, port: 80 }, { name: tcp-x, port: 90 }, { name: auto, port: 91 }] }\n`,
  'hosts of a gateway that overlap': server(
    `${https('shop.example.com, b.example.com')}, ${https('b.example.com, "*.example.com"')}`,
  ),
  'hosts of a gateway in two spellings':
    server('{ port: { number: 8000, name: http, protocol: HTTP }, hosts: ["*"] }') +
    object(
      'VirtualService',
      '{ hosts: [Shop.example.com], gateways: [x], http: [{ directResponse: { status: 200 } }] }',
    ),
  'the same port twice with two kinds of TLS': server(
    `${https('"*"')}, ${https('"*"', '{ mode: MUTUAL, credentialName: shop }')}`,
  ),
  'weights beyond any sum': object(
    'VirtualService',
    `{ hosts: [mixed], http: [{ route: [${to('mixed', 2147483647)}, ${to('reviews', 2147483647)}, ${to('outside.example.com', 2147483647)}] }], tcp: [{ route: [${to('mixed', 2147483647)}, ${to('reviews', 2147483647)}, ${to('outside.example.com', 2147483647)}] }] }`,
  ),
  'all weights nought': object(
    'VirtualService',
    `{ hosts: [mixed], http: [{ route: [${to('mixed', 0)}, ${to('reviews', 0)}] }], tcp: [{ route: [${to('mixed', 0)}, ${to('reviews', 0)}] }] }`,
  ),
  'a group that a pattern does not have': route('rewrite: { uriRegexRewrite: { match: "/a", rewrite: "/\\\\3" } }'),
  'a backslash at the end of a replacement': route('rewrite: { uriRegexRewrite: { match: "/a", rewrite: "/b\\\\" } }'),
  'a pattern that is a lone star': route('match: [{ uri: { regex: "*" } }]'),
  'a rewritten regex match': route('match: [{ uri: { regex: "/a(.*)" } }], rewrite: { uri: "/\\\\9" }'),
  'a percent sign in a header': route(
    'headers: { request: { set: { x-a: "50%", x-b: "%FOO%", x-c: "%REQ(x)%", x-d: "a%%b" } }, response: { add: { x-e: "100 % sure" } } }',
  ),
  'an operator that nobody knows in a header': route(
    'headers: { request: { set: { x-b: "%FOO%", x-c: "%REQ(x)%", x-d: "a%%b", x-e: "%PROTOCOL(x)%", x-f: "%REQ%" } } }',
  ),
  'pseudo headers': route(
    'headers: { request: { set: { ":path": "/x" }, add: { Host: a }, remove: [host, ":method"] }, response: { set: { ":status": "200" }, remove: [":status"] } }',
  ),
  'header names that are none': route(
    'match: [{ headers: { "a b": { exact: x } }, withoutHeaders: { "ü": { exact: x } } }]',
  ),
  'header names that are none, to set': route('headers: { request: { set: { "a b": x } } }'),
  'header values with a line end': route('headers: { request: { set: { a: "b\\r\\nc: d" } } }'),
  'a query parameter without a value': route('match: [{ queryParams: { a: {} } }]'),
  'an endless timeout': route('timeout: 87600h, retries: { perTryTimeout: 87600h, backoff: 87600h }'),
  'a timeout of nanoseconds': route('timeout: 1ns'),
  'faults without a share': route(
    'fault: { delay: { fixedDelay: 1ms, percentage: {} }, abort: { grpcStatus: NOT_A_STATUS } }',
  ),
  'a fault of an odd status': route('fault: { abort: { httpStatus: 599 } }'),
  'retries on words that do not exist': route(
    'retries: { attempts: 2147483647, retryOn: "foo, 600, 503,, gateway-error" }',
  ),
  'a redirect to an odd status': object(
    'VirtualService',
    '{ hosts: [mixed], http: [{ redirect: { uri: "%PREFIX()%/x", redirectCode: 399, derivePort: FROM_PROTOCOL_DEFAULT } }] }',
  ),
  'a redirect with an authority of several lines': object(
    'VirtualService',
    '{ hosts: [mixed], http: [{ redirect: { authority: "a\\nb" } }] }',
  ),
  'a large answer': object(
    'VirtualService',
    `{ hosts: [mixed], http: [{ directResponse: { status: 200, body: { string: ${'x'.repeat(60_000)} } } }] }`,
  ),
  'a CORS policy without origins': route('corsPolicy: { allowMethods: [GET], maxAge: 1ms }'),
  'a mirror to nowhere': route(
    'mirrors: [{ destination: { host: nobody }, percentage: {} }, { destination: { host: nobody } }]',
  ),
  'a destination without a service': object(
    'VirtualService',
    `{ hosts: [mixed], http: [{ route: [${to('nobody')}] }] }`,
  ),
  'a ring beyond all bounds': rule(
    '{ loadBalancer: { consistentHash: { httpHeaderName: x, ringHash: { minimumRingSize: 9000000 } } } }',
  ),
  'a table whose size is no prime': rule(
    '{ loadBalancer: { consistentHash: { httpHeaderName: x, maglev: { tableSize: 100 } } } }',
  ),
  'a hash by a cookie without life': rule(
    '{ loadBalancer: { consistentHash: { httpCookie: { name: "a=b;", ttl: 0s } } } }',
  ),
  'warmup beyond bounds': rule(
    '{ loadBalancer: { warmup: { duration: 1ms, minimumPercent: 0, aggression: 1000000 } } }',
  ),
  'weights of localities that are nought': rule(
    "{ loadBalancer: { localityLbSetting: { distribute: [{ from: 'r1/*', to: { 'r1/*': 0, 'r2/*': 100 } }] } } }",
  ),
  'priorities of labels nobody has': rule(
    "{ outlierDetection: {}, loadBalancer: { localityLbSetting: { failoverPriority: [a, 'b=c', ''] } } }",
  ),
  'limits of nought': rule(
    '{ connectionPool: { tcp: { maxConnections: 0, idleTimeout: 0s }, http: { http1MaxPendingRequests: 0, maxConcurrentStreams: 0 } } }',
  ),
  'streams beyond bounds': rule(
    '{ connectionPool: { http: { maxConcurrentStreams: 4294967295, maxRequestsPerConnection: 536870912, http2KeepAlive: { interval: 1ms } } } }',
  ),
  'keepalive of milliseconds': rule(
    '{ connectionPool: { tcp: { tcpKeepalive: { probes: 4294967295, time: 1ms, interval: 87600h } } } }',
  ),
  'an endless idle time': rule(
    '{ connectionPool: { tcp: { connectTimeout: 87600h, maxConnectionDuration: 87600h, idleTimeout: 87600h } } }',
  ),
  'ejection beyond bounds': rule(
    '{ outlierDetection: { consecutive5xxErrors: 0, interval: 1ms, baseEjectionTime: 9999h, maxEjectionPercent: 100, outlierDetectionHttpErrorCodes: [500] } }',
  ),
  'names without certificates': rule(
    '{ tls: { mode: SIMPLE, sni: "", subjectAltNames: ["*.example.com", "spiffe://x"], caCertificates: "" } }',
  ),
  'a tunnel to an odd host': rule('{ tunnel: { targetHost: "a b", targetPort: 443 } }'),
  'a budget of nothing': rule('{ retryBudget: { percent: 0, minRetryConcurrency: 0 } }'),
  'a rule for every host': object(
    'DestinationRule',
    '{ host: "*", trafficPolicy: { loadBalancer: { simple: RANDOM } } }',
  ),
  'versions of TLS in the wrong order': server(
    https('"*"', '{ mode: SIMPLE, credentialName: shop, minProtocolVersion: TLSV1_3, maxProtocolVersion: TLSV1_2 }'),
  ),
  'ciphers that nobody knows': server(
    https('"*"', '{ mode: SIMPLE, credentialName: shop, cipherSuites: [fake, ECDHE-RSA-AES128-GCM-SHA256, fake] }'),
  ),
  'hashes that are none': server(
    https('"*"', '{ mode: MUTUAL, credentialName: shop, verifyCertificateSpki: [abc], verifyCertificateHash: ["zz"] }'),
  ),
  'a bind that is no address': server(
    '{ port: { number: 8000, name: http, protocol: HTTP }, hosts: ["*"], bind: 999.1.1.1 }',
  ),
  'a bind that is a socket': server(
    '{ port: { number: 0, name: http, protocol: HTTP }, hosts: ["*"], bind: "unix:///run/a.sock" }',
  ),
  'a bind of IPv6': server('{ port: { number: 8000, name: http, protocol: HTTP }, hosts: ["*"], bind: "::1" }'),
  'plain and TLS on one port': server(
    `{ port: { number: 8443, name: http, protocol: HTTP }, hosts: ["*"] }, ${https('"*"')}`,
  ),
  AUTO_PASSTHROUGH: server(
    '{ port: { number: 15443, name: tls2, protocol: TLS }, hosts: ["*.local"], tls: { mode: AUTO_PASSTHROUGH } }',
  ),
  MONGO: server('{ port: { number: 27017, name: mongo, protocol: MONGO }, hosts: ["*"] }'),
  'names as endpoints that are written out': entry(
    '{ hosts: [h.example.com], ports: [{ number: 80, name: http, protocol: HTTP }], resolution: STATIC, endpoints: [{ address: not-an-ip }] }',
  ),
  'endpoints of one address': entry(
    '{ hosts: [h.example.com], ports: [{ number: 80, name: http, protocol: HTTP }], resolution: STATIC, endpoints: [{ address: 192.0.2.1, weight: 0 }, { address: 192.0.2.1 }, { address: "::1" }] }',
  ),
  'endpoints as sockets': entry(
    '{ hosts: [h.example.com], ports: [{ number: 80, name: http, protocol: HTTP }], resolution: STATIC, endpoints: [{ address: "unix:///run/a.sock" }] }',
  ),
  'several names by round robin': entry(
    '{ hosts: [h.example.com], ports: [{ number: 80, name: http, protocol: HTTP }], resolution: DNS_ROUND_ROBIN, endpoints: [{ address: a.example.com }, { address: b.example.com }] }',
  ),
  'names and priorities by DNS':
    entry(
      '{ hosts: [h.example.com], ports: [{ number: 80, name: http, protocol: HTTP }], resolution: DNS, endpoints: [{ address: a.example.com, locality: r1/z1/s1 }, { address: b.example.com, locality: r9 }] }',
    ) + object('DestinationRule', '{ host: h.example.com, trafficPolicy: { outlierDetection: {} } }'),
  'a wildcard that is looked up': entry(
    '{ hosts: ["*.h.example.com"], ports: [{ number: 443, name: tls, protocol: TLS }, { number: 80, name: http, protocol: HTTP }, { number: 9000, name: tcp, protocol: TCP }], resolution: NONE }',
  ),
  'ranges as addresses': entry(
    '{ hosts: [h.example.com], addresses: [10.7.1.1/8, 10.0.0.0/8, "fd00::/16", 10.3.3.3], ports: [{ number: 3306, name: tcp, protocol: TCP }, { number: 443, name: tls, protocol: TLS }], resolution: NONE }',
  ),
  'a host without a port': entry('{ hosts: [h.example.com], resolution: DNS }'),
  'a port without a protocol': entry('{ hosts: [h.example.com], ports: [{ number: 8123, name: x }], resolution: DNS }'),
  'a port beyond all ports': object(
    'PeerAuthentication',
    "{ selector: { matchLabels: { app: mixed } }, portLevelMtls: { '99999': { mode: STRICT } } }",
  ),
  'a path template that is none': policy('{ to: [{ operation: { paths: ["/a/{*}b/{**}/{**}"] } }] }'),
  'stars of all kinds': policy(
    '{ from: [{ source: { principals: ["*"], namespaces: ["*a*"], trustDomains: ["*"], ipBlocks: ["10.1.2.3/8", "::1"] } }], to: [{ operation: { hosts: ["*", "*.a", "a.*"], paths: ["*", "/*"], methods: ["*"], ports: ["80"] } }] }',
  ),
  'a header that is none': policy('{ when: [{ key: "request.headers[a b]", values: [x] }] }'),
  'no header at all': policy('{ when: [{ key: "request.headers[]", values: [x] }] }'),
  'conditions without values': policy('{ when: [{ key: source.ip, values: [] }] }'),
  'a rule without parts': policy('{ from: [{ source: {} }] }'),
  'ingress of a Sidecar twice on a port': object(
    'Sidecar',
    '{ workloadSelector: { labels: { app: mixed } }, ingress: [{ port: { number: 80, protocol: HTTP, name: a }, defaultEndpoint: "0.0.0.0:8080" }, { port: { number: 80, protocol: TCP, name: b }, defaultEndpoint: "127.0.0.1:1" }] }',
  ),
};

/** Mesh settings by what is odd about them. */
export const hostileSettings: Readonly<Record<string, MeshConfig>> = {
  'a log format with unknown operators': {
    accessLogFile: '/dev/stdout',
    accessLogFormat:
      '%FOO% 100% %REQ(X)% %% %REQ% %PROTOCOL(x)% %DURATION:5% %REQ(a b)% %START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)% %COMMON_DURATION%',
  },
  'all that Istio knows in a log': {
    accessLogFile: '/dev/stdout',
    accessLogFormat:
      '%REQ_WITHOUT_QUERY(:path):20% %METADATA(ROUTE:istio:config)% %FILTER_STATE(upstream_peer)% %REQ(X-A?Y)%',
  },
  'a JSON log format that is none': {
    accessLogFile: '/dev/stdout',
    accessLogEncoding: 'JSON',
    accessLogFormat: '{oops',
  },
  'a JSON log format with unknown operators': {
    accessLogFile: '/dev/stdout',
    accessLogEncoding: 'JSON',
    accessLogFormat: '{"a": "%FOO%", "b": {"c": ["50%", 1, null]}}',
  },
  'durations of all sizes': {
    connectTimeout: '87600h',
    protocolDetectionTimeout: '1ns',
    tcpKeepalive: { time: '1ms' },
  },
  'a trust domain with odd letters': { trustDomain: 'a+b(c', trustDomainAliases: ['*', ''] },
};
