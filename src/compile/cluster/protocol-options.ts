/** How a cluster speaks HTTP to its endpoints. */
import type { JsonObject } from '../../base/json.ts';
import { isHttp, isHttp2, type Protocol } from '../../model/protocol.ts';
import type { MeshSettings } from '../../model/settings.ts';
import { compact, typed } from '../any.ts';
import { optionalSeconds, type PortPolicy } from './policy.ts';

const name = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** What a cluster speaks: one version, or whatever the client of the proxy speaks. */
export type Speech = 'http1' | 'http2' | 'downstream' | 'none';

/** The HTTP version towards the endpoints of a port. */
export function speechOf(protocol: Protocol, policy: PortPolicy, settings: MeshSettings): Speech {
  if (isHttp2(protocol)) return 'http2';
  if (protocol === 'auto') return 'downstream';
  if (!isHttp(protocol)) return 'none';
  const http = policy.connectionPool?.http;
  if (http?.useClientProtocol === true) return 'downstream';
  const upgrade = http?.h2UpgradePolicy;
  return upgrade === 'UPGRADE' || (settings.h2Upgrade && upgrade !== 'DO_NOT_UPGRADE') ? 'http2' : 'http1';
}

/** `typed_extension_protocol_options` of a cluster; nothing where Envoy's defaults will do. */
export function protocolOptions(speech: Speech, policy: PortPolicy): JsonObject {
  if (speech === 'none') return {};
  const common = commonOptions(policy);
  if (speech === 'http1' && Object.keys(common).length === 0) return {};
  const http2 = http2Options(policy);
  const version: JsonObject =
    speech === 'downstream'
      ? { use_downstream_protocol_config: { http_protocol_options: {}, http2_protocol_options: http2 } }
      : speech === 'http2'
        ? { explicit_http_config: { http2_protocol_options: http2 } }
        : { explicit_http_config: { http_protocol_options: {} } };
  return {
    typed_extension_protocol_options: {
      [name]: typed(name, compact({ ...version, common_http_protocol_options: common })),
    },
  };
}

function commonOptions(policy: PortPolicy): JsonObject {
  const { http, tcp } = policy.connectionPool ?? {};
  return compact({
    idle_timeout: optionalSeconds(http?.idleTimeout ?? tcp?.idleTimeout),
    max_requests_per_connection: positive(http?.maxRequestsPerConnection),
    max_connection_duration: optionalSeconds(tcp?.maxConnectionDuration),
  });
}

function http2Options(policy: PortPolicy): JsonObject {
  const http = policy.connectionPool?.http;
  const keepalive = http?.http2KeepAlive;
  return compact({
    max_concurrent_streams: positive(http?.maxConcurrentStreams),
    connection_keepalive:
      keepalive === undefined
        ? undefined
        : compact({ interval: optionalSeconds(keepalive.interval), timeout: optionalSeconds(keepalive.timeout) }),
  });
}

function positive(value: number | undefined): number | undefined {
  return value === undefined || value === 0 ? undefined : value;
}
