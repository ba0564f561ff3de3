/** Istio's defaults, one assertion each, on real Envoys. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { dial, exchange, get, type Answer, type RequestParts, type Way } from './live/raw-http.ts';
import { startWorld, type World } from './live/world.ts';

let world: World;

before(async () => {
  world = await startWorld();
});
after(async () => world.stop());

/** A call of the client's application to an address of the mesh. */
function outbound(address: string, port: number): Way {
  return { host: world.at.client, port: 15_001, dialled: { address, port } };
}

const virtualIps: Readonly<Record<string, string>> = {
  reviews: '10.96.0.1',
  plain: '10.96.0.2',
  dead: '10.96.0.3',
  half: '10.96.0.4',
  impostor: '10.96.0.8',
  hello: '10.96.0.9',
};

async function call(host: string, path = '/', parts: RequestParts = {}): Promise<Answer> {
  return get(outbound(virtualIps[host] ?? '192.0.2.1', 9080), path, { host, ...parts });
}

async function throughGateway(path: string, parts: RequestParts = {}): Promise<Answer> {
  const way = {
    host: world.at.gateway,
    port: 8080,
    dialled: { address: world.at.gateway, port: 8080 },
    from: '203.0.113.9',
  };
  return get(way, path, { host: 'shop.example.com', ...parts });
}

/** Headers as the application behind the proxies saw them. */
function headersSeen(answer: Answer): Readonly<Record<string, string>> {
  assert.equal(answer.status, 200, answer.body);
  return (JSON.parse(answer.body) as { headers: Record<string, string> }).headers;
}

async function retriesOf(cluster: string, action: () => Promise<unknown>): Promise<number> {
  const name = `cluster.${cluster}.upstream_rq_retry`;
  const before = await world.client.stat(name);
  await action();
  return (await world.client.stat(name)) - before;
}

const local = (host: string, port = 9080): string => `outbound|${port}||${host}.default.svc.cluster.local`;

describe('retries', () => {
  test('two after a failed connection', async () => {
    const retries = await retriesOf(local('dead'), async () => assert.equal((await call('dead')).status, 503));
    assert.equal(retries, 2);
  });

  test('two after a refused stream', async () => {
    const way = outbound('10.96.0.5', 9090);
    const answer = await get(way, '/', { host: 'refusing', method: 'POST' });
    assert.equal(answer.status, 503);
    assert.equal(world.refusing.seen.length, 3);
  });

  for (const status of [500, 503]) {
    test(`none after an answer of ${status}`, async () => {
      const retries = await retriesOf(local('plain'), async () =>
        assert.equal((await call('plain', `/status/${status}`)).status, status),
      );
      assert.equal(retries, 0);
    });
  }

  test('they avoid the host that failed', async () => {
    // Picks are random: three that forget each other would all miss in one of eight requests, 25 of these.
    let failures = 0;
    for (let i = 0; i < 200; i++) if ((await call('half')).status !== 200) failures++;
    assert.ok(failures <= 5, `${failures} of 200 failed`);
  });
});

describe('limits', () => {
  interface Dump {
    readonly configs: readonly {
      readonly static_clusters?: readonly { readonly cluster: Readonly<Record<string, unknown>> }[];
      readonly static_route_configs?: readonly { readonly route_config: Readonly<Record<string, unknown>> }[];
    }[];
  }
  const dump = async (): Promise<Dump> => JSON.parse(await world.client.admin('/config_dump')) as Dump;
  const cluster = async (name: string): Promise<Readonly<Record<string, unknown>> | undefined> =>
    (await dump()).configs
      .flatMap((config) => config.static_clusters ?? [])
      .map((each) => each.cluster)
      .find((each) => each['name'] === name);

  test('no breaker ever opens', async () => {
    const lines = (await world.client.admin('/clusters')).split('\n');
    for (const limit of ['max_connections', 'max_pending_requests', 'max_requests', 'max_retries']) {
      assert.ok(lines.includes(`${local('plain')}::default_priority::${limit}::4294967295`), limit);
    }
  });

  test('a connection has to stand within 10 s', async () => {
    assert.equal((await cluster(local('plain')))?.['connect_timeout'], '10s');
  });

  test('the least busy of two endpoints gets a request', async () => {
    assert.equal((await cluster(local('plain')))?.['lb_policy'], 'LEAST_REQUEST');
  });

  test('a route has no limit of time', async () => {
    const routes = JSON.stringify((await dump()).configs.flatMap((config) => config.static_route_configs ?? []));
    assert.match(routes, /"timeout":"0s"/u);
    assert.doesNotMatch(routes, /"timeout":"(?!0s)/u);
  });
});

describe('what the mesh does not know', () => {
  test('an unknown host goes where the application dialled', async () => {
    const answer = await get(outbound(world.at.outside, 9080), '/', { host: 'unknown.example.com' });
    assert.equal(answer.status, 200);
  });

  test('so does an unknown port', async () => {
    const answer = await get(outbound('127.0.0.1', world.app.port), '/', { host: 'unknown.example.com' });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['server'], undefined, 'it is passed on unread');
  });

  test('a gateway answers 404 for a host that it does not serve', async () => {
    assert.equal((await throughGateway('/', { host: 'other.example.com' })).status, 404);
  });

  test('a subset without endpoints is told', async () => {
    const answer = await get(outbound('192.0.2.1', 80), '/', { host: 'empty.example.com' });
    assert.deepEqual([answer.status, answer.body], [503, 'no healthy upstream']);
  });
});

describe('with REGISTRY_ONLY', () => {
  let closed: World;
  before(async () => {
    closed = await startWorld({ outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } });
  });
  after(async () => closed.stop());
  const way = (port: number): Way => ({
    host: closed.at.client,
    port: 15_001,
    dialled: { address: closed.at.outside, port },
  });

  test('an unknown host is answered 502', async () => {
    assert.equal((await get(way(9080), '/', { host: 'unknown.example.com' })).status, 502);
  });

  test('an unknown port is closed', async () => {
    assert.equal((await get(way(7777), '/', { host: 'unknown.example.com' })).status, 0);
  });

  test('what the mesh knows is served', async () => {
    const to = { host: closed.at.client, port: 15_001, dialled: { address: '10.96.0.1', port: 9080 } };
    assert.equal((await get(to, '/')).status, 200);
  });
});

describe('protocols', () => {
  test('HTTP is found out on a port that says nothing', async () => {
    const answer = await get(outbound('10.96.0.6', 9999), '/', { host: 'sniffed' });
    assert.equal(answer.status, 200);
    assert.equal(headersSeen(answer)['x-envoy-attempt-count'], '1');
  });

  test('anything else passes through it', async () => {
    const socket = await dial(outbound('10.96.0.7', 9998));
    socket.write('some other protocol\n');
    const echoed = await new Promise<string>((resolve) => {
      socket.once('data', (data) => resolve(data.toString()));
      socket.once('close', () => resolve('nothing'));
    });
    socket.destroy();
    assert.equal(echoed, 'some other protocol\n');
  });

  test('HTTP/1.0 is told to upgrade', async () => {
    assert.equal((await call('plain', '/', { version: '1.0' })).status, 426);
  });

  test('websockets go through both proxies', async () => {
    const upgrade = 'GET / HTTP/1.1\r\nhost: reviews\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n';
    const got = await exchange(outbound('10.96.0.1', 9080), upgrade);
    assert.match(got, /^HTTP\/1\.1 101 [\s\S]*hello$/u);
  });

  test('paths are put in order, and slashes are left as they are', async () => {
    const answer = await call('reviews', '/a/../b//c');
    assert.equal((JSON.parse(answer.body) as { url: string }).url, '/b//c');
  });
});

describe('headers', () => {
  test('the proxy signs as istio-envoy', async () => {
    assert.equal((await throughGateway('/')).headers['server'], 'istio-envoy');
  });

  test('the application is told which try it is', async () => {
    assert.equal(headersSeen(await call('reviews'))['x-envoy-attempt-count'], '1');
  });

  test('the client is known to the application by its certificate', async () => {
    const certificate = headersSeen(await call('reviews'))['x-forwarded-client-cert'] ?? '';
    assert.match(certificate, /By=spiffe:\/\/cluster\.local\/ns\/default\/sa\/reviews;/u);
    assert.match(certificate, /URI=spiffe:\/\/cluster\.local\/ns\/default\/sa\/client$/u);
  });

  test('a gateway takes out what outsiders say of themselves', async () => {
    const headers = {
      'x-forwarded-client-cert': 'URI=spiffe://cluster.local/ns/default/sa/admin',
      'x-envoy-upstream-rq-timeout-ms': '1',
      'x-envoy-retry-on': '5xx',
      'x-envoy-decorator-operation': 'x',
    };
    const seen = headersSeen(await throughGateway('/', { headers }));
    assert.doesNotMatch(seen['x-forwarded-client-cert'] ?? '', /admin/u);
    assert.equal(seen['x-envoy-upstream-rq-timeout-ms'], undefined);
    assert.equal(seen['x-envoy-retry-on'], undefined);
    assert.equal(seen['x-envoy-decorator-operation'], undefined);
    assert.equal(seen['x-envoy-external-address'], '203.0.113.9');
  });
});

describe('mutual TLS', () => {
  const inClear = async (port: number, path = '/'): Promise<Answer> => get({ host: world.at.server, port }, path);

  test('sidecars use it on their own', async () => {
    assert.ok(headersSeen(await call('reviews'))['x-forwarded-client-cert'] !== undefined);
    assert.ok((await world.client.stat(`cluster.${local('reviews')}.ssl.handshake`)) > 0);
  });

  test('PERMISSIVE takes clear text as well', async () => {
    assert.equal(headersSeen(await inClear(9080))['x-forwarded-client-cert'], undefined);
  });

  test('STRICT takes mutual TLS only', async () => {
    assert.equal((await inClear(9081)).status, 0);
    assert.equal((await get(outbound('10.96.0.1', 9081), '/')).status, 200);
  });

  test('a server with another identity than its endpoints gets no request', async () => {
    const before = world.app.seen.length;
    const answer = await call('impostor');
    assert.equal(answer.status, 503);
    assert.ok((await world.client.stat(`cluster.${local('impostor')}.ssl.fail_verify_san`)) > 0);
    assert.equal(world.app.seen.length, before);
  });

  test('the hello names the cluster, and the protocols of the mesh', async () => {
    assert.equal((await call('hello')).status, 200);
    assert.deepEqual(world.hello.seen[0], {
      serverName: 'outbound_.9080_._.hello.default.svc.cluster.local',
      protocols: ['istio-http/1.1', 'istio', 'http/1.1'],
    });
  });

  test('a request that a policy refuses is told so', async () => {
    const answer = await call('reviews', '/denied');
    assert.deepEqual([answer.status, answer.body], [403, 'RBAC: access denied']);
  });
});
