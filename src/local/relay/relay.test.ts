import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { encodeQuery, readAnswers } from '../dns/forwarded.ts';
import { decodeQuery, encodeResponse, recordTypes } from '../dns/message.ts';
import { serveTcpMessages } from '../dns/tcp-messages.ts';
import { createDnsForward, startDnsRelay } from './dns-relay.ts';
import { createEgressFilter, startEgressRelay } from './egress-relay.ts';
import { parseResolvConf, readHostResolvers, resolveOutside } from './host-resolvers.ts';
import type { Listening } from './listen.ts';
import { createOutsideHosts } from './outside-hosts.ts';
import { parseProxyHeader } from './proxy-header.ts';
import { openDoor, publishPort } from './publish.ts';

let folder: string;
const closing: (() => unknown)[] = [];
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mizzen-relay-'));
});
after(async () => {
  for (const close of closing.toReversed()) await close();
  await rm(folder, { recursive: true, force: true });
});
const kept = async (listening: Promise<Listening>): Promise<Listening> => {
  const made = await listening;
  closing.push(() => made.close());
  return made;
};
/** A server of a test; what it does with a connection is the test's. */
async function serve(onConnection: (socket: Socket) => void): Promise<number> {
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    onConnection(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => server.close());
  return (server.address() as AddressInfo).port;
}
async function readAll(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
/** How a connection ends: what came, and whether it was aborted. */
async function outcome(socket: Socket): Promise<string> {
  let text = '';
  let end = 'closed';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  socket.on('end', () => (end = 'ended'));
  socket.on('error', (error) => (end = 'code' in error ? String(error.code) : error.message));
  await once(socket, 'close').catch(() => undefined);
  return `${end} ${text}`.trim();
}

describe('publishing', { timeout: 30_000 }, () => {
  const publish = async (target: () => number | undefined): Promise<number> => {
    const door = join(folder, `door-${closing.length}`);
    await kept(
      openDoor(door, () => {
        const port = target();
        return port === undefined ? undefined : { kind: 'tcp', host: '127.0.0.1', port };
      }),
    );
    return (await kept(publishPort({ port: 20_000, door }))).port;
  };
  test('the answer comes after the end of the question', async () => {
    const inner = await serve((socket) => void readAll(socket).then((text) => socket.end(text.toUpperCase())));
    const port = await publish(() => inner);
    const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    client.end('hello');
    assert.equal(await readAll(client), 'HELLO');
  });
  test('the next free port is taken; a port that is insisted on is an error', async () => {
    const taken = await serve((socket) => socket.destroy());
    const next = await kept(publishPort({ port: taken, door: join(folder, 'none') }));
    assert.ok(next.port > taken && next.port <= taken + 100);
    await assert.rejects(publishPort({ port: taken, further: 0, door: join(folder, 'none') }), { code: 'port-in-use' });
  });
  test('the target is asked for at each connection, and none is an abort', async () => {
    const first = await serve((socket) => socket.end('first'));
    const second = await serve((socket) => socket.end('second'));
    let target: number | undefined = first;
    const port = await publish(() => target);
    assert.equal(await readAll(connect(port, '127.0.0.1')), 'first');
    target = second;
    assert.equal(await readAll(connect(port, '127.0.0.1')), 'second');
    target = undefined;
    assert.match(await outcome(connect(port, '127.0.0.1')), /^(?:ended|closed|ECONNRESET)$/u);
  });
  test('an abort on either side reaches the other, to one who still sends as an abort', async () => {
    const { promise: ended, resolve } = Promise.withResolvers<string>();
    const inner = await serve((socket) => {
      const timer = setInterval(() => socket.write('hi'), 1);
      socket.on('close', () => clearInterval(timer));
      void outcome(socket).then(resolve);
    });
    const client = connect(await publish(() => inner), '127.0.0.1');
    await once(client, 'data');
    client.resetAndDestroy();
    assert.match(await ended, /^(?:ECONNRESET|EPIPE)/u);
    const rude = await serve((socket) => {
      socket.write('hi');
      setTimeout(() => socket.resetAndDestroy(), 20);
    });
    assert.match(await outcome(connect(await publish(() => rude), '127.0.0.1')), /^(?:ended|ECONNRESET) hi$/u);
  });
  test('who does not read holds the writer back', async () => {
    let written = 0;
    let stopped = false;
    const inner = await serve((socket) => {
      const chunk = Buffer.alloc(65_536);
      const write = (): void => {
        while (written < 256 * chunk.length * 16) {
          written += chunk.length;
          if (!socket.write(chunk)) {
            socket.once('drain', write);
            return;
          }
        }
        stopped = true;
        socket.end();
      };
      write();
    });
    const client = connect(await publish(() => inner), '127.0.0.1');
    await once(client, 'connect');
    client.pause();
    let before = -1;
    while (before !== written) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.equal(stopped, false);
    assert.ok(written < 64 * 1024 * 1024, `${written} bytes were written to one who does not read`);
    let size = 0;
    for await (const chunk of client as AsyncIterable<Buffer>) size += chunk.length;
    assert.equal(size, written);
  });
});

describe('the way out', { timeout: 30_000 }, () => {
  const socketPath = (): string => join(folder, `egress-${closing.length}`);
  const v1 = (host: string, port: number): Buffer => Buffer.from(`PROXY TCP4 10.44.0.2 ${host} 5000 ${port}\r\n`);
  const v2 = (host: string, port: number, extra = 0): Buffer => {
    const head = Buffer.from([
      0x0d,
      0x0a,
      0x0d,
      0x0a,
      0,
      0x0d,
      0x0a,
      0x51,
      0x55,
      0x49,
      0x54,
      0x0a,
      0x21,
      0x11,
      0,
      12 + extra,
      10,
      44,
      0,
      2,
      ...host.split('.').map(Number),
      0,
      1,
      port >> 8,
      port & 255,
    ]);
    return Buffer.concat([head, Buffer.alloc(extra)]);
  };
  const echo = (): Promise<number> => serve((socket) => void readAll(socket).then((text) => socket.end(`got ${text}`)));
  async function call(path: string, head: Buffer, text: string): Promise<string> {
    const client = connect({ path, allowHalfOpen: true });
    client.end(Buffer.concat([head, Buffer.from(text)]));
    return outcome(client);
  }
  test('the header says where to, in either version, whole or byte by byte', async () => {
    const path = socketPath();
    const port = await echo();
    await kept(startEgressRelay({ socketPath: path, policy: { allowLoopback: true }, hosts: createOutsideHosts([]) }));
    assert.equal(await call(path, v1('127.0.0.1', port), 'one'), 'ended got one');
    assert.equal(await call(path, v2('127.0.0.1', port), 'two'), 'ended got two');
    assert.equal(await call(path, v2('127.0.0.1', port, 30), 'three'), 'ended got three');
    const slow = connect({ path, allowHalfOpen: true });
    for (const byte of v2('127.0.0.1', port)) {
      slow.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    slow.end('four');
    assert.equal(await readAll(slow), 'got four');
  });
  test("the host's own addresses only where they are allowed; nonsense never", async () => {
    const path = socketPath();
    const port = await echo();
    await kept(startEgressRelay({ socketPath: path, policy: {}, hosts: createOutsideHosts([]) }));
    for (const head of [
      v1('127.0.0.1', port),
      v1('169.254.169.254', 80),
      v2('0.0.0.0', port),
      v1('255.255.255.255', 80),
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Buffer.from('PROXY UNKNOWN\r\n'),
      v1('240.241.9.9', 80),
    ]) {
      assert.match(await call(path, head, 'x'), /^(?:closed|ended|ECONNRESET)$/u, head.toString('latin1'));
    }
    const allows = createEgressFilter({ allowLinkLocal: true });
    assert.deepEqual(
      ['8.8.8.8', '169.254.1.1', 'fe80::1', '::1', '::ffff:127.0.0.1', '127.1.2.3', '2001:db8::1', '240.0.0.1'].map(
        allows,
      ),
      [true, true, true, false, false, false, true, false],
    );
  });
  test('an outside name leads to its stand-in, and its other ports nowhere', async () => {
    const path = socketPath();
    const port = await echo();
    const hosts = createOutsideHosts([
      { host: 'HTTPBIN.org.', port: 80, to: `127.0.0.1:${port}` },
      { host: 'httpbin.org', port: 443, to: `[::1]:${port}` },
      { host: 'other.test', port: 80, to: join(folder, 'stand-in') },
    ]);
    assert.deepEqual(
      [hosts.addressOf('httpbin.org'), hosts.addressOf('other.test'), hosts.addressOf('third.test')],
      ['240.241.0.1', '240.241.0.2', undefined],
    );
    await kept(startEgressRelay({ socketPath: path, policy: {}, hosts }));
    assert.equal(await call(path, v1('240.241.0.1', 80), 'hi'), 'ended got hi');
    assert.match(await call(path, v1('240.241.0.1', 81), 'hi'), /^(?:closed|ended|ECONNRESET)$/u);
    assert.throws(() => createOutsideHosts([{ host: 'a', port: 1, to: 'localhost' }]), { code: 'outside-invalid' });
  });
  test('any bytes are a header, not one, or not yet one', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.constantFrom(v1('192.0.2.1', 80), v2('192.0.2.1', 80), Buffer.alloc(0)),
        fc.nat(40),
        (noise, start, cut) => {
          const bytes = Buffer.concat([start.subarray(0, cut), noise]);
          const header = parseProxyHeader(bytes);
          if (header.kind === 'header') assert.ok(header.length <= bytes.length && header.port > 0);
        },
      ),
      { numRuns: 2000 },
    );
    for (const whole of [v1('192.0.2.1', 80), v2('192.0.2.1', 80, 7)]) {
      for (let i = 0; i < whole.length; i++) assert.equal(parseProxyHeader(whole.subarray(0, i)).kind, 'more');
      assert.deepEqual(parseProxyHeader(whole), { kind: 'header', host: '192.0.2.1', port: 80, length: whole.length });
    }
    assert.deepEqual(parseProxyHeader(Buffer.from('PROXY TCP6 ::1 2001:db8::1 1 443\r\nrest')), {
      kind: 'header',
      host: '2001:db8::1',
      port: 443,
      length: 34,
    });
    assert.equal(parseProxyHeader(Buffer.from('PROXY TCP4 1.1.1.1 2.2.2.2 1 70000\r\n')).kind, 'bad');
  });
});

describe('names outside', { timeout: 30_000 }, () => {
  const answerTo = (query: Uint8Array, count: number, maxBytes: number): Uint8Array => {
    const decoded = decodeQuery(query);
    assert.ok(decoded.kind === 'query');
    const { name } = decoded.query;
    const answers = Array.from(
      { length: count },
      (_, i) => ({ type: 'A', name, address: `192.0.2.${i % 250}` }) as const,
    );
    return encodeResponse(decoded.query, { code: 0, answers }, maxBytes);
  };
  /** A resolver: silent, failing, or answering with so many addresses. */
  async function resolver(behaviour: 'fails' | 'lies' | number): Promise<{ host: string; port: number }> {
    const count = typeof behaviour === 'number' ? behaviour : 1;
    const port = await serve((socket) => {
      serveTcpMessages(socket, (query) => Promise.resolve(answerTo(query, count, 65_535)));
    });
    const udp = createSocket('udp4');
    udp.on('message', (query, from) => {
      const response = Buffer.from(answerTo(query, behaviour === 'fails' ? 0 : count, 512));
      if (behaviour === 'fails') response[3] = (response[3] ?? 0) | 2;
      const lie = Buffer.from(response);
      lie[0] = (lie[0] ?? 0) ^ 255;
      if (behaviour === 'lies') udp.send(lie, from.port);
      udp.send(response, from.port);
    });
    udp.bind(port, '127.0.0.1');
    await once(udp, 'listening');
    closing.push(() => udp.close());
    return { host: '127.0.0.1', port };
  }
  const addresses = (response: Uint8Array): number => readAnswers(response, 77)?.records.length ?? -1;
  const query = encodeQuery(77, 'example.test', recordTypes.A);
  test('an answer over UDP, a long one over TCP, a lie left aside, the next resolver after a failure', async () => {
    assert.equal(addresses(await resolveOutside(query, [await resolver(2)])), 2);
    assert.equal(addresses(await resolveOutside(query, [await resolver(100)])), 100);
    assert.equal(addresses(await resolveOutside(query, [await resolver('lies')])), 1);
    const closed = { host: '127.0.0.1', port: 1 };
    assert.equal(addresses(await resolveOutside(query, [closed, await resolver('fails'), await resolver(3)])), 3);
    assert.equal(readAnswers(await resolveOutside(query, [await resolver('fails')]), 77)?.code, 2);
    await assert.rejects(resolveOutside(query, [closed]), { code: 'dns-unanswered' });
  });
  test('through the relay: stand-ins by their addresses, others by the resolvers, and failures as such', async () => {
    const path = join(folder, 'dns');
    const resolvers = [await resolver(4)];
    const hosts = createOutsideHosts([{ host: 'httpbin.org', port: 80, to: '127.0.0.1:1' }]);
    await kept(
      startDnsRelay(path, hosts, (given) =>
        decodeQuery(given).kind === 'query' && Buffer.from(given).includes('dead')
          ? Promise.reject(new Error('dead'))
          : resolveOutside(given, resolvers),
      ),
    );
    const forward = createDnsForward(path);
    const records = async (name: string, type: keyof typeof recordTypes): Promise<unknown> =>
      readAnswers(await forward(encodeQuery(77, name, recordTypes[type])), 77);
    assert.deepEqual(await records('httpbin.org', 'A'), {
      code: 0,
      records: [{ type: 'A', name: 'httpbin.org', address: '240.241.0.1' }],
    });
    assert.deepEqual(await records('httpbin.org', 'AAAA'), { code: 0, records: [] });
    assert.equal(addresses(await forward(query)), 4);
    assert.deepEqual(await records('dead.test', 'A'), { code: 2, records: [] });
    await assert.rejects(createDnsForward(join(folder, 'nobody'))(query), { code: 'dns-unanswered' });
  });
  test('resolv.conf', async () => {
    const text =
      '# c\nsearch a.b\nnameserver 192.0.2.1\n  nameserver\t2001:db8::1 # x\nnameserver fe80::1%eth0\nnameserver wrong\nnameserver 192.0.2.3\noptions ndots:5';
    assert.deepEqual(
      parseResolvConf(text).map(({ host }) => host),
      ['192.0.2.1', '2001:db8::1', 'fe80::1'],
    );
    assert.deepEqual(
      parseResolvConf('').map(({ host }) => host),
      ['127.0.0.1'],
    );
    await assert.rejects(readHostResolvers(join(folder, 'none')), { code: 'no-resolvers' });
  });
});
