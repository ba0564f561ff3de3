/** Rules for the parts of an HTTP route. */
import { memberPath } from '../kit/path.ts';
import { parseDuration } from '../../base/duration.ts';
import type { Report } from '../kit/node.ts';

const claims = '@request.auth.';
const headerName = /^:?[-!#$%&'*+.^_`|~A-Za-z0-9]+$/u;

/** Checks the names of headers that are matched. */
export function checkMatchedHeaders(
  match: { readonly headers?: object; readonly withoutHeaders?: object },
  report: Report,
): void {
  for (const field of ['headers', 'withoutHeaders'] as const) {
    for (const name of Object.keys(match[field] ?? {})) {
      if (!name.startsWith(claims) && !headerName.test(name))
        report.error(memberPath(field, name), `${JSON.stringify(name)} is no header name`);
    }
  }
}

/** Changes to headers in one direction. */
export interface Operations {
  readonly set?: Readonly<Record<string, string>>;
  readonly add?: Readonly<Record<string, string>>;
  readonly remove?: readonly string[];
}

/** Checks header changes; `:authority` and `host` may be set on requests only. */
export function checkHeaders(
  headers: { readonly request?: Operations; readonly response?: Operations },
  report: Report,
): void {
  for (const direction of ['request', 'response'] as const) {
    const { set = {}, add = {}, remove = [] } = headers[direction] ?? {};
    checkValues(set, direction, { at: `${direction}.set`, report });
    checkValues(add, direction, { at: `${direction}.add`, report });
    for (const [i, name] of remove.entries()) checkChangedName(name, `${direction}.remove[${i}]`, report);
  }
}

function checkValues(
  values: Readonly<Record<string, string>>,
  direction: 'request' | 'response',
  { at, report }: { readonly at: string; readonly report: Report },
): void {
  for (const [name, value] of Object.entries(values)) {
    const here = memberPath(at, name);
    if (direction === 'response' || !isAuthority(name)) checkChangedName(name, here, report);
    checkHeaderValue(value, here, report);
  }
}

/** True for the names of the header that carries the host. */
export function isAuthority(name: string): boolean {
  return /^(?::authority|host)$/iu.test(name);
}

function checkChangedName(name: string, at: string, report: Report): void {
  if (name.startsWith(':'))
    report.error(
      at,
      `${JSON.stringify(name)} is a part of the request that headers cannot change`,
      isAuthority(name) ? 'use rewrite.authority' : undefined,
    );
  else if (isAuthority(name)) report.error(at, 'the host cannot be changed here', 'use rewrite.authority');
  else if (!headerName.test(name)) report.error(at, `${JSON.stringify(name)} is no header name`);
}

/** Envoy's format strings: `%NAME%`, `%NAME(argument):length%` and `%%` (Envoy, custom request headers). */
function checkHeaderValue(value: string, at: string, report: Report): void {
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u0008\u000A-\u001F\u007F]/u.test(value)) report.error(at, 'has a control character');
  const rest = value.replaceAll('%%', '').replace(/%[A-Z_0-9]+(?:\([^()]*\))?(?::\d+)?%/gu, '');
  if (rest.includes('%'))
    report.error(at, 'has a single "%"', 'write %% for the sign itself, or %NAME% for a value of the proxy');
}

/** Checks a redirect. */
export function checkRedirect(
  redirect: {
    readonly uri?: string;
    readonly authority?: string;
    readonly port?: number;
    readonly derivePort?: string;
    readonly scheme?: string;
    readonly redirectCode?: number;
    readonly prefixRewrite?: string;
  },
  report: Report,
): void {
  const { uri = '', authority = '', scheme = '', prefixRewrite = '', redirectCode = 301 } = redirect;
  if (
    uri === '' &&
    authority === '' &&
    scheme === '' &&
    prefixRewrite === '' &&
    redirect.port === undefined &&
    redirect.derivePort === undefined
  ) {
    report.error('', 'goes nowhere', 'set uri, authority, scheme, port or prefixRewrite');
  }
  if (uri !== '' && prefixRewrite !== '') report.error('prefixRewrite', 'excludes uri', 'keep one of them');
  if (redirectCode !== 0 && (redirectCode < 300 || redirectCode > 399))
    report.error('redirectCode', `${redirectCode} is no redirect`, 'use 301, 302, 303, 307 or 308');
  if (scheme !== '' && scheme !== 'http' && scheme !== 'https')
    report.error('scheme', `${JSON.stringify(scheme)} is no scheme`, 'write http or https');
}

/** Checks a fixed response: its size. */
export function checkDirectResponse(
  response: { readonly body?: { readonly string?: string; readonly bytes?: string } },
  report: Report,
): void {
  const size = (response.body?.string ?? response.body?.bytes ?? '').length;
  if (size > 1_048_576) report.error('body', 'is larger than 1 MiB', 'let a service answer');
  else if (size > 102_400)
    report.warning('body', 'is larger than 100 KiB, which every proxy keeps in memory', 'let a service answer');
}

/** Checks a rewrite. */
export function checkRewrite(
  rewrite: { readonly uri?: string; readonly authority?: string; readonly uriRegexRewrite?: object },
  report: Report,
): void {
  const { uri = '', authority = '', uriRegexRewrite } = rewrite;
  if (uri !== '' && uriRegexRewrite !== undefined) report.error('uriRegexRewrite', 'excludes uri', 'keep one of them');
  if (uri === '' && authority === '' && uriRegexRewrite === undefined)
    report.error('', 'changes nothing', 'set uri, uriRegexRewrite or authority');
}

const conditions: ReadonlySet<string> = new Set(
  (
    '5xx gateway-error reset reset-before-request connect-failure retriable-4xx refused-stream retriable-status-codes retriable-headers envoy-ratelimited ' +
    'http3-post-connect-failure cancelled deadline-exceeded internal resource-exhausted unavailable'
  ).split(' '),
);

/** Checks the conditions of a retry (Envoy, x-envoy-retry-on and x-envoy-retry-grpc-on; status codes beside them). */
export function checkRetries(
  retries: {
    readonly attempts?: number;
    readonly perTryTimeout?: string;
    readonly retryOn?: string;
    readonly retryRemoteLocalities?: boolean;
  },
  report: Report,
): void {
  const { attempts, perTryTimeout, retryOn = '', retryRemoteLocalities } = retries;
  if (attempts === 0 && (perTryTimeout !== undefined || retryOn !== '' || retryRemoteLocalities !== undefined)) {
    report.error(
      'attempts',
      'is 0, so that the other fields say nothing',
      'take the others away, or set attempts to 1 or more',
    );
  }
  for (const condition of retryOn === '' ? [] : retryOn.split(',')) {
    if (conditions.has(condition) || /^[1-5]\d\d$/u.test(condition)) continue;
    report.error(
      'retryOn',
      `${JSON.stringify(condition)} is no condition for a retry`,
      conditions.has(condition.trim())
        ? 'take the spaces away'
        : 'see https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRetry',
    );
  }
}

const grpcCodes: ReadonlySet<string> = new Set(
  (
    'OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED ' +
    'OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED'
  ).split(' '),
);

/** Checks injected faults. */
export function checkFault(
  fault: {
    readonly delay?: { readonly exponentialDelay?: string };
    readonly abort?: { readonly httpStatus?: number; readonly grpcStatus?: string; readonly http2Error?: string };
  },
  report: Report,
): void {
  const { delay, abort } = fault;
  if (delay === undefined && abort === undefined) report.error('', 'injects nothing', 'set delay or abort');
  if (delay?.exponentialDelay !== undefined)
    report.error('delay.exponentialDelay', 'is not there, in Istio neither', 'use fixedDelay');
  if (abort === undefined) return;
  if (abort.http2Error !== undefined)
    report.error('abort.http2Error', 'is not there, in Istio neither', 'use httpStatus or grpcStatus');
  else if (abort.httpStatus === undefined && abort.grpcStatus === undefined)
    report.warning('abort', 'does not say what to answer', 'set httpStatus or grpcStatus');
  if (abort.grpcStatus !== undefined && !grpcCodes.has(abort.grpcStatus))
    report.error(
      'abort.grpcStatus',
      `${JSON.stringify(abort.grpcStatus)} is no gRPC status`,
      'write a name such as UNAVAILABLE',
    );
}

const methods: ReadonlySet<string> = new Set('CONNECT DELETE GET HEAD OPTIONS PATCH POST PUT TRACE *'.split(' '));

/** Checks a cross-origin policy. */
export function checkCors(
  cors: {
    readonly allowOrigins?: readonly { readonly exact?: string; readonly prefix?: string; readonly regex?: string }[];
    readonly allowMethods?: readonly string[];
    readonly allowHeaders?: readonly string[];
    readonly exposeHeaders?: readonly string[];
    readonly maxAge?: string;
  },
  report: Report,
): void {
  for (const [i, origin] of (cors.allowOrigins ?? []).entries()) {
    if ((origin.exact ?? origin.prefix ?? origin.regex ?? '') === '')
      report.error(`allowOrigins[${i}]`, 'matches no origin', 'set exact, prefix or regex');
  }
  for (const [i, method] of (cors.allowMethods ?? []).entries()) {
    if (!methods.has(method))
      report.error(
        `allowMethods[${i}]`,
        `${JSON.stringify(method)} is no HTTP method`,
        methods.has(method.toUpperCase()) ? `write ${method.toUpperCase()}` : undefined,
      );
  }
  for (const field of ['allowHeaders', 'exposeHeaders'] as const) {
    for (const [i, name] of (cors[field] ?? []).entries()) {
      if (name !== '*' && !headerName.test(name))
        report.error(`${field}[${i}]`, `${JSON.stringify(name)} is no header name`);
    }
  }
  const maxAgeMs = parseDuration(cors.maxAge ?? '0');
  if (maxAgeMs !== undefined && maxAgeMs % 1_000 !== 0)
    report.error('maxAge', 'has parts of a second, which browsers do not know', 'use whole seconds');
}
