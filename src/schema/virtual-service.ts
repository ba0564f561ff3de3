/** VirtualService: where the requests and connections for a host go (https://istio.io/latest/docs/reference/config/networking/virtual-service/). */
import { destination } from './destination.ts';
import {
  checkCors,
  checkDirectResponse,
  checkFault,
  checkHeaders,
  checkMatchedHeaders,
  checkRedirect,
  checkRetries,
  checkRewrite,
} from './rules/http.ts';
import { checkExportTo, type Exported } from './rules/names.ts';
import { checkHttpRoute, checkVirtualService } from './rules/virtual-service.ts';
import { istioKind, type SpecObject } from './kit/kind.ts';
import {
  boolean,
  choice,
  duration,
  integer,
  list,
  map,
  no,
  object,
  port,
  required,
  string,
  withDefault,
  yes,
  type Report,
  type Static,
} from './kit/node.ts';
import { exportTo, labels, percent, positiveDuration, stringMatch } from './shared.ts';

const headerMap = map(string(), { key: string({ minLength: 1 }) });

const headerOperations = object({
  set: yes('headers that get this value whatever they had', headerMap),
  add: yes('headers that get this value beside what they had', headerMap),
  remove: yes('headers that are taken away', list(string({ minLength: 1 }))),
});
/** Changes to the headers of a request or a response. */
export type HeaderOperations = Static<typeof headerOperations>;

const headers = object(
  {
    request: yes('changes before the request goes on', headerOperations),
    response: yes('changes before the response goes back', headerOperations),
  },
  { rules: [checkHeaders] },
);
/** Changes to headers in both directions. */
export type Headers = Static<typeof headers>;

const weight = yes(
  'share of the traffic; the weights are taken in proportion to their sum',
  integer({ min: 0, max: 2_147_483_647 }),
);

const httpRouteDestination = object({
  destination: required(yes('who answers', destination)),
  weight,
  headers: yes('header changes for this destination only', headers),
});
/** A weighted destination of an HTTP route. */
export type HttpRouteDestination = Static<typeof httpRouteDestination>;

const routeDestination = object({
  destination: required(yes('who gets the connection', destination)),
  weight,
});
/** A weighted destination of a TCP or TLS route. */
export type RouteDestination = Static<typeof routeDestination>;

const headerMatches = map(stringMatch, {
  key: string({ minLength: 1, unsupported: { '@request.auth.*': 'matching on JWT claims' } }),
});

const httpMatch = object(
  {
    name: yes('name of the match, for logs and statistics', string()),
    uri: yes('path of the request', stringMatch),
    scheme: yes('http or https', stringMatch),
    method: yes('method of the request', stringMatch),
    authority: yes('host that the request names', stringMatch),
    headers: yes('headers that have to match; an empty match asks for presence', headerMatches),
    withoutHeaders: yes('headers that must not match', headerMatches),
    queryParams: yes('query parameters that have to match', map(stringMatch, { key: string({ minLength: 1 }) })),
    port: yes('port that the client called', port()),
    sourceLabels: yes('only for clients with these labels', labels),
    sourceNamespace: yes('only for clients of this namespace', string({ format: 'label' })),
    gateways: yes('only on these gateways, instead of those of the rule', list(string({ minLength: 1 }))),
    ignoreUriCase: withDefault(false, yes('upper and lower case of the path are the same', boolean())),
    statPrefix: yes('statistics of the route under this name', string()),
  },
  { rules: [checkMatchedHeaders] },
);
/** What a request has to be. All members must hold. */
export type HttpMatch = Static<typeof httpMatch>;

const redirect = object(
  {
    uri: yes('path to go to', string()),
    authority: yes('host to go to', string()),
    port: yes('port to go to', port()),
    derivePort: yes('port to go to by rule', choice(['FROM_PROTOCOL_DEFAULT', 'FROM_REQUEST_PORT'])),
    scheme: yes('http or https', string({ pattern: '|[A-Za-z][A-Za-z0-9+.-]*' })),
    redirectCode: withDefault(301, yes('status of the answer', integer())),
    prefixRewrite: yes('replaces the part of the path that matched', string()),
  },
  { oneOf: [['port', 'derivePort']], rules: [checkRedirect] },
);
/** An answer that sends the client elsewhere. */
export type HttpRedirect = Static<typeof redirect>;

const directResponse = object(
  {
    status: required(yes('status of the answer', integer({ min: 200, max: 599 }))),
    body: yes(
      'body of the answer',
      object(
        { string: yes('as text', string()), bytes: yes('as base64', string({ format: 'base64' })) },
        { exactlyOne: [['string', 'bytes']] },
      ),
    ),
  },
  { rules: [checkDirectResponse] },
);
/** An answer that the proxy gives itself. */
export type HttpDirectResponse = Static<typeof directResponse>;

const rewrite = object(
  {
    uri: yes('replaces the path, or the prefix that matched', string()),
    authority: yes('replaces the host', string()),
    uriRegexRewrite: yes(
      'replaces what a pattern matches in the path',
      object({
        match: required(yes('RE2 pattern', string({ minLength: 1, format: 'regex' }))),
        rewrite: required(yes('replacement; \\1 is the first group', string({ minLength: 1 }))),
      }),
    ),
  },
  { rules: [checkRewrite] },
);
/** Changes to the path and the host before a request goes on. */
export type HttpRewrite = Static<typeof rewrite>;

/** When and how often to try again; also in the mesh settings. */
export const retries = object(
  {
    attempts: withDefault(
      2,
      yes('retries after the first try; 0 switches them off', integer({ min: 0, max: 2_147_483_647 })),
    ),
    perTryTimeout: yes('time that one try may take', positiveDuration),
    retryOn: yes('conditions and status codes on which to retry', string()),
    retryRemoteLocalities: yes('retries may leave the locality', boolean()),
    retryIgnorePreviousHosts: withDefault(true, yes('retries avoid hosts that failed', boolean())),
    backoff: withDefault('25ms', yes('least time between tries', positiveDuration)),
  },
  { rules: [checkRetries] },
);
/** When and how often to try again. */
export type HttpRetry = Static<typeof retries>;

const delay = object(
  {
    fixedDelay: yes('time to wait', positiveDuration),
    exponentialDelay: no('time to wait on average', positiveDuration, 'Istio ignores it too'),
    percentage: yes('share of the requests', percent),
    percent: yes('share of the requests, in whole percent; the old form', integer({ min: 0, max: 100 })),
  },
  { oneOf: [['fixedDelay', 'exponentialDelay']] },
);

const abort = object(
  {
    httpStatus: yes('HTTP status to answer with', integer({ min: 200, max: 599 })),
    grpcStatus: yes('gRPC status to answer with, by name', string()),
    http2Error: no('HTTP/2 error to answer with', string(), 'Istio does not implement it either'),
    percentage: yes('share of the requests', percent),
  },
  { exactlyOne: [['httpStatus', 'grpcStatus', 'http2Error']] },
);

const fault = object(
  {
    delay: yes('requests that wait', delay),
    abort: yes('requests that fail', abort),
  },
  { rules: [checkFault] },
);
/** Faults that are injected. */
export type HttpFaultInjection = Static<typeof fault>;

const mirror = object({
  destination: required(yes('who gets the copy', destination)),
  percentage: yes('share of the requests; all where it is absent', percent),
});
/** A copy of the traffic, whose answers are thrown away. */
export type HttpMirrorPolicy = Static<typeof mirror>;

const corsPolicy = object(
  {
    allowOrigins: yes('origins that may call', list(stringMatch)),
    allowOrigin: no('origins that may call; the old form', list(string()), 'use allowOrigins'),
    allowMethods: yes('methods that they may use', list(string({ minLength: 1 }))),
    allowHeaders: yes('request headers that they may send', list(string({ minLength: 1 }))),
    exposeHeaders: yes('response headers that they may read', list(string({ minLength: 1 }))),
    maxAge: yes('time that a browser may keep the answer', positiveDuration),
    allowCredentials: yes('cookies and credentials are allowed', boolean()),
    unmatchedPreflights: withDefault(
      'FORWARD',
      yes('what becomes of a preflight that does not match', choice(['UNSPECIFIED', 'FORWARD', 'IGNORE'])),
    ),
  },
  { rules: [checkCors] },
);
/** Cross-origin policy. */
export type CorsPolicy = Static<typeof corsPolicy>;

const httpRoute = object(
  {
    name: yes('name of the route, for logs', string()),
    match: yes('requests that take this route; any one match is enough, none means all', list(httpMatch)),
    route: yes('who answers, by weight', list(httpRouteDestination)),
    redirect: yes('answer with a redirect', redirect),
    directResponse: yes('answer with a fixed response', directResponse),
    delegate: no(
      'another VirtualService decides',
      object({
        name: no('name of the other', string()),
        namespace: no('namespace of the other', string()),
      }),
      'routes are not delegated',
    ),
    rewrite: yes('changes to path and host', rewrite),
    timeout: yes('time that the whole request may take; none where it is absent or 0s', duration({ minMs: 0 })),
    retries: yes('when to try again', retries),
    fault: yes('faults to inject', fault),
    mirror: yes('copy of the traffic; the old form of mirrors', destination),
    mirrors: yes('copies of the traffic', list(mirror)),
    mirrorPercent: yes('share of the copied requests in whole percent; the oldest form', integer({ min: 0, max: 100 })),
    mirror_percent: yes('mirrorPercent under its name in old files', integer({ min: 0, max: 100 })),
    mirrorPercentage: yes('share of the copied requests', percent),
    corsPolicy: yes('cross-origin policy', corsPolicy),
    headers: yes('header changes for every destination', headers),
  },
  {
    oneOf: [
      ['mirror', 'mirrors'],
      ['mirrorPercent', 'mirror_percent'],
    ],
    rules: [checkHttpRoute],
  },
);
/** One HTTP route. */
export type HttpRoute = Static<typeof httpRoute>;

const l4MatchFields = {
  destinationSubnets: yes('addresses that the client called', list(string({ format: 'cidr' }))),
  port: yes('port that the client called', port()),
  sourceLabels: yes('only for clients with these labels', labels),
  sourceNamespace: yes('only for clients of this namespace', string({ format: 'label' })),
  gateways: yes('only on these gateways, instead of those of the rule', list(string({ minLength: 1 }))),
} as const;

const tcpMatch = object({
  ...l4MatchFields,
  sourceSubnet: no('addresses of the clients', string({ format: 'cidr' }), 'Istio does not implement it either'),
});
/** What a connection has to be. */
export type L4Match = Static<typeof tcpMatch>;

const tlsMatch = object({
  sniHosts: required(
    yes(
      'server names that the client asks for',
      list(string({ minLength: 1, format: 'wildcardHost' }), { minItems: 1 }),
    ),
  ),
  ...l4MatchFields,
});
/** What a TLS connection has to be. */
export type TlsMatch = Static<typeof tlsMatch>;

const tcpRoute = object({
  match: yes('connections that take this route; none means all', list(tcpMatch)),
  route: required(yes('who gets them, by weight', list(routeDestination, { minItems: 1 }))),
});
/** One TCP route. */
export type TcpRoute = Static<typeof tcpRoute>;

const tlsRoute = object({
  match: required(yes('connections that take this route', list(tlsMatch, { minItems: 1 }))),
  route: required(yes('who gets them, by weight', list(routeDestination, { minItems: 1 }))),
});
/** One route for TLS that is not decrypted. */
export type TlsRoute = Static<typeof tlsRoute>;

const spec = object(
  {
    hosts: yes('hosts that the rule is for', list(string({ minLength: 1 }))),
    gateways: withDefault(
      ['mesh'],
      yes('gateways that carry it, as namespace/name; "mesh" is every sidecar', list(string({ minLength: 1 }))),
    ),
    http: yes('routes for HTTP; the first that matches counts', list(httpRoute)),
    tls: yes('routes for TLS that is passed through', list(tlsRoute)),
    tcp: yes('routes for every other connection', list(tcpRoute)),
    exportTo: withDefault(['*'], yes('namespaces that see it', exportTo)),
  },
  { rules: [checkVirtualService] },
);
/** What a VirtualService says. */
export type VirtualServiceSpec = Static<typeof spec>;
/** Where the traffic for a host goes. */
export interface VirtualService extends SpecObject<'VirtualService', VirtualServiceSpec> {}

/** The kind. */
export const virtualService = istioKind({
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  kind: 'VirtualService',
  plural: 'virtualservices',
  shortNames: ['vs'],
  spec,
  rules: [(object: Exported, report: Report) => checkExportTo(object, report, false)],
});
