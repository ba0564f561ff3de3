/** Answers that the proxy gives itself: redirects and fixed responses. */
import type { JsonObject } from '../../base/json.ts';
import type { HttpDirectResponse, HttpRedirect } from '../../schema/index.ts';
import { compact } from '../any.ts';
import { oneLine } from './headers.ts';

const codes: Readonly<Record<number, string>> = {
  301: 'MOVED_PERMANENTLY',
  302: 'FOUND',
  303: 'SEE_OTHER',
  307: 'TEMPORARY_REDIRECT',
  308: 'PERMANENT_REDIRECT',
};

const prefixMark = '%PREFIX()%';

/** `RedirectAction` for a client that dialled this port, in TLS or not. */
export function redirectAction(
  redirect: HttpRedirect,
  at: { readonly port: number; readonly tls: boolean },
): JsonObject {
  const uri = redirect.uri;
  const byPrefix =
    redirect.prefixRewrite ?? (uri?.startsWith(prefixMark) === true ? uri.slice(prefixMark.length) : undefined);
  return compact({
    host_redirect: oneLine(redirect.authority),
    path_redirect: byPrefix === undefined ? oneLine(uri) : undefined,
    prefix_rewrite: oneLine(byPrefix),
    scheme_redirect: redirect.scheme,
    port_redirect: redirectPort(redirect, at),
    response_code: codes[redirect.redirectCode ?? 301] ?? 'MOVED_PERMANENTLY',
  });
}

// The port that a scheme implies is left out of the address.
function redirectPort(
  redirect: HttpRedirect,
  at: { readonly port: number; readonly tls: boolean },
): number | undefined {
  const scheme = redirect.scheme ?? (at.tls ? 'https' : 'http');
  const implied = scheme === 'https' ? 443 : 80;
  if (redirect.derivePort === 'FROM_PROTOCOL_DEFAULT') return implied;
  const wanted = redirect.derivePort === 'FROM_REQUEST_PORT' ? at.port : redirect.port;
  return wanted === implied && redirect.derivePort !== undefined ? undefined : wanted;
}

/** `DirectResponseAction`. */
export function directResponse(response: HttpDirectResponse): JsonObject {
  const body = response.body;
  return compact({
    status: response.status,
    body:
      body?.string !== undefined
        ? { inline_string: body.string }
        : body?.bytes !== undefined
          ? { inline_bytes: body.bytes }
          : undefined,
  });
}
