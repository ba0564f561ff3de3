/** The ADS server: delta streams over TLS, each of a pod that its token names. */
import { once } from 'node:events';
import {
  constants,
  createSecureServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { MizzenError } from '../base/error.ts';
import type { DeltaRequest } from '../proto/index.ts';
import { createXdsCounters, type XdsCounters } from './counters.ts';
import { grpcStatus } from './framing.ts';
import type { GateOptions } from './gate.ts';
import { createPacer } from './pacer.ts';
import { XdsStream, type Opened } from './stream.ts';

/** A certificate and its key, as PEM. */
export interface ServerCertificate {
  readonly cert: string;
  readonly key: string;
}

/** Who asks, or why nobody may. `unanswered` is neither: the client may come again. */
export type Authentication<Identity> =
  | { readonly kind: 'authenticated'; readonly identity: Identity }
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'unanswered'; readonly message: string };

/** How the server is run. */
export interface XdsServerOptions<Identity> {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  readonly certificate: ServerCertificate;
  readonly authenticate: (token: string) => Promise<Authentication<Identity>>;
  /** Opens a stream for an identity; the node is only what the proxy says of itself. */
  readonly open: (identity: Identity, node: DeltaRequest['node']) => Opened;
  readonly log: (message: string) => void;
  /** Largest request, in bytes. Default 16 MiB: a reconnect names everything that is held. */
  readonly largestRequestBytes?: number;
  /** Default 10,000. */
  readonly mostStreams?: number;
  readonly timing?: GateOptions['timing'];
}

/** A running server. */
export interface XdsServer {
  readonly port: number;
  readonly counters: XdsCounters;
  readonly streams: ReadonlySet<XdsStream>;
  /** Uses another certificate for connections that come from now on. */
  setCertificate(certificate: ServerCertificate): void;
  /** Says goodbye to every client and ends. */
  close(): Promise<void>;
}

const deltaPath = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const largestHeadersBytes = 32_768;
const largestTokenBytes = 8_192;
const writersAtOnce = 20;

/** Starts the server. Rejects with `address-in-use` if it cannot listen. */
export async function startXdsServer<Identity>(options: XdsServerOptions<Identity>): Promise<XdsServer> {
  const http = createSecureServer({
    ...options.certificate,
    ALPNProtocols: ['h2'],
    minVersion: 'TLSv1.2',
    allowHTTP1: false,
    maxSessionInvalidFrames: 100,
    maxSessionRejectedStreams: 100,
    maxSessionMemory: 64,
    settings: {
      maxConcurrentStreams: 8,
      maxHeaderListSize: largestHeadersBytes,
      initialWindowSize: 1_048_576,
      enablePush: false,
    },
  });
  const server = new RunningServer(http, options);
  http.listen(options.port, options.host);
  try {
    await once(http, 'listening');
  } catch (error) {
    throw new MizzenError('address-in-use', `${options.host}:${options.port} cannot be listened on`, { cause: error });
  }
  return server;
}

class RunningServer<Identity> implements XdsServer {
  readonly counters = createXdsCounters();
  readonly streams = new Set<XdsStream>();
  readonly #http: Http2SecureServer;
  readonly #options: XdsServerOptions<Identity>;
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #pacer = createPacer(writersAtOnce);
  #opened = 0;

  constructor(http: Http2SecureServer, options: XdsServerOptions<Identity>) {
    this.#http = http;
    this.#options = options;
    http.on('session', (session) => this.#session(session));
    http.on('stream', (stream, headers) => void this.#stream(stream, headers));
    // Whoever does not speak TLS to us has said so by going away.
    http.on('tlsClientError', () => undefined);
    http.on('sessionError', () => undefined);
  }

  get port(): number {
    const address = this.#http.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  setCertificate(certificate: ServerCertificate): void {
    this.#http.setSecureContext(certificate);
  }

  async close(): Promise<void> {
    const closed = once(this.#http, 'close');
    this.#http.close();
    for (const stream of this.streams) stream.end(grpcStatus.unavailable, 'the server goes down');
    for (const session of this.#sessions) session.close();
    setTimeout(() => {
      for (const session of this.#sessions) session.destroy();
    }, 500).unref();
    await closed;
  }

  #session(session: ServerHttp2Session): void {
    this.#sessions.add(session);
    session.on('close', () => this.#sessions.delete(session));
    session.on('error', () => session.destroy());
  }

  async #stream(http: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    // Until the stream is open its errors are nobody else's.
    http.on('error', () => undefined);
    if (headers[constants.HTTP2_HEADER_PATH] !== deltaPath || headers[constants.HTTP2_HEADER_METHOD] !== 'POST') {
      this.#refuse(http, grpcStatus.unimplemented, 'this server speaks delta ADS only');
      return;
    }
    if (this.streams.size >= (this.#options.mostStreams ?? 10_000)) {
      this.#refuse(http, grpcStatus.resourceExhausted, 'too many streams');
      return;
    }
    http.pause();
    const result = await this.#authenticate(headers);
    if (http.destroyed) return;
    if (result.kind !== 'authenticated') {
      this.#refuse(
        http,
        result.kind === 'refused' ? grpcStatus.unauthenticated : grpcStatus.unavailable,
        result.message,
      );
      return;
    }
    http.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    this.#begin(http, result.identity);
  }

  async #authenticate(headers: IncomingHttpHeaders): Promise<Authentication<Identity>> {
    const header = headers.authorization ?? '';
    if (!header.startsWith('Bearer ')) return { kind: 'refused', message: 'no token' };
    if (header.length > largestTokenBytes) return { kind: 'refused', message: 'the token is too long' };
    try {
      return await this.#options.authenticate(header.slice('Bearer '.length));
    } catch (error) {
      if (!(error instanceof MizzenError)) throw error;
      return { kind: 'unanswered', message: error.message };
    }
  }

  #refuse(http: ServerHttp2Stream, status: number, message: string): void {
    this.counters.streamsRefused += 1;
    http.respond(
      {
        ':status': 200,
        'content-type': 'application/grpc',
        'grpc-status': String(status),
        'grpc-message': encodeURIComponent(message),
      },
      { endStream: true },
    );
  }

  #begin(http: ServerHttp2Stream, identity: Identity): void {
    const { open, log, largestRequestBytes = 16 << 20, timing } = this.#options;
    this.#opened += 1;
    this.counters.streamsOpened += 1;
    const stream = new XdsStream(http, {
      counters: this.counters,
      pacer: this.#pacer,
      largestRequestBytes,
      noncePrefix: `${this.#opened}-`,
      ...(timing === undefined ? {} : { timing }),
      open: (node) => open(identity, node),
      onOpen: (opened) => {
        this.streams.add(opened);
        this.counters.streams = this.streams.size;
      },
      onClose: (closed) => {
        this.streams.delete(closed);
        this.counters.streams = this.streams.size;
      },
      onOverdue: (proxy, text) => log(`${proxy}: ${text}`),
    });
    if (!http.destroyed) http.resume();
    else stream.close();
  }
}
