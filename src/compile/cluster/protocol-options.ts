/** How a cluster speaks HTTP to its endpoints. */
import type { JsonObject } from '../../base/json.ts';
import { isHttp, isHttp2, type Protocol } from '../../model/protocol.ts';
import type { MeshSettings } from '../../model/settings.ts';
import { compact, typed } from '../any.ts';
import { optionalSeconds, seconds, type PortPolicy } from './policy.ts';

const name = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** What a cluster speaks: one version, or whatever the client of the proxy speaks. */
export type Speech = 'http1' | 'http2' | 'downstream' | 'none';

/** The HTTP version towards the endpoints of a port. */
export function speechOf(protocol: Protocol, policy: PortPolicy, settings: MeshSettings): Speech {
  if (protocol !== 'auto' && !isHttp(protocol)) return 'none';
  const http = policy.connectionPool?.http;
  if (http?.useClientProtocol === true) return 'downstream';
  const upgrade = http?.h2UpgradePolicy;
  if (isHttp2(protocol) || upgrade === 'UPGRADE') return 'http2';
  if (protocol === 'auto') return 'downstream';
  return settings.h2Upgrade && upgrade !== 'DO_NOT_UPGRADE' ? 'http2' : 'http1';
}

/** `typed_extension_protocol_options` of a cluster; nothing where Envoy's defaults will do. */
export function protocolOptions(speech: Speech, policy: PortPolicy): JsonObject {
  if (speech === 'none') return {};
  const common = commonOptions(policy);
  const ejecting = errorCodes(policy);
  if (speech === 'http1' && Object.keys({ ...common, ...ejecting }).length === 0) return {};
  const http2 = http2Options(policy);
  const version: JsonObject =
    speech === 'downstream'
      ? { use_downstream_protocol_config: { http_protocol_options: {}, http2_protocol_options: http2 } }
      : speech === 'http2'
        ? { explicit_http_config: { http2_protocol_options: http2 } }
        : { explicit_http_config: { http_protocol_options: {} } };
  return {
    typed_extension_protocol_options: {
      [name]: typed(name, compact({ ...version, ...ejecting, common_http_protocol_options: common })),
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

/** Status codes that count as errors when endpoints are left out, in place of 5xx. */
function errorCodes(policy: PortPolicy): JsonObject {
  const codes = policy.outlierDetection?.outlierDetectionHttpErrorCodes ?? [];
  const [first, ...others] = codes.map((code) => ({
    http_response_headers_match: { headers: [{ name: ':status', string_match: { exact: String(code) } }] },
  }));
  if (first === undefined) return {};
  return {
    outlier_detection: { error_matcher: others.length === 0 ? first : { or_match: { rules: [first, ...others] } } },
  };
}

// Envoy refuses pings without one.
const pingTimeoutMs = 5_000;

function http2Options(policy: PortPolicy): JsonObject {
  const http = policy.connectionPool?.http;
  const keepalive = http?.http2KeepAlive;
  return compact({
    max_concurrent_streams: bounded(positive(http?.maxConcurrentStreams)),
    connection_keepalive:
      keepalive === undefined
        ? undefined
        : compact({
            interval: optionalSeconds(keepalive.interval),
            timeout: seconds(keepalive.timeout, pingTimeoutMs),
          }),
  });
}

// The largest number of streams that HTTP/2 knows.
function bounded(streams: number | undefined): number | undefined {
  return streams === undefined ? undefined : Math.min(streams, 2_147_483_647);
}

function positive(value: number | undefined): number | undefined {
  return value === undefined || value === 0 ? undefined : value;
}
