import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { status as grpc } from '@grpc/grpc-js';
import { encode, typeUrls, type Resource } from '../proto/index.ts';
import { createDeframer, messagePrefix } from './framing.ts';
import { createRateLimit } from './limits.ts';
import { createPacer } from './pacer.ts';
import { createProxyMemory, type ProxyMemory } from './proxy-memory.ts';
import { startXdsServer, type ServerCertificate, type XdsServer, type XdsServerOptions } from './server.ts';
import { envoyResource } from './testing/envoy-resource.ts';
import { createModelSource, type ModelSource } from './testing/model-source.ts';
import { openRawClient, type RawClient } from './testing/raw-client.ts';
import { createServerCertificate } from './testing/server-certificate.ts';

const path = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';

let certificate: ServerCertificate;
let server: XdsServer;
let source: ModelSource;
const logged: string[] = [];
const closers: (() => void | Promise<void>)[] = [];

/** Tokens are `good-NAME`; the proxy of that name is let in if it says so. */
function optionsOf(sources: (name: string) => ModelSource): XdsServerOptions<string> {
  const memories = new Map<string, ProxyMemory>();
  return {
    host: '127.0.0.1',
    port: 0,
    certificate,
    authenticate: async (token) => {
      await sleep(1);
      if (token === 'unreviewed') return { kind: 'unanswered', message: 'the review is not there' };
      if (token === 'short-lived') {
        return { kind: 'authenticated', identity: 'pod', expiresAtMs: Date.now() + 100 };
      }
      if (!token.startsWith('good-')) return { kind: 'refused', message: 'the token is not valid' };
      return { kind: 'authenticated', identity: token.slice('good-'.length) };
    },
    open: (identity, node) => {
      if (node?.['id'] !== 'sidecar~10.0.0.1~pod.default~default.svc.cluster.local')
        return { kind: 'refused', message: 'not your node' };
      const memory = memories.get(identity) ?? createProxyMemory();
      memories.set(identity, memory);
      return { kind: 'open', source: sources(identity), memory };
    },
    log: (message) => logged.push(message),
  };
}

const cluster = (name: string, revision = 1): Resource =>
  envoyResource('cluster', name, { connect_timeout: `${revision + 1}s` }, { readyBy: 'assignment' });
const endpoints = (name: string, revision: number): Resource =>
  envoyResource('endpoint', name, { policy: { overprovisioning_factor: 100 + revision } });

function client(token: string | undefined = 'good-pod', on: XdsServer = server, method?: string): RawClient {
  const raw = openRawClient({
    port: on.port,
    caPem: certificate.cert,
    ...(token === undefined ? {} : { token }),
    ...(method === undefined ? {} : { method }),
  });
  closers.push(() => raw.close());
  return raw;
}

async function until(condition: () => boolean): Promise<void> {
  for (let round = 0; !condition(); round++) {
    assert.ok(round < 1_000, 'does not come true in 10 s');
    await sleep(10);
  }
}

/** A bare connection, for what a well-behaved client would not do. */
function bare(on: XdsServer = server, initialWindowSize = 65_535): ClientHttp2Session {
  const session = connect(`https://localhost:${on.port}`, { ca: certificate.cert, settings: { initialWindowSize } });
  session.on('error', () => undefined);
  closers.push(() => session.destroy());
  return session;
}

function bareStream(session: ClientHttp2Session, token: string): ClientHttp2Stream {
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    authorization: `Bearer ${token}`,
  });
  stream.on('error', () => undefined);
  return stream;
}

function framed(fields: Parameters<typeof encode>[1]): Buffer {
  const bytes = encode('envoy.service.discovery.v3.DeltaDiscoveryRequest', fields);
  return Buffer.concat([messagePrefix(bytes.length), bytes]);
}

before(async () => {
  certificate = await createServerCertificate();
  source = createModelSource();
  source.edit((set) => {
    for (const name of ['a', 'b']) {
      set('cluster', name, cluster(name));
      set('endpoint', name, endpoints(name, 1));
    }
    set('listener', 'l', envoyResource('listener', 'l', {}));
  });
  server = await startXdsServer(optionsOf(() => source));
});

after(async () => {
  for (const close of closers.toReversed()) await close();
  await server.close();
});

test('an independent client gets what it asks for, and is SYNCED when it acknowledged all', async () => {
  const raw = client();
  raw.send('cluster');
  const clusters = await raw.acknowledged();
  assert.equal(clusters.typeUrl, typeUrls.cluster);
  assert.deepEqual([...clusters.resources.keys()], ['a', 'b']);
  raw.send('endpoint', { resource_names_subscribe: ['a', 'b'] });
  assert.deepEqual((await raw.acknowledged()).resources.get('a'), source.read('endpoint', 'a')?.version);
  raw.send('listener');
  await raw.acknowledged();
  raw.send('route', { resource_names_subscribe: ['80'] });
  await raw.acknowledged();
  const [stream] = server.streams;
  await until(() => stream?.status()?.state === 'SYNCED');
  assert.equal(stream?.applied(), source.generation);

  const { sentBytes, wokenStreams } = server.counters;
  source.edit((set) => set('endpoint', 'elsewhere', endpoints('elsewhere', 1)));
  assert.equal(server.counters.wokenStreams, wokenStreams, 'an unrelated change wakes nobody');
  source.edit((set) => set('endpoint', 'a', endpoints('a', 2)));
  const change = await raw.next();
  assert.deepEqual([...change.resources.keys()], ['a']);
  raw.send('endpoint', { response_nonce: change.nonce, error_detail: { code: 13, message: 'a: no such thing' } });
  await until(() => stream?.status()?.state === 'REJECTED');
  assert.match(stream?.status()?.reason ?? '', /endpoint a: a: no such thing/u);
  assert.ok(server.counters.sentBytes > sentBytes && server.counters.nacks === 1);
  source.edit((set) => set('endpoint', 'a', endpoints('a', 3)));
  await raw.acknowledged();
  await until(() => stream?.status()?.state === 'SYNCED');
});

test('nothing without a token that is good, of the pod that the node names, on the delta path', async () => {
  const refusals: readonly [RawClient, number, RegExp][] = [
    [client(''), grpc.UNAUTHENTICATED, /no token|not valid/u],
    [client('stolen'), grpc.UNAUTHENTICATED, /not valid/u],
    [client('unreviewed'), grpc.UNAVAILABLE, /review is not there/u],
    [client('x'.repeat(10_000)), grpc.UNAUTHENTICATED, /too long/u],
    [client('good-pod', server, 'StreamAggregatedResources'), grpc.UNIMPLEMENTED, /delta/u],
    [client('good-pod', server, 'Other'), grpc.UNIMPLEMENTED, /delta/u],
  ];
  for (const [raw, code, text] of refusals) {
    raw.send('cluster');
    const ended = await raw.ended;
    assert.deepEqual([ended.code, text.test(ended.details)], [code, true], ended.details);
  }
  const other = client();
  other.stream.write({ node: { id: 'sidecar~10.0.0.1~other.default~x' }, type_url: typeUrls.cluster });
  assert.equal((await other.ended).code, grpc.PERMISSION_DENIED);
  const unknown = client();
  unknown.send('type.googleapis.com/envoy.config.Nothing');
  assert.equal((await unknown.ended).code, grpc.INVALID_ARGUMENT);
  assert.ok(!logged.join().includes('stolen'));
});

test('the newest stream of a proxy is the one that counts; an expired token ends its stream', async () => {
  const first = client();
  first.send('cluster');
  await first.acknowledged();
  const second = client();
  second.send('cluster');
  await second.acknowledged();
  assert.equal((await first.ended).code, grpc.OK);
  assert.equal(server.streams.size, 1);
  const brief = client('short-lived');
  brief.send('cluster');
  const ended = await brief.ended;
  assert.equal(ended.code, grpc.UNAUTHENTICATED);
  assert.match(ended.details, /expired/u);
});

test('malformed, compressed and oversized requests end their stream and nothing else', async () => {
  const steady = client();
  steady.send('cluster');
  await steady.acknowledged();
  const bodies = [
    Buffer.from([1, 0, 0, 0, 0]),
    Buffer.from([0, 0xff, 0xff, 0xff, 0xff]),
    Buffer.from([0, 0, 0, 0, 2, 0x0a, 0x7f]),
  ];
  const codes: (string | undefined)[] = [];
  for (const body of bodies) {
    const stream = bareStream(bare(), 'good-other');
    stream.write(body);
    const [trailers] = (await once(stream, 'trailers')) as [Record<string, string>];
    codes.push(trailers['grpc-status']);
  }
  assert.deepEqual(codes, ['12', '8', '3']);
  source.edit((set) => set('cluster', 'b', cluster('b', 2)));
  assert.deepEqual([...(await steady.acknowledged()).resources.keys()], ['b']);
});

test('too many requests, too many names, silence and resets are cut off', async () => {
  const strict = await startXdsServer({
    ...optionsOf(() => createModelSource()),
    limits: { requestBurst: 20, requestsPerSecond: 1, subscriptions: 10, firstRequestMs: 150 },
  });
  closers.push(() => strict.close());
  const names = client('good-names', strict);
  names.send('endpoint', { resource_names_subscribe: Array.from({ length: 11 }, (_, i) => `n${i}`) });
  assert.match((await names.ended).details, /too many names/u);
  const endless = client('good-endless', strict);
  for (let i = 0; i < 30; i++) endless.send('cluster');
  assert.match((await endless.ended).details, /too many requests/u);
  const silent = client('good-silent', strict);
  assert.equal((await silent.ended).code, grpc.DEADLINE_EXCEEDED);
  const idle = bare(strict);
  await once(idle, 'close');
  const rapid = bare(strict);
  await once(rapid, 'connect');
  for (let i = 0; i < 200 && !rapid.destroyed; i++) {
    bareStream(rapid, 'good-rapid').close(constants.NGHTTP2_CANCEL);
    await sleep(1);
  }
  await until(() => rapid.destroyed || rapid.closed);
});

test('a client that does not read delays nobody, and holds what it is sent next only once', async () => {
  const big = createModelSource('pod.big');
  const fill = (revision: number): void =>
    big.edit((set) => {
      for (let i = 0; i < 2_000; i++) set('cluster', `c${i}`, cluster(`c${i}-${'x'.repeat(500)}`, revision));
    });
  fill(0);
  const wide = await startXdsServer(
    optionsOf((name) => (name === 'stopped' ? big : Object.assign(createModelSource(`${name}.x`)))),
  );
  closers.push(() => wide.close());
  const session = bare(wide, 0);
  const stopped = bareStream(session, 'good-stopped');
  stopped.pause();
  stopped.write(
    framed({ node: { id: 'sidecar~10.0.0.1~pod.default~default.svc.cluster.local' }, type_url: typeUrls.cluster }),
  );
  await until(() => wide.counters.pushes.cluster === 1);
  const first = wide.counters.sentBytes;
  for (let revision = 1; revision <= 20; revision++) {
    fill(revision);
    await sleep(2);
  }
  const quick = client('good-quick', wide);
  quick.send('endpoint', { resource_names_subscribe: ['x'] });
  await quick.acknowledged();
  assert.equal(wide.counters.pushes.cluster, 1, 'nothing more is made for who does not read');
  assert.ok(wide.counters.sentBytes - first < 10_000);
  const held = [...wide.streams].find((stream) => stream.proxy === 'pod.big');
  assert.equal(held?.pushes, 1);
});

test('the certificate is changed while connections stay', async () => {
  const old = client();
  old.send('cluster');
  await old.acknowledged();
  const before = certificate;
  certificate = await createServerCertificate();
  server.setCertificate(certificate);
  const next = client('good-pod-2');
  next.send('cluster');
  assert.deepEqual([...(await next.acknowledged()).resources.keys()].length, 2);
  server.setCertificate(before);
  certificate = before;
});

test('a server that closes says so, and is closed', async () => {
  const brief = await startXdsServer(optionsOf(() => createModelSource()));
  const raw = client('good-pod', brief);
  raw.send('cluster');
  raw.send('endpoint', { resource_names_subscribe: ['x'] });
  await raw.acknowledged();
  await brief.close();
  assert.equal((await raw.ended).code, grpc.UNAVAILABLE);
  assert.equal(brief.streams.size, 0);
});

test('messages are found however the bytes are cut, each byte copied once', () => {
  const messages = [new Uint8Array([1]), new Uint8Array(70_000).fill(2), new Uint8Array(0), new Uint8Array([3, 4])];
  const bytes = Buffer.concat(messages.flatMap((message) => [messagePrefix(message.length), message]));
  for (const cut of [1, 4, 5, 6, 1_000, 16_384, bytes.length]) {
    const deframer = createDeframer(100_000);
    const found: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += cut) {
      const result = deframer.push(bytes.subarray(at, at + cut));
      assert.ok(result.kind === 'messages');
      found.push(...result.messages);
    }
    assert.deepEqual(
      found.map((message) => Buffer.from(message).toString('base64')),
      messages.map((message) => Buffer.from(message).toString('base64')),
    );
  }
});

test('limits refill; turns are given in order and taken from who holds one for too long', async () => {
  const rate = createRateLimit(2, 10, 0);
  assert.deepEqual(
    [rate.take(0), rate.take(0), rate.take(0), rate.take(100), rate.take(100)],
    [true, true, false, true, false],
  );
  const pacer = createPacer(1);
  await pacer.turn();
  const second = await pacer.turn();
  second();
  second();
  const third = await pacer.turn();
  third();
});
