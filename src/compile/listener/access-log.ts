/** Access logs as the mesh settings ask for them. */
import type { JsonObject } from '../../base/json.ts';
import type { MeshSettings } from '../../model/settings.ts';
import { compact, extension } from '../any.ts';
import { soundFormat, soundJsonFormat, type FormatOptions } from '../log-format.ts';

// Istio's default line: the same operators in the same order, because people's log pipelines parse it.
const textFormat =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% ' +
  '%BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" ' +
  '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% ' +
  '%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n';

const jsonOperators: Readonly<Record<string, string>> = {
  start_time: '%START_TIME%',
  method: '%REQ(:METHOD)%',
  path: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%',
  protocol: '%PROTOCOL%',
  response_code: '%RESPONSE_CODE%',
  response_flags: '%RESPONSE_FLAGS%',
  response_code_details: '%RESPONSE_CODE_DETAILS%',
  connection_termination_details: '%CONNECTION_TERMINATION_DETAILS%',
  upstream_transport_failure_reason: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
  bytes_received: '%BYTES_RECEIVED%',
  bytes_sent: '%BYTES_SENT%',
  duration: '%DURATION%',
  upstream_service_time: '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%',
  x_forwarded_for: '%REQ(X-FORWARDED-FOR)%',
  user_agent: '%REQ(USER-AGENT)%',
  request_id: '%REQ(X-REQUEST-ID)%',
  authority: '%REQ(:AUTHORITY)%',
  upstream_host: '%UPSTREAM_HOST%',
  upstream_cluster: '%UPSTREAM_CLUSTER_RAW%',
  upstream_local_address: '%UPSTREAM_LOCAL_ADDRESS%',
  downstream_local_address: '%DOWNSTREAM_LOCAL_ADDRESS%',
  downstream_remote_address: '%DOWNSTREAM_REMOTE_ADDRESS%',
  requested_server_name: '%REQUESTED_SERVER_NAME%',
  route_name: '%ROUTE_NAME%',
};

const inLogs: FormatOptions = { withoutQuery: true };

/** Access loggers of a listener's filters; none where the settings name no file. */
export function accessLog(settings: MeshSettings): readonly JsonObject[] {
  if (settings.accessLogFile === '') return [];
  const format = settings.accessLogFormat;
  const content: JsonObject = settings.accessLogJson
    ? { json_format: format === '' ? jsonOperators : parsedFormat(format) }
    : { text_format_source: { inline_string: format === '' ? textFormat : lineOf(soundFormat(format, inLogs)) } };
  return [
    extension('envoy.access_loggers.file', 'envoy.extensions.access_loggers.file.v3.FileAccessLog', {
      path: settings.accessLogFile,
      log_format: compact({ ...content, formatters: extensionsFor(format) }),
    }),
  ];
}

// Istio's proxies know this operator; in Envoy it is an extension that has to be named.
function extensionsFor(format: string): readonly JsonObject[] {
  if (!format.includes('%REQ_WITHOUT_QUERY(')) return [];
  return [
    extension('envoy.formatter.req_without_query', 'envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery'),
  ];
}

function lineOf(format: string): string {
  return format.endsWith('\n') ? format : `${format}\n`;
}

// A log in the usual form is better than none, and than a proxy without listeners.
function parsedFormat(format: string): JsonObject {
  const parsed = parse(format);
  return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
    ? soundJsonFormat(parsed as JsonObject, inLogs)
    : jsonOperators;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
