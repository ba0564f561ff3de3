/** One delta stream: frames in, the gate's decisions, frames out. */
import { constants, type ServerHttp2Stream } from 'node:http2';
import { decodeDeltaRequest, ProtoError, type DeltaRequest } from '../proto/index.ts';
import { typeUrls } from '../proto/resource.ts';
import type { XdsCounters } from './counters.ts';
import { encodeResponse } from './encode-response.ts';
import { createDeframer, grpcStatus, messagePrefix } from './framing.ts';
import type { CreateGate, Gate, GateOptions } from './gate.ts';
import { createRateLimit, type RateLimit, type XdsLimits } from './limits.ts';
import type { GateRequest, GateResponse } from './message.ts';
import type { Pacer } from './pacer.ts';
import type { ProxyMemory } from './proxy-memory.ts';
import { typeOrder, type ResourceSource } from './source.ts';
import type { GateStatus } from './status.ts';

/** What the server decides about a stream when it knows who asks. */
export type Opened =
  | { readonly kind: 'open'; readonly source: ResourceSource; readonly memory: ProxyMemory }
  | { readonly kind: 'refused'; readonly message: string };

/** What a stream works with. */
export interface StreamParts {
  readonly counters: XdsCounters;
  readonly pacer: Pacer;
  readonly limits: XdsLimits;
  /** When the client's token ends, in milliseconds since 1970; the client comes again with a newer one. */
  readonly expiresAtMs?: number | undefined;
  readonly noncePrefix: string;
  readonly timing?: GateOptions['timing'];
  /** Decides what is sent and when. */
  readonly createGate: CreateGate;
  /** Called with the first request's node. */
  readonly open: (node: DeltaRequest['node']) => Opened;
  readonly onOpen: (stream: XdsStream) => void;
  readonly onClose: (stream: XdsStream) => void;
  /** Told what waited for too long. */
  readonly onOverdue: (proxy: string, text: string) => void;
}

/** Bytes of one write; TLS keeps a buffer of the largest write of each connection. */
const sliceBytes = 32_768;
/** How long a client has to read how its stream ended. */
const farewellMs = 2_000;
/** Longest time that a timer can be set for. */
const longestTimerMs = 2_000_000_000;

/** A stream from its first message to its end. */
export class XdsStream {
  readonly connectedAtMs = Date.now();
  /** When the proxy last acknowledged a response, in Unix milliseconds with a fraction; 0 for never. */
  ackedAtMs = 0;
  sentBytes = 0;
  pushes = 0;
  readonly #http: ServerHttp2Stream;
  readonly #parts: StreamParts;
  readonly #deframer: ReturnType<typeof createDeframer>;
  readonly #rate: RateLimit;
  #proxy = '';
  #source: ResourceSource | undefined;
  #gate: Gate | undefined;
  #timer: NodeJS.Timeout | undefined;
  #firstRequestTimer: NodeJS.Timeout | undefined;
  #expiryTimer: NodeJS.Timeout | undefined;
  #pumping = false;
  #ended = false;

  constructor(http: ServerHttp2Stream, parts: StreamParts) {
    this.#http = http;
    this.#parts = parts;
    const { limits, expiresAtMs } = parts;
    this.#deframer = createDeframer(limits.requestBytes);
    this.#rate = createRateLimit(limits.requestBurst, limits.requestsPerSecond, performance.now());
    this.#firstRequestTimer = setTimeout(
      () => this.end(grpcStatus.deadlineExceeded, 'no request came'),
      limits.firstRequestMs,
    );
    if (expiresAtMs !== undefined) {
      const leftMs = Math.min(Math.max(0, expiresAtMs - Date.now()), longestTimerMs);
      this.#expiryTimer = setTimeout(() => this.end(grpcStatus.unauthenticated, 'the token has expired'), leftMs);
    }
    http.on('data', (chunk: Buffer) => this.#take(chunk));
    // A cut connection is a client's right; what it had is let go.
    http.on('error', () => this.close());
    http.on('close', () => this.close());
    http.on('end', () => this.end(grpcStatus.ok, ''));
  }

  /** The proxy's name; empty before its first message. */
  get proxy(): string {
    return this.#proxy;
  }

  status(): GateStatus | undefined {
    return this.#gate?.status(performance.now());
  }

  /** The newest generation that is applied on the proxy; 0 for none. */
  applied(): number {
    return this.#gate?.applied() ?? 0;
  }

  /** Ends the stream with a status; Envoy comes back on a new one. */
  end(status: number, message: string): void {
    if (this.#ended || this.#http.destroyed) return;
    this.#ended = true;
    this.#http.once('wantTrailers', () =>
      this.#http.sendTrailers({ 'grpc-status': String(status), 'grpc-message': encodeURIComponent(message) }),
    );
    // What is left unread is not waited for: a client that does not read must not keep its stream.
    const http = this.#http;
    const farewell = setTimeout(() => http.close(constants.NGHTTP2_CANCEL), farewellMs);
    http.once('close', () => clearTimeout(farewell));
    http.end();
    this.close();
  }

  close(): void {
    for (const timer of [this.#timer, this.#firstRequestTimer, this.#expiryTimer]) clearTimeout(timer);
    const source = this.#source;
    this.#gate = undefined;
    this.#source = undefined;
    this.#ended = true;
    if (source === undefined) return;
    source.close();
    this.#parts.onClose(this);
  }

  #take(chunk: Buffer): void {
    const { counters } = this.#parts;
    counters.receivedBytes += chunk.length;
    const result = this.#deframer.push(chunk);
    if (result.kind === 'fault') {
      this.end(
        result.fault === 'too-large' ? grpcStatus.resourceExhausted : grpcStatus.unimplemented,
        `request is ${result.fault}`,
      );
      return;
    }
    for (const message of result.messages) this.#message(message);
    this.#pump();
  }

  #message(bytes: Uint8Array): void {
    if (this.#ended) return;
    if (!this.#rate.take(performance.now())) {
      this.end(grpcStatus.resourceExhausted, 'too many requests');
      return;
    }
    let request: DeltaRequest;
    try {
      request = decodeDeltaRequest(bytes);
    } catch (error) {
      if (!(error instanceof ProtoError)) throw error;
      this.end(grpcStatus.invalidArgument, `the request cannot be read: ${error.message}`);
      return;
    }
    this.#parts.counters.requests += 1;
    const gate = this.#gate ?? this.#begin(request);
    if (gate === undefined) return;
    const type = typeOrder.find((candidate) => typeUrls[candidate] === request.typeUrl);
    if (type === undefined) {
      this.end(grpcStatus.invalidArgument, 'this server has no resources of that type');
      return;
    }
    this.#count(gate.request(gateRequest(type, request), performance.now()));
    if (gate.subscriptions() > this.#parts.limits.subscriptions) {
      this.end(grpcStatus.resourceExhausted, 'too many names are asked for');
    }
  }

  #count(answer: ReturnType<Gate['request']>): void {
    const { counters } = this.#parts;
    if (answer === 'ack') {
      counters.acks += 1;
      this.ackedAtMs = performance.timeOrigin + performance.now();
    } else if (answer === 'nack') counters.nacks += 1;
    else if (answer === 'stale') counters.staleAnswers += 1;
  }

  #begin(request: DeltaRequest): Gate | undefined {
    const opened = this.#parts.open(request.node);
    if (opened.kind === 'refused') {
      this.#parts.counters.streamsRefused += 1;
      this.end(grpcStatus.permissionDenied, opened.message);
      return undefined;
    }
    clearTimeout(this.#firstRequestTimer);
    const { source, memory } = opened;
    const { timing, noncePrefix, createGate } = this.#parts;
    this.#source = source;
    this.#proxy = source.proxy;
    const bootstrapClusters = new Set(['xds_cluster', 'agent', 'local_cluster']);
    this.#gate = createGate(
      { source, memory, noncePrefix, bootstrapClusters, ...(timing === undefined ? {} : { timing }) },
      performance.now(),
    );
    source.onChange(({ changed }) => {
      if (this.#gate?.change(changed) !== true) return;
      this.#parts.counters.wokenStreams += 1;
      this.#pump();
    });
    this.#parts.onOpen(this);
    return this.#gate;
  }

  /** Sends what may go, one response after the other; what changes meanwhile replaces what has not gone yet. */
  #pump(): void {
    if (this.#pumping || this.#ended) return;
    this.#pumping = true;
    setImmediate(() => {
      void this.#send().finally(() => (this.#pumping = false));
    });
  }

  async #send(): Promise<void> {
    for (;;) {
      const response = this.#gate?.take(performance.now());
      if (response === undefined) break;
      await this.#write(response);
    }
    this.#schedule();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const gate = this.#gate;
    const wakeMs = gate?.wakeMs();
    if (gate === undefined || wakeMs === undefined) return;
    this.#timer = setTimeout(
      () => {
        for (const notice of gate.overdue(performance.now())) {
          this.#parts.counters.overdueUnits += 1;
          this.#parts.onOverdue(
            this.proxy,
            `${notice.type} ${notice.name} ${notice.unit} waits for ${notice.clusters.join(', ')}`,
          );
        }
        this.#pump();
      },
      Math.max(1, wakeMs - performance.now()),
    );
  }

  async #write(response: GateResponse): Promise<void> {
    const { counters, pacer } = this.#parts;
    const { chunks, sizeBytes } = encodeResponse(response, String(this.#source?.generation ?? 0));
    counters.pushes[response.type] += 1;
    counters.resources[response.type] += response.resources.length;
    counters.removed += response.removed.length;
    counters.sentBytes += sizeBytes;
    this.sentBytes += sizeBytes;
    this.pushes += 1;
    const done = await pacer.turn();
    try {
      for (const slice of slices([messagePrefix(sizeBytes), ...chunks])) await this.#writeSlice(slice);
    } finally {
      done();
    }
  }

  #writeSlice(slice: Buffer): Promise<void> {
    return new Promise((resolve) => {
      if (this.#http.destroyed || this.#http.writableEnded) {
        resolve();
        return;
      }
      // The callback comes when the client has taken it, or when the stream is gone.
      this.#http.write(slice, () => resolve());
    });
  }
}

function gateRequest(type: GateRequest['type'], request: DeltaRequest): GateRequest {
  const { subscribe, unsubscribe, initialVersions, nonce, error } = request;
  return { type, subscribe, unsubscribe, initialVersions, nonce, errorMessage: error?.message };
}

function* slices(chunks: readonly Uint8Array[]): Generator<Buffer> {
  let pending: Uint8Array[] = [];
  let sizeBytes = 0;
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length || at === 0;) {
      const part = chunk.subarray(at, at + sliceBytes - sizeBytes);
      pending.push(part);
      sizeBytes += part.length;
      at += Math.max(part.length, 1);
      if (sizeBytes < sliceBytes) continue;
      yield Buffer.concat(pending);
      [pending, sizeBytes] = [[], 0];
    }
  }
  if (sizeBytes > 0) yield Buffer.concat(pending);
}
