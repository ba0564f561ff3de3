/** What is pushed through a proxy's resources. */
import type { JsonObject } from '../base/json.ts';

/** How the client secures its connection. */
export type ClientTls = 'plaintext' | 'tls' | 'mtls';

/** What the client speaks once the connection stands. */
export type ClientProtocol = 'http' | 'http2' | 'tcp';

/** One connection with its first request. */
export interface SimulatedRequest {
  /** Address that was dialled; `undefined` for one that no rule knows. */
  readonly address: string | undefined;
  readonly port: number;
  readonly protocol: ClientProtocol;
  readonly tls: ClientTls;
  /** Application protocol of the TLS hello; empty for none. */
  readonly alpn: string;
  /** Server name of the TLS hello; empty for none. */
  readonly sni: string;
  /** Name of the secret that the client's authority belongs to, for mutual TLS. */
  readonly authority?: string;
  /** `inbound` comes from outside to the workload's proxy; `outbound` from the application, or from a client of a gateway. */
  readonly direction: 'inbound' | 'outbound';
  readonly method: string;
  /** Path with its query. */
  readonly path: string;
  /** Authority that the request names. */
  readonly host: string;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
}

/** A proxy's resources in Envoy's JSON. */
export interface ProxyResources {
  readonly listeners: readonly JsonObject[];
  readonly routes: readonly JsonObject[];
  readonly clusters: readonly JsonObject[];
}

/** Why a connection or a request ends here. */
export type SimulatedError =
  | 'noListener'
  | 'noFilterChain'
  | 'multipleFilterChains'
  | 'tlsError'
  | 'mtlsError'
  | 'protocolError'
  | 'noVirtualHost'
  | 'tlsRedirect'
  | 'noRoute';

/** What becomes of a request, and what was chosen on the way. */
export interface Verdict {
  readonly error: SimulatedError | undefined;
  readonly listener?: string;
  readonly chain?: string;
  readonly routeConfig?: string;
  readonly virtualHost?: string;
  readonly route?: string;
  /** The only cluster that can get it, or the first of several. */
  readonly cluster?: string;
  /** Every cluster that can get it, with its share. */
  readonly clusters: readonly { readonly name: string; readonly weight: number }[];
  /** Status of an answer that the proxy gives itself. */
  readonly status?: number;
  /** Each choice on the way in a sentence. */
  readonly reasons: readonly string[];
}
