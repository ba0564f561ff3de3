/** Formats of access logs and header values: what Envoy does not know in them would take a whole listener down. */
import type { JsonObject, JsonValue } from '../base/json.ts';

const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/u));

/**
 * Operators of Envoy 1.40 that are written alone, as a running one takes them
 * (https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage).
 */
const alone = words(`
  ACCESS_LOG_TYPE BYTES_RECEIVED BYTES_SENT CONNECTION_ID CONNECTION_TERMINATION_DETAILS
  DOWNSTREAM_DIRECT_LOCAL_ADDRESS DOWNSTREAM_DIRECT_REMOTE_ADDRESS DOWNSTREAM_DIRECT_REMOTE_PORT
  DOWNSTREAM_HANDSHAKE_DURATION DOWNSTREAM_HEADER_BYTES_RECEIVED DOWNSTREAM_HEADER_BYTES_SENT DOWNSTREAM_LOCAL_ADDRESS
  DOWNSTREAM_LOCAL_DNS_SAN DOWNSTREAM_LOCAL_PORT DOWNSTREAM_LOCAL_SUBJECT DOWNSTREAM_LOCAL_URI_SAN
  DOWNSTREAM_PEER_CERT DOWNSTREAM_PEER_DNS_SAN DOWNSTREAM_PEER_FINGERPRINT_1 DOWNSTREAM_PEER_FINGERPRINT_256
  DOWNSTREAM_PEER_ISSUER DOWNSTREAM_PEER_SERIAL DOWNSTREAM_PEER_SUBJECT DOWNSTREAM_PEER_URI_SAN
  DOWNSTREAM_REMOTE_ADDRESS DOWNSTREAM_REMOTE_PORT DOWNSTREAM_TLS_CIPHER DOWNSTREAM_TLS_SESSION_ID
  DOWNSTREAM_TLS_VERSION DOWNSTREAM_TRANSPORT_FAILURE_REASON DOWNSTREAM_WIRE_BYTES_RECEIVED DOWNSTREAM_WIRE_BYTES_SENT
  DURATION FILTER_CHAIN_NAME GRPC_STATUS GRPC_STATUS_NUMBER HOSTNAME LOCAL_REPLY_BODY PATH PROTOCOL
  REQUESTED_SERVER_NAME REQUEST_DURATION REQUEST_HEADERS_BYTES REQUEST_TX_DURATION RESPONSE_CODE RESPONSE_DURATION
  RESPONSE_FLAGS RESPONSE_FLAGS_LONG RESPONSE_HEADERS_BYTES RESPONSE_TRAILERS_BYTES RESPONSE_TX_DURATION
  ROUNDTRIP_DURATION ROUTE_NAME STREAM_ID TRACE_ID UNIQUE_ID UPSTREAM_CLUSTER UPSTREAM_CLUSTER_RAW
  UPSTREAM_CONNECTION_ID UPSTREAM_CONNECTION_POOL_READY_DURATION UPSTREAM_HEADER_BYTES_RECEIVED
  UPSTREAM_HEADER_BYTES_SENT UPSTREAM_HOST UPSTREAM_HOST_NAME UPSTREAM_LOCAL_ADDRESS UPSTREAM_LOCAL_PORT
  UPSTREAM_PEER_CERT UPSTREAM_PEER_ISSUER UPSTREAM_PEER_SUBJECT UPSTREAM_PEER_URI_SAN UPSTREAM_PROTOCOL
  UPSTREAM_REMOTE_ADDRESS UPSTREAM_REMOTE_PORT UPSTREAM_REQUEST_ATTEMPT_COUNT UPSTREAM_TLS_CIPHER
  UPSTREAM_TLS_SESSION_ID UPSTREAM_TLS_VERSION UPSTREAM_TRANSPORT_FAILURE_REASON UPSTREAM_WIRE_BYTES_RECEIVED
  UPSTREAM_WIRE_BYTES_SENT VIRTUAL_CLUSTER_NAME
`);

/** Those that take something in brackets or nothing. */
const withOrWithout = words(`
  DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT
  DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT DOWNSTREAM_PEER_CERT_V_END DOWNSTREAM_PEER_CERT_V_START
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT EMIT_TIME RESPONSE_CODE_DETAILS START_TIME
  UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT
`);

/** Those that need something in brackets, by what that may be; a length may follow where it is a header. */
const withBrackets: Readonly<Record<string, RegExp>> = {
  REQ: /^:?[\w-]+(?:\?:?[\w-]+)?$/u,
  RESP: /^:?[\w-]+(?:\?:?[\w-]+)?$/u,
  TRAILER: /^[\w-]+(?:\?[\w-]+)?$/u,
  METADATA: /^(?:ROUTE|CLUSTER|UPSTREAM_HOST):[\w.:-]+$/u,
  CLUSTER_METADATA: /^[^()%]+$/u,
  UPSTREAM_METADATA: /^[^()%]+$/u,
  DYNAMIC_METADATA: /^[^()%]+$/u,
  ENVIRONMENT: /^\w+$/u,
  FILTER_STATE: /^[\w.]+(?::PLAIN|:TYPED)?$/u,
  UPSTREAM_FILTER_STATE: /^[\w.]+(?::PLAIN|:TYPED)?$/u,
  QUERY_PARAM: /^[\w-]+$/u,
};

const takesLength: ReadonlySet<string> = words(`
  REQ REQ_WITHOUT_QUERY RESP TRAILER METADATA DYNAMIC_METADATA ENVIRONMENT FILTER_STATE UPSTREAM_FILTER_STATE QUERY_PARAM
`);

// In the brackets of a time stands a format with percent signs of its own.
const operator = /%%|%(?<name>[A-Z][A-Z0-9_]*)(?:\((?<inner>[^)]*)\))?(?::(?<length>\d{1,5}))?%|%/gu;

interface Operator {
  readonly name?: string;
  readonly inner?: string;
  readonly length?: string;
}

/** What some formats know beside Envoy's own operators. */
export interface FormatOptions {
  /** An extension's operator, which is there only where the extension is named. */
  readonly withoutQuery: boolean;
}

function isKnown({ name, inner, length }: Operator, { withoutQuery }: FormatOptions): boolean {
  if (name === 'REQ_WITHOUT_QUERY' && withoutQuery)
    return isKnown({ name: 'REQ', ...optional(inner, length) }, noExtension);
  if (name === undefined || (length !== undefined && !takesLength.has(name))) return false;
  if (inner === undefined) return alone.has(name) || withOrWithout.has(name);
  const wanted = Object.hasOwn(withBrackets, name) ? withBrackets[name] : undefined;
  return wanted === undefined ? withOrWithout.has(name) : wanted.test(inner);
}

const noExtension: FormatOptions = { withoutQuery: false };

function optional(inner: string | undefined, length: string | undefined): Operator {
  return { ...(inner === undefined ? {} : { inner }), ...(length === undefined ? {} : { length }) };
}

/** The format with every percent sign that begins no known operator written out, so that it is shown as it is. */
export function soundFormat(format: string, options = noExtension): string {
  return format.replaceAll(operator, (found, ...rest) =>
    found === '%%' || isKnown(rest.at(-1) as Operator, options) ? found : found.replaceAll('%', '%%'),
  );
}

/** The same for every text in an object. */
export function soundJsonFormat(format: JsonObject, options = noExtension): JsonObject {
  return Object.fromEntries(
    Object.entries(format).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, soundValue(value, options)]],
    ),
  );
}

function soundValue(value: JsonValue, options: FormatOptions): JsonValue {
  if (typeof value === 'string') return soundFormat(value, options);
  if (Array.isArray(value)) return value.map((member: JsonValue) => soundValue(member, options));
  return typeof value === 'object' && value !== null ? soundJsonFormat(value as JsonObject, options) : value;
}
