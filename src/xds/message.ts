import type { XdsType } from '../proto/resource.ts';
import type { Composite } from './composite.ts';

/** A delta request as the gate takes it (envoy.service.discovery.v3.DeltaDiscoveryRequest). */
export interface GateRequest {
  readonly type: XdsType;
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  /** What the proxy holds, name to version; only the first request of a type on a stream has it. */
  readonly initialVersions: ReadonlyMap<string, string>;
  /** Empty for a request that answers nothing. */
  readonly nonce: string;
  /** Why the proxy refused the response with this nonce; undefined when it took it. */
  readonly errorMessage: string | undefined;
}

/** A response that may go now (envoy.service.discovery.v3.DeltaDiscoveryResponse). */
export interface GateResponse {
  readonly type: XdsType;
  readonly nonce: string;
  readonly resources: readonly Composite[];
  readonly removed: readonly string[];
}
