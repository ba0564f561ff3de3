/** DestinationRule: how clients talk to a host once a route has chosen it (https://istio.io/latest/docs/reference/config/networking/destination-rule/). */
import {
  checkConsistentHash,
  checkDestinationRule,
  checkLocality,
  checkOutlierDetection,
  checkTrafficPolicy,
} from './rules/destination-rule.ts';
import { checkExportTo } from './rules/names.ts';
import { checkClientTls } from './rules/tls.ts';
import { istioKind, type SpecObject } from './kit/kind.ts';
import {
  boolean,
  choice,
  duration,
  integer,
  list,
  map,
  number,
  object,
  port,
  required,
  string,
  withDefault,
  yes,
  type Report,
  type Static,
} from './kit/node.ts';
import { connectionPool, exportTo, labels, portSelector, positiveDuration, workloadSelector } from './shared.ts';

const uint32 = { min: 0, max: 4_294_967_295 } as const;

const consistentHash = object(
  {
    httpHeaderName: yes('hash of this header', string({ minLength: 1, format: 'headerName' })),
    httpCookie: yes(
      'hash of a cookie',
      object({
        name: required(yes('name of the cookie', string({ minLength: 1 }))),
        path: yes('path of a cookie that the proxy makes', string()),
        ttl: yes('life of a cookie that the proxy makes; 0s lives as long as the browser', duration({ minMs: 0 })),
        attributes: yes(
          'attributes of a cookie that the proxy makes',
          list(
            object({
              name: required(yes('name of the attribute', string({ minLength: 1 }))),
              value: yes('its value', string()),
            }),
          ),
        ),
      }),
    ),
    useSourceIp: yes("hash of the client's address", boolean()),
    httpQueryParameterName: yes('hash of this query parameter', string({ minLength: 1 })),
    ringHash: yes(
      'hash on a ring',
      object({ minimumRingSize: withDefault(1_024, yes('least number of points on the ring', integer({ min: 0 }))) }),
    ),
    maglev: yes(
      'hash by a Maglev table',
      object({
        tableSize: withDefault(65_537, yes('size of the table; a prime', integer({ min: 0, max: 5_000_011 }))),
      }),
    ),
    minimumRingSize: yes('least number of points on the ring; the old form', integer({ min: 0 })),
  },
  {
    oneOf: [
      ['httpHeaderName', 'httpCookie', 'useSourceIp', 'httpQueryParameterName'],
      ['ringHash', 'maglev'],
    ],
    rules: [checkConsistentHash],
  },
);
/** Which part of a request decides the endpoint. */
export type ConsistentHash = Static<typeof consistentHash>;

/** Locality weights and failover; also in the mesh settings. */
export const localityLbSetting = object(
  {
    distribute: yes(
      'weights from a locality to others',
      list(
        object({
          from: yes('locality of the client, as region/zone/subzone', string()),
          to: yes('weights by locality; their sum is 100', map(integer(uint32))),
        }),
      ),
    ),
    failover: yes(
      'region that takes over for another',
      list(
        object({
          from: yes('region of the client', string()),
          to: yes('region that takes over', string()),
        }),
      ),
    ),
    failoverPriority: yes(
      'labels that client and endpoint share, the most important first',
      list(string({ minLength: 1 })),
    ),
    enabled: yes('locality load balancing on or off', boolean()),
  },
  { rules: [checkLocality] },
);
/** Locality weights and failover. */
export type LocalityLbSetting = Static<typeof localityLbSetting>;

/** Zone-aware routing by Envoy itself; also in the mesh settings. */
export const zoneAwareLbSetting = object({
  enabled: yes('zone-aware routing on or off', boolean()),
  minClusterSize: yes('endpoints below which it is off', integer(uint32)),
  failover: yes(
    'region that takes over for another',
    list(
      object({
        from: yes('region of the client', string()),
        to: yes('region that takes over', string()),
      }),
    ),
  ),
  failoverPriority: yes('labels that client and endpoint share', list(string({ minLength: 1 }))),
});

const warmup = object({
  duration: required(yes('time that an endpoint warms up', positiveDuration)),
  minimumPercent: withDefault(10, yes('least share of its weight', number({ min: 0, max: 100 }))),
  aggression: withDefault(1, yes('how the share grows; 1 is linear', number({ min: 1 }))),
});

const loadBalancer = object(
  {
    simple: withDefault(
      'LEAST_REQUEST',
      yes(
        'how an endpoint is chosen',
        choice(['UNSPECIFIED', 'LEAST_CONN', 'RANDOM', 'PASSTHROUGH', 'ROUND_ROBIN', 'LEAST_REQUEST']),
      ),
    ),
    consistentHash: yes('the same part of a request gives the same endpoint', consistentHash),
    localityLbSetting: yes('locality weights and failover, instead of those of the mesh', localityLbSetting),
    zoneAwareLbSetting: yes(
      'zone-aware routing by Envoy, for sidecars of pods that have a locality and a Service',
      zoneAwareLbSetting,
    ),
    warmup: yes('new endpoints get their traffic little by little', warmup),
    warmupDurationSecs: yes('time that an endpoint warms up; the old form', positiveDuration),
  },
  {
    oneOf: [
      ['simple', 'consistentHash'],
      ['localityLbSetting', 'zoneAwareLbSetting'],
    ],
  },
);
/** How an endpoint is chosen. */
export type LoadBalancer = Static<typeof loadBalancer>;

const outlierDetection = object(
  {
    consecutive5xxErrors: withDefault(
      5,
      yes('server errors in a row that eject an endpoint; 0 switches this off', integer(uint32)),
    ),
    consecutiveGatewayErrors: yes('502, 503 and 504 in a row that eject an endpoint', integer(uint32)),
    consecutiveLocalOriginFailures: withDefault(
      5,
      yes('connection failures in a row that eject an endpoint', integer(uint32)),
    ),
    consecutiveErrors: yes('errors in a row; the oldest form of consecutiveGatewayErrors', integer({ min: 0 })),
    splitExternalLocalOriginErrors: withDefault(false, yes('count connection failures apart', boolean())),
    interval: withDefault('10s', yes('time between sweeps', positiveDuration)),
    baseEjectionTime: withDefault('30s', yes('least time out, times the number of ejections', positiveDuration)),
    maxEjectionPercent: withDefault(10, yes('most endpoints that are out at a time', integer({ min: 0, max: 100 }))),
    outlierDetectionHttpErrorCodes: yes(
      'status codes that count as errors, in place of 5xx',
      list(integer({ min: 100, max: 599 })),
    ),
    minHealthPercent: withDefault(
      0,
      yes('healthy endpoints below which ejection is off', integer({ min: 0, max: 100 })),
    ),
  },
  { rules: [checkOutlierDetection] },
);
/** When an endpoint is left out. */
export type OutlierDetection = Static<typeof outlierDetection>;

/** TLS of a client; also in Sidecar, MeshConfig and the tracing settings. */
export const clientTls = object(
  {
    mode: withDefault(
      'DISABLE',
      yes(
        "none, TLS, mutual TLS, or mutual TLS with the mesh's certificates",
        choice(['DISABLE', 'SIMPLE', 'MUTUAL', 'ISTIO_MUTUAL']),
      ),
    ),
    clientCertificate: yes("file of the client's certificate", string()),
    privateKey: yes("file of the client's key", string()),
    caCertificates: yes('file of the authorities for the server; "system" is the operating system\'s', string()),
    credentialName: yes('secret with certificate, key and authorities', string()),
    subjectAltNames: yes('names of which the server has to prove one', list(string({ minLength: 1 }))),
    sni: yes('server name to ask for', string()),
    insecureSkipVerify: yes("do not check the server's certificate", boolean()),
    caCrl: yes('file of revoked certificates', string()),
  },
  { rules: [checkClientTls] },
);
/** TLS of a client. */
export type ClientTls = Static<typeof clientTls>;

const policyFields = {
  loadBalancer: yes('how an endpoint is chosen', loadBalancer),
  connectionPool: yes('limits of the connection pool', connectionPool),
  outlierDetection: yes('when an endpoint is left out', outlierDetection),
  tls: yes('TLS to the endpoints', clientTls),
} as const;

const portTrafficPolicy = object({ port: yes('port that this is for', portSelector), ...policyFields });
/** Policy of one port. */
export type PortTrafficPolicy = Static<typeof portTrafficPolicy>;

const trafficPolicy = object(
  {
    ...policyFields,
    portLevelSettings: yes(
      'policy of single ports, in place of the rest',
      list(portTrafficPolicy, { maxItems: 4_096 }),
    ),
    tunnel: yes(
      'TCP through an HTTP proxy',
      object({
        protocol: withDefault('CONNECT', yes('CONNECT or POST', choice(['CONNECT', 'POST']))),
        targetHost: required(yes('host that the proxy shall call', string({ minLength: 1 }))),
        targetPort: required(yes('port that the proxy shall call', port())),
      }),
    ),
    proxyProtocol: yes(
      "tells the server the client's address",
      object({
        version: withDefault('V1', yes('version of the PROXY protocol', choice(['V1', 'V2']))),
      }),
    ),
    retryBudget: yes(
      'retries as a share of the requests',
      object({
        percent: withDefault(20, yes('share of the requests under way', number({ min: 0, max: 100 }))),
        minRetryConcurrency: withDefault(3, yes('retries that are always allowed', integer(uint32))),
      }),
    ),
  },
  { rules: [checkTrafficPolicy] },
);
/** How clients talk to a host. */
export type TrafficPolicy = Static<typeof trafficPolicy>;

const subset = object({
  name: required(yes('name that routes use', string({ minLength: 1, format: 'label' }))),
  labels: yes('labels of the endpoints that belong to it', labels),
  trafficPolicy: yes("policy in place of the host's", trafficPolicy),
});
/** A named part of a host's endpoints. */
export type Subset = Static<typeof subset>;

const spec = object({
  host: required(
    yes('host that the policy is for; the most specific rule counts', string({ minLength: 1, format: 'wildcardHost' })),
  ),
  trafficPolicy: yes('policy of the host', trafficPolicy),
  subsets: yes("named parts of the host's endpoints", list(subset)),
  exportTo: withDefault(['*'], yes('namespaces that see it', exportTo)),
  workloadSelector: yes('only for clients with these labels', workloadSelector),
});
/** What a DestinationRule says. */
export type DestinationRuleSpec = Static<typeof spec>;
/** How clients talk to a host. */
export interface DestinationRule extends SpecObject<'DestinationRule', DestinationRuleSpec> {}

/** The kind. */
export const destinationRule = istioKind({
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  kind: 'DestinationRule',
  plural: 'destinationrules',
  shortNames: ['dr'],
  spec,
  specRequired: true,
  rules: [
    (object: { readonly metadata?: unknown; readonly spec: DestinationRuleSpec }, report: Report) => {
      checkDestinationRule(object, report);
      checkExportTo(object, report, false);
    },
  ],
});
