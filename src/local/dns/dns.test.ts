import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { Resolver } from 'node:dns/promises';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import type { EndpointSlice, Service } from '../../schema/index.ts';
import { createAnswering } from './answering.ts';
import { startDnsServer, type DnsServer } from './dns-server.ts';
import { encodeQuery, readAnswers } from './forwarded.ts';
import { addressBytes, decodeQuery, encodeResponse, maxMessageBytes, recordTypes, responseCodes } from './message.ts';
import { createZone } from './zone.ts';

const service = (name: string, spec: Partial<Service['spec']>): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default' },
  spec: { ports: [{ name: 'http', port: 9080 }], ...spec },
});
const slice = (of: string, endpoints: EndpointSlice['endpoints']): EndpointSlice => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: `${of}-x`, namespace: 'default', labels: { 'kubernetes.io/service-name': of } },
  addressType: 'IPv4',
  endpoints,
  ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
});
const zone = createZone(
  [
    service('reviews', { clusterIP: '10.96.1.2' }),
    service('nodes', { clusterIP: 'None' }),
    service('many', { clusterIP: 'None' }),
    service('away', { type: 'ExternalName', externalName: 'Example.test.' }),
    service('alias', { type: 'ExternalName', externalName: 'reviews.default.svc.cluster.local' }),
    service('loop', { type: 'ExternalName', externalName: 'loop.default.svc.cluster.local' }),
  ],
  [
    slice('nodes', [
      { addresses: ['10.44.0.7'], conditions: { ready: true }, hostname: 'n0' },
      { addresses: ['10.44.0.8'], conditions: { ready: true } },
      { addresses: ['10.44.0.9'], conditions: { ready: false } },
    ]),
    slice(
      'many',
      Array.from({ length: 300 }, (_, i) => ({ addresses: [`10.44.1.${i % 256}`] })),
    ),
  ],
);
const forward = (query: Uint8Array): Promise<Uint8Array> => {
  const decoded = decodeQuery(query);
  if (decoded.kind !== 'query' || decoded.query.name === 'dead.test')
    return Promise.reject(new Error('nobody answers'));
  const { name, type } = decoded.query;
  const answers =
    name === 'example.test' && type === recordTypes.A ? [{ type: 'A', name, address: '192.0.2.1' } as const] : [];
  return Promise.resolve(encodeResponse(decoded.query, { code: name === 'none.test' ? 3 : 0, answers }, 4096));
};
const answer = createAnswering({ zone: () => zone, forward });
const short = { svc: 'default.svc.cluster.local' };

async function ask(name: string, type: keyof typeof recordTypes = 'A'): Promise<string> {
  const response = await answer(encodeQuery(7, name, recordTypes[type]), 'tcp');
  const read = readAnswers(response ?? new Uint8Array(), 7);
  const records =
    read?.records.map((record) => ('address' in record ? record.address : `${record.type} ${record.target}`)) ?? [];
  return `${read?.code} ${records.join(' ')}`.trim();
}

describe('names', () => {
  const cases: [name: string, type: keyof typeof recordTypes, expected: string][] = [
    [`reviews.${short.svc}`, 'A', '0 10.96.1.2'],
    [`REVIEWS.Default.svc.cluster.local`, 'A', '0 10.96.1.2'],
    [`reviews.${short.svc}`, 'AAAA', '0'],
    [`reviews.${short.svc}`, 'ANY', '0 10.96.1.2'],
    [`nothing.${short.svc}`, 'A', '3'],
    ['reviews.other.svc.cluster.local', 'A', '3'],
    [`below.reviews.${short.svc}`, 'A', '3'],
    ['cluster.local', 'A', '0'],
    ['svc.cluster.local', 'A', '0'],
    ['default.svc.cluster.local', 'A', '0'],
    ['pod.cluster.local', 'A', '3'],
    ['constructor.default.svc.cluster.local', 'A', '3'],
    [`nodes.${short.svc}`, 'A', '0 10.44.0.7 10.44.0.8'],
    [`n0.nodes.${short.svc}`, 'A', '0 10.44.0.7'],
    [`10-44-0-8.nodes.${short.svc}`, 'A', '0 10.44.0.8'],
    [`10-44-0-9.nodes.${short.svc}`, 'A', '3'],
    [`_http._tcp.reviews.${short.svc}`, 'A', '0'],
    [`_nope._tcp.reviews.${short.svc}`, 'SRV', '3'],
    [`away.${short.svc}`, 'A', '0 CNAME example.test 192.0.2.1'],
    [`alias.${short.svc}`, 'A', '0 CNAME reviews.default.svc.cluster.local 10.96.1.2'],
    [`loop.${short.svc}`, 'A', '2'],
    ['example.test', 'A', '0 192.0.2.1'],
    ['none.test', 'A', '3'],
    ['dead.test', 'A', '2'],
    ['9.9.44.10.in-addr.arpa', 'PTR', '3'],
  ];
  for (const [name, type, expected] of cases)
    test(`${name} ${type}`, async () => assert.equal(await ask(name, type), expected));
});

describe('the server', { timeout: 30_000 }, () => {
  let server: DnsServer;
  const resolver = new Resolver();
  before(async () => {
    server = await startDnsServer({ address: '127.0.0.1', port: 0, zone: () => zone, forward });
    resolver.setServers([`127.0.0.1:${server.port}`]);
  });
  after(() => server.close());
  test('a resolver of others reads the answers', async () => {
    assert.deepEqual(await resolver.resolve4(`reviews.${short.svc}`, { ttl: true }), [
      { address: '10.96.1.2', ttl: 5 },
    ]);
    await assert.rejects(resolver.resolve6(`reviews.${short.svc}`), { code: 'ENODATA' });
    await assert.rejects(resolver.resolve4(`nothing.${short.svc}`), { code: 'ENOTFOUND' });
    const [srv] = await resolver.resolveSrv(`_http._tcp.reviews.${short.svc}`);
    assert.deepEqual([srv?.name, srv?.port, srv?.priority], [`reviews.${short.svc}`, 9080, 0]);
    assert.deepEqual(
      (await resolver.resolveSrv(`_http._tcp.nodes.${short.svc}`))
        .map(({ name, port }) => `${name}:${port}`)
        .toSorted(),
      [`10-44-0-8.nodes.${short.svc}:8080`, `n0.nodes.${short.svc}:8080`],
    );
    assert.deepEqual(await resolver.resolvePtr('2.1.96.10.in-addr.arpa'), [`reviews.${short.svc}`]);
    assert.deepEqual(await resolver.reverse('10.44.0.7'), [`n0.nodes.${short.svc}`]);
    assert.deepEqual(await resolver.resolve4('example.test'), ['192.0.2.1']);
  });
  test('an answer that is too large for UDP comes over TCP', async () => {
    assert.equal((await resolver.resolve4(`many.${short.svc}`)).length, 300);
  });
  test('queries in pieces and in numbers on one connection', async () => {
    const socket = connect(server.port, '127.0.0.1');
    await once(socket, 'connect');
    const query = encodeQuery(9, `reviews.${short.svc}`, recordTypes.A);
    const framed = Buffer.concat([Buffer.of(0, query.length), query]);
    for (const byte of framed) socket.write(Buffer.of(byte));
    socket.write(Buffer.concat(Array.from({ length: 99 }, () => framed)));
    socket.end();
    let size = 0;
    for await (const chunk of socket as AsyncIterable<Buffer>) size += chunk.length;
    const one = (await answer(query, 'tcp'))?.length ?? 0;
    assert.equal(size, 100 * (one + 2));
  });
  test('nonsense over UDP is not answered and does no harm', async () => {
    const socket = createSocket('udp4');
    for (const bytes of [new Uint8Array(3), new Uint8Array(500).fill(255), Buffer.from('GET / HTTP/1.1\r\n\r\n')])
      socket.send(bytes, server.port, '127.0.0.1');
    assert.deepEqual(await resolver.resolve4(`reviews.${short.svc}`), ['10.96.1.2']);
    socket.close();
  });
  test('a port that is taken is an error', async () => {
    await assert.rejects(startDnsServer({ address: '127.0.0.1', port: server.port, zone: () => zone, forward }), {
      code: 'address-in-use',
    });
  });
});

describe('bytes', () => {
  test('any bytes are read without an exception, and answers fit', async () => {
    const valid = encodeQuery(1, `many.${short.svc}`, recordTypes.A);
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 600 }),
      fc.array(fc.record({ at: fc.nat(valid.length - 1), to: fc.nat(255) }), { maxLength: 4 }).map((changes) => {
        const copy = Uint8Array.from(valid);
        for (const { at, to } of changes) copy[at] = to;
        return copy;
      }),
    );
    await fc.assert(
      fc.asyncProperty(bytes, fc.constantFrom('udp' as const, 'tcp' as const), async (query, over) => {
        const response = await answer(query, over);
        readAnswers(query, 1);
        if (response !== undefined) assert.ok(response.length <= (over === 'udp' ? 1232 : maxMessageBytes));
        if (response !== undefined && decodeQuery(query).kind === 'query')
          assert.notEqual(readAnswers(response, ((query[0] ?? 0) << 8) | (query[1] ?? 0)), undefined);
      }),
      { numRuns: 2000 },
    );
  });
  test('compressed names are followed, loops are not', () => {
    const query = encodeQuery(5, 'a.test', 1);
    const record = Buffer.concat([Buffer.of(0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4), Buffer.of(192, 0, 2, 9)]);
    const response = Buffer.concat([query, record]);
    response[2] = 0x81;
    response[7] = 1;
    assert.deepEqual(readAnswers(response, 5)?.records, [{ type: 'A', name: 'a.test', address: '192.0.2.9' }]);
    response[query.length + 1] = query.length;
    assert.equal(readAnswers(response, 5), undefined);
    assert.equal(readAnswers(response, 6), undefined);
  });
  test('what is no plain query', () => {
    const query = Buffer.from(encodeQuery(5, 'a.test', 1));
    const changed = (at: number, to: number): string => {
      const copy = Buffer.from(query);
      copy[at] = to;
      const decoded = decodeQuery(copy);
      return decoded.kind === 'bad' ? `${decoded.id} ${decoded.code}` : decoded.kind;
    };
    assert.deepEqual(
      [changed(2, 0x81), changed(2, 0x28), changed(5, 2), changed(12, 200), changed(query.length - 1, 3)],
      ['ignore', '5 4', '5 1', '5 1', '5 5'],
    );
    assert.deepEqual([...addressBytes('fd00::1:2')].slice(12), [0, 1, 0, 2]);
    assert.deepEqual([...addressBytes('::ffff:1.2.3.4')].slice(10), [255, 255, 1, 2, 3, 4]);
    assert.equal(responseCodes.noError, 0);
  });
});
