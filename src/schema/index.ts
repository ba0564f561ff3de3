/** The kinds that the mesh knows: their types, their validation, and the ledger of what each field does. */
export type {
  AuthorizationPolicy,
  AuthorizationPolicySpec,
  AuthorizationRule,
  Condition,
  Operation,
  Source,
} from './authorization-policy.ts';
export type { Destination } from './destination.ts';
export type {
  ClientTls,
  ConsistentHash,
  DestinationRule,
  DestinationRuleSpec,
  LoadBalancer,
  LocalityLbSetting,
  OutlierDetection,
  PortTrafficPolicy,
  Subset,
  TrafficPolicy,
} from './destination-rule.ts';
export type { Gateway, GatewaySpec, Server, ServerTls } from './gateway.ts';
export type { Container, EnvVar, Probe } from './kubernetes/container.ts';
export type { Deployment, DeploymentSpec } from './kubernetes/deployment.ts';
export type {
  ConfigMap,
  Endpoint,
  EndpointSlice,
  Namespace,
  Node,
  Secret,
  ServiceAccount,
} from './kubernetes/objects.ts';
export type { ContainerStatus, Pod, PodSpec, PodStatus, PodTemplate } from './kubernetes/pod.ts';
export type { Service, ServicePort, ServiceSpec } from './kubernetes/service.ts';
export type { Volume, VolumeMount } from './kubernetes/volume.ts';
export type { MeshConfig, ProxyConfigSettings } from './mesh-config.ts';
export type { MutualTls, PeerAuthentication, PeerAuthenticationSpec } from './peer-authentication.ts';
export type { ServiceEntry, ServiceEntryPort, ServiceEntrySpec } from './service-entry.ts';
export type {
  ConnectionPool,
  NetworkingSelector,
  Percent,
  StringMatch,
  TargetReference,
  WorkloadSelector,
} from './shared.ts';
export type { EgressListener, IngressListener, Sidecar, SidecarSpec } from './sidecar.ts';
export type {
  CorsPolicy,
  HeaderOperations,
  Headers,
  HttpDirectResponse,
  HttpFaultInjection,
  HttpMatch,
  HttpMirrorPolicy,
  HttpRedirect,
  HttpRetry,
  HttpRewrite,
  HttpRoute,
  HttpRouteDestination,
  L4Match,
  RouteDestination,
  TcpRoute,
  TlsMatch,
  TlsRoute,
  VirtualService,
  VirtualServiceSpec,
} from './virtual-service.ts';
export type { WorkloadEndpoint, WorkloadEntry, WorkloadEntrySpec } from './workload-entry.ts';
export type { Kind } from './kit/kind.ts';
export type { LedgerRow } from './kit/ledger.ts';
export type { KubeObject, ObjectRef, Origin, SourcedObject, Violation } from './object.ts';
export { jsonSchema } from './kit/json-schema.ts';
export {
  apiVersionOf,
  check,
  checkMeshConfig,
  explain,
  kindNamed,
  kindOf,
  kinds,
  ledger,
  normalise,
  supportedCount,
} from './kinds.ts';
export type { CheckOptions, Explanation } from './kinds.ts';
