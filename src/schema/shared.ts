/** Pieces that several of Istio's kinds are made of. */
import { checkConnectionPool } from './rules/destination-rule.ts';
import {
  boolean,
  choice,
  duration,
  integer,
  list,
  map,
  no,
  number,
  object,
  port,
  required,
  string,
  withDefault,
  yes,
  type Static,
} from './kit/node.ts';

/** Text that must not be empty. */
export const nonEmpty = string({ minLength: 1 });

/** Header, URI and other matches: exactly one of the three. */
export const stringMatch = object(
  {
    exact: yes('the whole value, as it is', string()),
    prefix: yes('how the value begins', string()),
    regex: yes('RE2 pattern for the whole value', string({ minLength: 1, format: 'regex' })),
  },
  { oneOf: [['exact', 'prefix', 'regex']] },
);
/** A match on text. */
export type StringMatch = Static<typeof stringMatch>;

/** A percentage from 0 to 100, in steps of a ten-thousandth. */
export const percent = object(
  { value: yes('0 to 100; 0 where it is absent', number({ min: 0, max: 100 })) },
  {
    rules: [
      ({ value = 0 }, report) => {
        if (value > 0 && value < 0.0001)
          report.error('value', 'is finer than a ten-thousandth of a percent', 'use 0.0001 or more');
      },
    ],
  },
);
/** A percentage. */
export type Percent = Static<typeof percent>;

/** The port of a destination. */
export const portSelector = object({
  number: required(yes('number of the service port', port())),
});

/** Labels of workloads, in Kubernetes' syntax. */
export const labels = map(string({ format: 'labelValue' }), { key: string({ format: 'labelKey' }) });

/** Labels by which a rule picks the workloads it is for. Wildcards are refused, as in Istio. */
export const selectorLabels = map(string({ format: 'noWildcard', maxLength: 63 }), {
  key: string({ minLength: 1, format: 'noWildcard' }),
});

/** Selector of the networking kinds. */
export const networkingSelector = object({
  labels: yes('labels that the workload has to have', selectorLabels),
});
/** Picks workloads by labels. */
export type NetworkingSelector = Static<typeof networkingSelector>;

/** Selector of the security and telemetry kinds. */
export const workloadSelector = object({
  matchLabels: yes('labels that the workload has to have', selectorLabels),
});
/** Picks workloads by labels. */
export type WorkloadSelector = Static<typeof workloadSelector>;

/** What a policy is attached to by name: Gateway API gateways, services. */
export const targetReference = object({
  group: no(
    'API group of the target',
    string({ maxLength: 253, pattern: '$|[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*' }),
  ),
  kind: required(
    no('kind of the target', string({ minLength: 1, maxLength: 63, pattern: '[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?' })),
  ),
  name: required(no('name of the target', string({ minLength: 1, maxLength: 253 }))),
  namespace: no('must be empty: a policy is for its own namespace', string({ maxLength: 0 })),
});
/** Names what a policy is attached to. */
export type TargetReference = Static<typeof targetReference>;

/** Namespaces that see a rule: `*` for all, `.` for its own, `~` for none, or their names. */
export const exportTo = list(string({ minLength: 1 }));

/** A duration of a millisecond at least. */
export const positiveDuration = duration({ minMs: 1 });

/** TCP keep-alive of a socket. */
export const tcpKeepalive = object({
  probes: yes('unanswered probes until the connection counts as dead', integer({ min: 0, max: 4_294_967_295 })),
  time: yes('idle time before the first probe', positiveDuration),
  interval: yes('time between probes', positiveDuration),
});

/** Connection pool: the limits of a client's Envoy towards each destination. */
export const connectionPool = object(
  {
    tcp: yes(
      'limits for every protocol',
      object({
        maxConnections: withDefault(4_294_967_295, yes('connections to the destination', integer({ min: 0 }))),
        connectTimeout: withDefault('10s', yes('time until a connection has to stand', positiveDuration)),
        tcpKeepalive: yes('keep-alive probes on the connections', tcpKeepalive),
        maxConnectionDuration: yes('age at which a connection is closed', positiveDuration),
        idleTimeout: withDefault(
          '1h',
          yes('silence after which a TCP connection is closed; 0s is never', duration({ minMs: 0 })),
        ),
      }),
    ),
    http: yes(
      'limits for HTTP/1.1, HTTP/2 and gRPC',
      object({
        http1MaxPendingRequests: withDefault(
          4_294_967_295,
          yes('requests that wait for a connection', integer({ min: 0 })),
        ),
        http2MaxRequests: withDefault(4_294_967_295, yes('requests under way', integer({ min: 0 }))),
        maxRequestsPerConnection: withDefault(
          0,
          yes('requests after which a connection is closed; 0 is no limit', integer({ min: 0, max: 536_870_912 })),
        ),
        maxRetries: withDefault(4_294_967_295, yes('retries under way', integer({ min: 0 }))),
        idleTimeout: withDefault(
          '1h',
          yes('time without a request after which a connection is closed', positiveDuration),
        ),
        h2UpgradePolicy: yes(
          'speak HTTP/2 to servers that were called with HTTP/1.1',
          choice(['DEFAULT', 'DO_NOT_UPGRADE', 'UPGRADE']),
        ),
        useClientProtocol: withDefault(false, yes('speak to the server what the client spoke', boolean())),
        maxConcurrentStreams: withDefault(2_147_483_647, yes('streams on one HTTP/2 connection', integer({ min: 0 }))),
        http2KeepAlive: yes(
          'HTTP/2 pings that find dead connections',
          object({
            interval: yes('time between pings', positiveDuration),
            timeout: yes('time a ping may take', positiveDuration),
          }),
        ),
      }),
    ),
  },
  { rules: [checkConnectionPool] },
);
/** Limits of a connection pool. */
export type ConnectionPool = Static<typeof connectionPool>;
