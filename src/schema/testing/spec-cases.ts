/** Cases of rules, for tests: a spec and the path at which it is refused. */
import { check } from '../kinds.ts';

/** Any object. */
export type Json = Readonly<Record<string, unknown>>;
const apiVersions: Readonly<Record<string, string>> = {
  VirtualService: 'networking.istio.io/v1',
  DestinationRule: 'networking.istio.io/v1',
  Gateway: 'networking.istio.io/v1',
  ServiceEntry: 'networking.istio.io/v1',
  Sidecar: 'networking.istio.io/v1',
  WorkloadEntry: 'networking.istio.io/v1',
  WorkloadGroup: 'networking.istio.io/v1',
  EnvoyFilter: 'networking.istio.io/v1alpha3',
  ProxyConfig: 'networking.istio.io/v1beta1',
  PeerAuthentication: 'security.istio.io/v1',
  AuthorizationPolicy: 'security.istio.io/v1',
  RequestAuthentication: 'security.istio.io/v1',
  Telemetry: 'telemetry.istio.io/v1',
  WasmPlugin: 'extensions.istio.io/v1alpha1',
  TrafficExtension: 'extensions.istio.io/v1alpha1',
};

/** Paths of what is found at a level. */
export function pathsOf(kind: string, spec: unknown, level: 'error' | 'warning'): readonly string[] {
  const object = { apiVersion: apiVersions[kind], kind, metadata: { name: 'a', namespace: 'shop' }, spec };
  return check(object).flatMap((violation) => (violation.level === level ? [violation.path] : []));
}

/** A spec with the path at which it is refused; an empty path means that it is sound. */
export type SpecCase = readonly [path: string, spec: Json];

/** What a case is called. */
export function caseName(kind: string, [path, spec]: SpecCase): string {
  return `${kind} ${path === '' ? 'takes' : `refuses ${path} in`} ${JSON.stringify(spec).slice(0, 140)}`;
}
