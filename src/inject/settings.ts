/** What the injector needs to know besides the pod. */
import type { MeshConfig } from '../schema/index.ts';

/** Settings of an installation; one machine and Kubernetes differ in nothing else. */
export interface InjectionSettings {
  /** How interception tells the proxy's traffic from the application's: by user id, or by socket mark where there is only one id. */
  readonly interceptBy: 'owner' | 'mark';
  /** `host:port` of the control plane's ADS. */
  readonly discoveryAddress: string;
  readonly proxyImage: string;
  readonly initImage: string;
  readonly revision: string;
  readonly mesh: MeshConfig;
  /** Injection where neither namespace nor pod says anything (Istio's policy). */
  readonly injectByDefault: boolean;
}

/** User and group of the proxy (Istio's); interception leaves them alone. */
export const proxyUser = 1_337;

/** Port of the sidecar's readiness (`/healthz/ready`). */
export const statusPort = 15_021;
/** Port of rewritten probes and of metrics. */
export const probePort = 15_020;
/** Port of the proxy's own metrics. */
export const metricsPort = 15_090;
/** Port of the read-only door to Envoy's admin interface, on loopback. */
export const adminPort = 15_000;
