/**
 * What the compiler hands to the xDS server: named Envoy resources as bytes, cut where the delivery gate may cut them.
 * The server knows names, needs, versions and bytes, and nothing of the mesh.
 */

/** The resource types that travel over ADS, by their short names. */
export type XdsType = 'cluster' | 'endpoint' | 'listener' | 'route' | 'secret';

/** Type URLs as Envoy's discovery requests carry them. */
export const typeUrls: Readonly<Record<XdsType, string>> = Object.freeze({
  cluster: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
  endpoint: 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
  listener: 'type.googleapis.com/envoy.config.listener.v3.Listener',
  route: 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
  secret: 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
});

/**
 * Something that a proxy must have before what needs it is in force there. Only clusters hold a unit back: secrets and
 * route configurations are asked for by the proxy once it has what names them, so they count for "applied" alone.
 */
export interface Need {
  readonly type: 'cluster' | 'secret' | 'route';
  readonly name: string;
}

/**
 * The smallest part that waits on its own: a virtual host of a route configuration or a filter chain of a listener.
 * `bytes` is the encoded field of the parent message, tag and length included, so that parts concatenate.
 */
export interface Unit {
  /** Unique within its resource and stable over time (never an index). */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Content hash of `bytes`. */
  readonly version: string;
  readonly needs: readonly Need[];
  /** How long what this unit used must stay after its last user was acknowledged gone, in milliseconds. */
  readonly drainMs: number;
  /**
   * Sent in place of `bytes` to a proxy that waits for what the unit needs and never had this unit: the same field, it
   * needs nothing and answers 503 with the cause. Without it the unit is left out meanwhile.
   */
  readonly fallback?: Uint8Array;
}

/**
 * One named resource. Its bytes on the wire are `head` followed by the bytes of its units in order.
 * An endpoint assignment's version also covers its cluster's bytes, so that a changed cluster always gets its
 * assignment again.
 */
export interface Resource {
  readonly name: string;
  /** Content hash over head and units; equal on every replica that computes the same bytes. */
  readonly version: string;
  readonly head: Uint8Array;
  /** Needs of the head itself (for a cluster: its secrets). */
  readonly needs: readonly Need[];
  readonly units: readonly Unit[];
  /**
   * For clusters: by which signal a proxy shows that the cluster is usable. `assignment`: the ACK of its endpoint
   * assignment; `cds`: the ACK of the cluster response (DNS, health-checked, static).
   */
  readonly readyBy?: 'assignment' | 'cds';
}
