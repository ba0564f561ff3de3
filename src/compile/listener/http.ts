/** HTTP connection managers. */
import type { JsonObject } from '../../base/json.ts';
import type { MeshSettings } from '../../model/settings.ts';
import { compact, extension } from '../any.ts';
import { alpn, filters } from '../names.ts';
import { ads } from '../tls.ts';
import { accessLog } from './access-log.ts';

/** Where a connection manager stands: towards the mesh, towards the application, or at the edge. */
export type HttpRole = 'outbound' | 'inbound' | 'gateway';

/** What one connection manager is made of. */
export interface HttpManager {
  readonly role: HttpRole;
  readonly statPrefix: string;
  readonly routeName: string;
  readonly settings: MeshSettings;
  /** Set where the protocol was sniffed, so that the cluster cannot know which ALPN to offer. */
  readonly sniffedAs?: 'http1' | 'http2';
}

/** The network filter. Its routes come by RDS, and so does all policy on requests. */
export function httpManager(manager: HttpManager): JsonObject {
  const { role, settings } = manager;
  return extension(
    filters.httpConnectionManager,
    'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    compact({
      stat_prefix: manager.statPrefix,
      rds: { route_config_name: manager.routeName, config_source: ads('5s') },
      http_filters: httpFilters(manager),
      server_name: 'istio-envoy',
      access_log: accessLog(settings),
      stream_idle_timeout: '0s',
      upgrade_configs: [{ upgrade_type: 'websocket' }],
      ...pathNormalization(settings.pathNormalization),
      ...identityFields(role, settings),
      // Bounds how long a rotated certificate's predecessor lives on a connection.
      ...(role === 'gateway' ? {} : { common_http_protocol_options: { max_connection_duration: '3600s' } }),
    }),
  );
}

// An empty RBAC, fault or CORS filter costs a microsecond and means that no rule ever needs a new listener.
function httpFilters(manager: HttpManager): readonly JsonObject[] {
  const rbac = 'envoy.extensions.filters.http.rbac.v3.RBAC';
  const policy = [extension(filters.rbacDeny, rbac), extension(filters.rbacAllow, rbac)];
  const routing = [
    extension(filters.fault, 'envoy.extensions.filters.http.fault.v3.HTTPFault'),
    extension(filters.cors, 'envoy.extensions.filters.http.cors.v3.Cors'),
  ];
  const router = extension(filters.router, 'envoy.extensions.filters.http.router.v3.Router');
  if (manager.role === 'inbound') return [...policy, router];
  if (manager.role === 'gateway') return [...policy, ...routing, router];
  return [...(manager.sniffedAs === undefined ? [] : [offerAlpn(manager.sniffedAs)]), ...routing, router];
}

function offerAlpn(version: 'http1' | 'http2'): JsonObject {
  const protocols = version === 'http1' ? alpn.clientHttp1 : alpn.clientHttp2;
  return extension(filters.alpn, 'envoy.extensions.filters.http.set_filter_state.v3.Config', {
    on_request_headers: [
      {
        object_key: 'envoy.network.application_protocols',
        format_string: { text_format_source: { inline_string: protocols.join(',') } },
        shared_with_upstream: 'ONCE',
      },
    ],
  });
}

function pathNormalization(mode: MeshSettings['pathNormalization']): JsonObject {
  if (mode === 'NONE') return {};
  return {
    normalize_path: true,
    ...(mode === 'BASE' ? {} : { merge_slashes: true }),
    path_with_escaped_slashes_action: mode === 'DECODE_AND_MERGE_SLASHES' ? 'UNESCAPE_AND_FORWARD' : 'KEEP_UNCHANGED',
  };
}

function identityFields(role: HttpRole, settings: MeshSettings): JsonObject {
  const details = { subject: true, dns: true, uri: true };
  if (role === 'outbound') return { use_remote_address: false };
  if (role === 'inbound') {
    return {
      use_remote_address: false,
      forward_client_cert_details: 'APPEND_FORWARD',
      set_current_client_cert_details: details,
    };
  }
  // Whatever an outsider says of itself is taken out at the edge.
  return compact({
    use_remote_address: true,
    xff_num_trusted_hops: settings.numTrustedProxies === 0 ? undefined : settings.numTrustedProxies,
    forward_client_cert_details: 'SANITIZE_SET',
    set_current_client_cert_details: details,
  });
}
