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
import { createGate, type CreateGate, type GateOptions } from './gate.ts';
import { defaultLimits, type XdsLimits } from './limits.ts';
import { createPacer } from './pacer.ts';
import { XdsStream, type Opened } from './stream.ts';

/** A certificate and its key, as PEM. */
export interface ServerCertificate {
  readonly cert: string;
  readonly key: string;
}

/** Who asks, or why nobody may. `unanswered` is neither: the client may come again. */
export type Authentication<Identity> =
  | {
      readonly kind: 'authenticated';
      readonly identity: Identity;
      /** When the stream must end for a newer token to be shown, in milliseconds since 1970. Never by default. */
      readonly expiresAtMs?: number;
    }
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
  /** By default `defaultLimits`. */
  readonly limits?: Partial<XdsLimits>;
  readonly timing?: GateOptions['timing'];
  /** By default the gate of this folder; a test shows with another one what that is good for. */
  readonly createGate?: CreateGate;
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
    // RST_STREAM floods (CVE-2023-44487): an Envoy resets a stream once in a while.
    streamResetBurst: 50,
    streamResetRate: 10,
    handshakeTimeout: 10_000,
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
  readonly #limits: XdsLimits;
  /** Connections, and whether each answered since it was asked last. */
  readonly #sessions = new Map<ServerHttp2Session, { isAlive: boolean }>();
  readonly #byProxy = new Map<string, XdsStream>();
  readonly #keepalive: NodeJS.Timeout;
  readonly #proved = new WeakSet<ServerHttp2Session>();
  #authenticating = 0;
  readonly #pacer = createPacer(writersAtOnce);
  #opened = 0;

  constructor(http: Http2SecureServer, options: XdsServerOptions<Identity>) {
    this.#http = http;
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    http.maxConnections = this.#limits.connections;
    this.#keepalive = setInterval(() => this.#ask(), this.#limits.keepaliveMs);
    this.#keepalive.unref();
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
    clearInterval(this.#keepalive);
    this.#http.close();
    for (const stream of this.streams) stream.end(grpcStatus.unavailable, 'the server goes down');
    for (const session of this.#sessions.keys()) session.close();
    const patience = setTimeout(() => {
      for (const session of this.#sessions.keys()) session.destroy();
    }, 500);
    await closed;
    clearTimeout(patience);
  }

  #session(session: ServerHttp2Session): void {
    this.#sessions.set(session, { isAlive: true });
    // What proves nothing about itself does not stay.
    const proof = setTimeout(() => {
      if (!this.#proved.has(session)) session.destroy();
    }, this.#limits.firstRequestMs);
    session.on('close', () => {
      clearTimeout(proof);
      this.#sessions.delete(session);
    });
    session.on('error', () => session.destroy());
  }

  /** Ends connections that did not answer the last ping, and pings the others: a half-open one would live for hours. */
  #ask(): void {
    for (const [session, state] of this.#sessions) {
      if (!state.isAlive) {
        session.destroy();
        continue;
      }
      state.isAlive = false;
      session.ping((error) => (state.isAlive = error === null));
    }
  }

  async #stream(http: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    // Until the stream is open its errors are nobody else's.
    http.on('error', () => undefined);
    if (headers[constants.HTTP2_HEADER_PATH] !== deltaPath || headers[constants.HTTP2_HEADER_METHOD] !== 'POST') {
      this.#refuse(http, grpcStatus.unimplemented, 'this server speaks delta ADS only');
      return;
    }
    if (this.streams.size + this.#authenticating >= this.#limits.streams) {
      this.#refuse(http, grpcStatus.resourceExhausted, 'too many streams');
      return;
    }
    http.pause();
    this.#authenticating += 1;
    const result = await this.#authenticate(headers).finally(() => (this.#authenticating -= 1));
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
    if (http.session !== undefined) this.#proved.add(http.session as ServerHttp2Session);
    this.#begin(http, result);
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

  #begin(
    http: ServerHttp2Stream,
    client: { readonly identity: Identity; readonly expiresAtMs?: number | undefined },
  ): void {
    const { open, log, timing } = this.#options;
    this.#opened += 1;
    this.counters.streamsOpened += 1;
    const stream = new XdsStream(http, {
      counters: this.counters,
      pacer: this.#pacer,
      limits: this.#limits,
      expiresAtMs: client.expiresAtMs,
      noncePrefix: `${this.#opened}-`,
      ...(timing === undefined ? {} : { timing }),
      createGate: this.#options.createGate ?? createGate,
      open: (node) => open(client.identity, node),
      onOpen: (opened) => this.#enter(opened),
      onClose: (closed) => this.#leave(closed),
      onOverdue: (proxy, text) => log(`${proxy}: ${text}`),
    });
    if (!http.destroyed) http.resume();
    else stream.close();
  }

  /** One stream a proxy: the newest counts, the one before is half open or of an Envoy that was replaced. */
  #enter(stream: XdsStream): void {
    this.#byProxy.get(stream.proxy)?.end(grpcStatus.ok, 'the proxy opened another stream');
    this.#byProxy.set(stream.proxy, stream);
    this.streams.add(stream);
    this.counters.streams = this.streams.size;
  }

  #leave(stream: XdsStream): void {
    if (this.#byProxy.get(stream.proxy) === stream) this.#byProxy.delete(stream.proxy);
    this.streams.delete(stream);
    this.counters.streams = this.streams.size;
  }
}
