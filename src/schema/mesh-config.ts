/** MeshConfig: the settings of the whole mesh, key `mesh` of ConfigMap `istio` (https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/). */
import { localityLbSetting, zoneAwareLbSetting, clientTls } from './destination-rule.ts';
import {
  anyJson,
  anyObject,
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
  string,
  withDefault,
  yes,
  type Static,
} from './kit/node.ts';
import { checkMeshSettings } from './rules/mesh-config.ts';
import { exportTo, positiveDuration, tcpKeepalive } from './shared.ts';
import { retries } from './virtual-service.ts';

const anything = anyObject();
const builtIn = 'the port is fixed';

const pathNormalization = object({
  normalization: withDefault(
    'BASE',
    yes(
      'how paths are put in order before policies see them',
      choice(['DEFAULT', 'NONE', 'BASE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES']),
    ),
  ),
});

/** Settings of a proxy; also in the annotation `proxy.istio.io/config`. */
export const proxyConfig = object({
  concurrency: yes('worker threads; 0 is one a core, absent follows the CPU limit', integer({ min: 0 })),
  drainDuration: withDefault('45s', yes('time in which listeners drain', positiveDuration)),
  proxyMetadata: yes('environment of the proxy', map(string())),
  holdApplicationUntilProxyStarts: withDefault(
    false,
    yes('the application starts after the proxy is ready', boolean()),
  ),
  gatewayTopology: yes(
    'what stands before the gateways',
    object({
      numTrustedProxies: withDefault(0, yes('proxies whose X-Forwarded-For is believed', integer({ min: 0 }))),
      forwardClientCertDetails: no(
        'what becomes of X-Forwarded-Client-Cert',
        choice(['UNDEFINED', 'SANITIZE', 'FORWARD_ONLY', 'APPEND_FORWARD', 'SANITIZE_SET', 'ALWAYS_FORWARD_ONLY']),
      ),
      proxyProtocol: no('the PROXY protocol stands before the connection', anything),
    }),
  ),
  discoveryAddress: no('where the control plane is', string(), 'injection writes it'),
  terminationDrainDuration: no('time between SIGTERM and the end', duration()),
  proxyAdminPort: no('port of the admin page', port(), builtIn),
  statusPort: no('port of the merged metrics', port(), builtIn),
  statNameLength: no("length of statistics' names", integer({ min: 0 })),
  interceptionMode: no('how traffic is captured', choice(['REDIRECT', 'TPROXY', 'NONE'])),
  tracing: no('where spans go', anything),
  runtimeValues: no('runtime settings of the proxy', map(string())),
  extraStatTags: no('further labels of metrics', list(string())),
  proxyStatsMatcher: no('which statistics are kept', anything),
  statsCompression: no('metrics are compressed', boolean()),
  readinessProbe: no('probe of the application', anything),
  image: no('image of the proxy', anything),
  privateKeyProvider: no('hardware for private keys', anything),
  proxyHeaders: no('headers that the proxy adds', anything),
  meshId: no('name of the mesh', string()),
  caCertificatesPem: no('further authorities', list(string({ maxLength: 1_048_576 }))),
  connectionSettings: no('limits of connections', anyJson()),
  configPath: no('folder of the generated files', string()),
  binaryPath: no('path of the proxy', string()),
  customConfigFile: no("bootstrap of one's own", string()),
  proxyBootstrapTemplatePath: no("bootstrap of one's own", string()),
  serviceCluster: no('name of the service', string()),
  tracingServiceName: no(
    'name of the service in spans',
    choice(['APP_LABEL_AND_NAMESPACE', 'CANONICAL_NAME_ONLY', 'CANONICAL_NAME_AND_NAMESPACE']),
  ),
  parentShutdownDuration: no('time before the parent ends', duration()),
  discoveryRefreshDelay: no('time between polls', duration()),
  zipkinAddress: no('where spans go; the old form', string()),
  statsdUdpAddress: no('where statistics go', string()),
  envoyAccessLogService: no('where access logs go', anything),
  envoyMetricsService: no('where metrics go', anything),
  envoyMetricsServiceAddress: no('where metrics go; the old form', string()),
  controlPlaneAuthPolicy: no('how the control plane is called', choice(['NONE', 'MUTUAL_TLS'])),
  availabilityZone: no('zone of the proxy', string()),
  sds: no('secret discovery', anything),
  fileFlushInterval: no('time between writes of a log', duration()),
  fileFlushMinSizeKb: no('bytes between writes of a log', integer({ min: 0 })),
});
/** Settings of a proxy. */
export type ProxyConfigSettings = Static<typeof proxyConfig>;

const identity = {
  trustDomain: withDefault('cluster.local', yes('trust domain of every identity', string())),
  trustDomainAliases: yes('trust domains that are the same', list(string())),
  enableAutoMtls: withDefault(true, yes('clients use mutual TLS where the server can', boolean())),
  rootNamespace: withDefault(
    'istio-system',
    yes('namespace whose rules are for the whole mesh', string({ format: 'dnsLabel' })),
  ),
  caCertificates: no('further authorities', anyJson()),
  ca: no('an authority outside', anything),
  certificates: no('certificates by the control plane', anyJson()),
  meshMTLS: no('settings of TLS in the mesh', anything),
  tlsDefaults: no('settings of TLS outside the mesh', anything),
} as const;

const traffic = {
  connectTimeout: withDefault('10s', yes('time until a connection has to stand', positiveDuration)),
  protocolDetectionTimeout: withDefault(
    '0s',
    yes('time in which the protocol of a port is found out; 0s waits for the client', duration({ minMs: 0 })),
  ),
  tcpKeepalive: yes('keep-alive probes on every connection', tcpKeepalive),
  outboundTrafficPolicy: yes(
    'what becomes of calls to unknown hosts',
    object({
      mode: withDefault(
        'ALLOW_ANY',
        yes(
          'pass them or refuse them',
          choice(['REGISTRY_ONLY', 'ALLOW_ANY', 'ALLOW_ANY_DYNAMIC_DNS'], {
            ALLOW_ANY_DYNAMIC_DNS: 'resolving unknown hosts at request time',
          }),
        ),
      ),
    }),
  ),
  inboundTrafficPolicy: yes(
    'where inbound calls go',
    object({
      mode: withDefault(
        'PASSTHROUGH',
        yes("to the pod's address or to this host", choice(['PASSTHROUGH', 'LOCALHOST'])),
      ),
    }),
  ),
  localityLbSetting: yes('locality weights and failover', localityLbSetting),
  zoneAwareLbSetting: no('zone-aware routing', zoneAwareLbSetting),
  h2UpgradePolicy: withDefault(
    'DO_NOT_UPGRADE',
    yes('speak HTTP/2 to servers that were called with HTTP/1.1', choice(['DO_NOT_UPGRADE', 'UPGRADE'])),
  ),
  defaultHttpRetryPolicy: yes('retries of routes that say nothing', retries),
  pathNormalization: yes('order of paths', pathNormalization),
  defaultServiceExportTo: withDefault(['*'], yes('who sees services that say nothing', exportTo)),
  defaultVirtualServiceExportTo: withDefault(['*'], yes('who sees virtual services that say nothing', exportTo)),
  defaultDestinationRuleExportTo: withDefault(['*'], yes('who sees destination rules that say nothing', exportTo)),
  serviceEntryVisibility: no('who sees service entries', anyJson()),
  defaultTrafficPolicy: no('policy of hosts that have none', anything),
  serviceSettings: no('settings of single services', anyJson()),
  serviceScopeConfigs: no('scope of services', anyJson()),
  discoverySelectors: no('namespaces that are looked at', anyJson(), 'every namespace is looked at'),
  dnsRefreshRate: withDefault('60s', no('time between look-ups of a name', positiveDuration)),
  proxyListenPort: withDefault(15_001, no('port for outbound traffic', port(), builtIn)),
  proxyInboundListenPort: withDefault(15_006, no('port for inbound traffic', port(), builtIn)),
  proxyHttpPort: no('port of an HTTP proxy', integer({ min: 0, max: 65_535 })),
  hboneConfig: no('settings of tunnels', anyJson()),
} as const;

const telemetry = {
  accessLogFile: withDefault('', yes("file of the access log; /dev/stdout is the pod's log, empty is none", string())),
  accessLogFormat: yes('format of a line', string()),
  accessLogEncoding: withDefault('TEXT', yes('text or JSON', choice(['TEXT', 'JSON']))),
  enableEnvoyAccessLogService: no('access logs by gRPC', boolean()),
  disableEnvoyListenerLog: no('connections without a match are not logged', boolean()),
  enableTracing: no('spans are made', boolean()),
  enablePrometheusMerge: no('metrics of application and proxy in one', boolean()),
  extensionProviders: no('where telemetry and authorization go', anyJson()),
  defaultProviders: no('providers that are used where nothing is said', anything),
} as const;

const ingress = {
  ingressClass: no('class of Ingress objects', string(), 'Ingress is not read'),
  ingressService: no('service of the gateway for Ingress', string(), 'Ingress is not read'),
  ingressControllerMode: no(
    'which Ingress objects count',
    choice(['UNSPECIFIED', 'OFF', 'DEFAULT', 'STRICT']),
    'Ingress is not read',
  ),
  ingressSelector: no('gateway for Ingress', string(), 'Ingress is not read'),
} as const;

const old = {
  mixerCheckServer: no('removed from Istio', string()),
  mixerReportServer: no('removed from Istio', string()),
  disablePolicyChecks: no('removed from Istio', boolean()),
  disableMixerHttpReports: no('removed from Istio', boolean()),
  policyCheckFailOpen: no('removed from Istio', boolean()),
  sidecarToTelemetrySessionAffinity: no('removed from Istio', boolean()),
  reportBatchMaxEntries: no('removed from Istio', number()),
  reportBatchMaxTime: no('removed from Istio', duration()),
  enableClientSidePolicyCheck: no('removed from Istio', boolean()),
  sdsUdsPath: no('removed from Istio', string()),
  sdsRefreshDelay: no('removed from Istio', duration()),
  enableSdsTokenMount: no('removed from Istio', boolean()),
  sdsUseK8sSaJwt: no('removed from Istio', boolean()),
  authPolicy: no('removed from Istio', string()),
  rdsRefreshDelay: no('removed from Istio', duration()),
  enableNamespacesByDefault: no('removed from Istio', boolean()),
  configSources: no(
    'where configuration comes from',
    list(
      object({
        address: no('where it is', string()),
        tlsSettings: no('TLS to it', clientTls),
        subscribedResources: no('what is read', anyJson()),
      }),
    ),
  ),
  thriftConfig: no('removed from Istio', anything),
  verifyCertificateAtClient: no("clients check certificates against the system's authorities", boolean()),
} as const;

/** The settings of the whole mesh. */
export const meshConfig = object(
  {
    ...identity,
    ...traffic,
    ...telemetry,
    ...ingress,
    ...old,
    defaultConfig: yes('settings of every proxy', proxyConfig),
  },
  { rules: [checkMeshSettings] },
);
/** The settings of the whole mesh, as the user wrote them. */
export type MeshConfig = Static<typeof meshConfig>;
