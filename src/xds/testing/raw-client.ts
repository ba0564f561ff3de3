import { Client, credentials, Metadata, type ClientDuplexStream, type StatusObject } from '@grpc/grpc-js';
import { decode, encode, typeUrls, type JsonObject, type XdsType } from '../../proto/index.ts';

const servicePath = '/envoy.service.discovery.v3.AggregatedDiscoveryService/';

/** A response as the independent client reads it. */
export interface RawResponse {
  readonly typeUrl: string;
  readonly nonce: string;
  /** Name → version. */
  readonly resources: ReadonlyMap<string, string>;
  readonly removed: readonly string[];
}

/** How a client reaches the server. */
export interface RawClientOptions {
  readonly port: number;
  readonly caPem: string;
  readonly token?: string;
  /** `DeltaAggregatedResources` by default. */
  readonly method?: string;
  /** Name that the server's certificate must have; `localhost` by default. */
  readonly serverName?: string;
}

/** A delta client on grpc-js, which shares no code with the server but the message table. */
export interface RawClient {
  readonly stream: ClientDuplexStream<JsonObject, Buffer>;
  /** The next response; rejects with the status if the stream ends before. */
  next(): Promise<RawResponse>;
  /** `type` is one of ours, or a type URL. */
  send(type: string, fields?: JsonObject): void;
  /** Takes the next response and acknowledges it. */
  acknowledged(): Promise<RawResponse>;
  /** How the stream ended. */
  readonly ended: Promise<StatusObject>;
  close(): void;
}

function read(bytes: Buffer): RawResponse {
  const json = decode('envoy.service.discovery.v3.DeltaDiscoveryResponse', bytes) as Record<string, unknown>;
  const resources = (json['resources'] ?? []) as { name: string; version: string }[];
  return {
    typeUrl: String(json['type_url']),
    nonce: String(json['nonce']),
    resources: new Map(resources.map(({ name, version }) => [name, version])),
    removed: (json['removed_resources'] ?? []) as string[],
  };
}

function isXdsType(type: string): type is XdsType {
  return Object.hasOwn(typeUrls, type);
}

/** Opens a stream; the node goes with the first message. */
export function openRawClient(options: RawClientOptions): RawClient {
  const client = new Client(`localhost:${options.port}`, credentials.createSsl(Buffer.from(options.caPem)), {
    'grpc.max_receive_message_length': -1,
    'grpc.enable_retries': 0,
    'grpc.use_local_subchannel_pool': 1,
    ...(options.serverName === undefined ? {} : { 'grpc.ssl_target_name_override': options.serverName }),
  });
  const metadata = new Metadata();
  if (options.token !== undefined) metadata.set('authorization', `Bearer ${options.token}`);
  const stream = client.makeBidiStreamRequest<JsonObject, Buffer>(
    `${servicePath}${options.method ?? 'DeltaAggregatedResources'}`,
    (request) => Buffer.from(encode('envoy.service.discovery.v3.DeltaDiscoveryRequest', request)),
    (bytes) => bytes,
    metadata,
  );
  const arrived: RawResponse[] = [];
  const waiting: { resolve: (response: RawResponse) => void; reject: (error: Error) => void }[] = [];
  const ended = new Promise<StatusObject>((resolve) => stream.on('status', resolve));
  void ended.then((status) => {
    for (const { reject } of waiting.splice(0)) reject(new Error(`${status.code}: ${status.details}`));
  });
  // The status says the same.
  stream.on('error', () => undefined);
  stream.on('data', (bytes: Buffer) => {
    const response = read(bytes);
    const waiter = waiting.shift();
    if (waiter === undefined) arrived.push(response);
    else waiter.resolve(response);
  });
  let isFirst = true;
  const send = (type: string, fields: JsonObject = {}): void => {
    const node = isFirst ? { node: { id: 'sidecar~10.0.0.1~pod.default~default.svc.cluster.local' } } : {};
    isFirst = false;
    stream.write({ ...node, type_url: isXdsType(type) ? typeUrls[type] : type, ...fields });
  };
  const next = (): Promise<RawResponse> => {
    const response = arrived.shift();
    if (response !== undefined) return Promise.resolve(response);
    return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
  };
  return {
    stream,
    next,
    send,
    ended,
    acknowledged: async () => {
      const response = await next();
      send(response.typeUrl, { response_nonce: response.nonce });
      return response;
    },
    close: () => {
      stream.cancel();
      client.close();
    },
  };
}
