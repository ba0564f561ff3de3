/** Calls from one service to the next. */

import { request as httpRequest, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';

/** Where and how long to call. */
export interface Call {
  readonly url: string;
  readonly headers: OutgoingHttpHeaders;
  /** From the start of the call to the last byte of the answer. */
  readonly timeoutMs: number;
}

/** What came back: an answer of any status with its JSON, or nothing in time. */
export type Reply =
  | { readonly kind: 'answer'; readonly status: number; readonly json: unknown }
  | { readonly kind: 'nothing'; readonly reason: string };

const largestReplyBytes = 1_048_576;

/** Headers that tie the hops of one request together, in every tracing dialect that proxies speak. */
const traceHeaders = [
  'x-request-id',
  'x-ot-span-context',
  'x-datadog-trace-id',
  'x-datadog-parent-id',
  'x-datadog-sampling-priority',
  'traceparent',
  'tracestate',
  'x-cloud-trace-context',
  'grpc-trace-bin',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-b3-flags',
  'sw8',
] as const;

/** Headers that say on whose behalf a request is made. */
const userHeaders = ['user-agent', 'cookie', 'authorization', 'jwt'] as const;

/** The headers of an incoming request that belong on the calls made for it. `end-user` goes along only where asked for. */
export function forwardedHeaders(
  incoming: IncomingHttpHeaders,
  options: { readonly endUser: boolean },
): OutgoingHttpHeaders {
  const names: readonly string[] = [...traceHeaders, ...userHeaders, ...(options.endUser ? ['end-user'] : [])];
  const present = names.map((name) => [name, incoming[name]] as const).filter(([, value]) => value !== undefined);
  return Object.fromEntries(present);
}

/** `http://HOST.DOMAIN:PORT` of a service, from its environment variables. */
export function serviceUrl(service: 'details' | 'reviews' | 'ratings'): string {
  const name = service.toUpperCase();
  const domain = process.env['SERVICES_DOMAIN'] ?? '';
  const host = process.env[`${name}_HOSTNAME`] ?? service;
  const port = process.env[`${name}_SERVICE_PORT`] ?? '9080';
  return `http://${host}${domain === '' ? '' : `.${domain}`}:${port}`;
}

/** One GET over a TCP connection of its own, so that every call is balanced anew. Never throws. */
export async function get(call: Call): Promise<Reply> {
  const request = call.url.startsWith('https:') ? httpsRequest : httpRequest;
  return new Promise((resolve) => {
    const nothing = (error: Error): void => resolve({ kind: 'nothing', reason: error.message });
    const signal = AbortSignal.timeout(call.timeoutMs);
    const outgoing = request(call.url, { agent: false, headers: call.headers, signal }, (incoming) => {
      readJson(incoming as AsyncIterable<Buffer>).then(
        (json) => resolve({ kind: 'answer', status: incoming.statusCode ?? 0, json }),
        nothing,
      );
    });
    outgoing.on('error', nothing);
    outgoing.end();
  });
}

/** The JSON of a body; undefined if it is none, which an error page of a proxy never is. */
async function readJson(body: AsyncIterable<Buffer>): Promise<unknown> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of body) {
    sizeBytes += chunk.length;
    if (sizeBytes > largestReplyBytes) throw new Error('the answer is too large');
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}
