import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { JsonObject } from '../base/json.ts';
import { chooseRoute, chooseVirtualHost } from './route-match.ts';
import type { ProxyResources, SimulatedRequest } from './request.ts';
import { simulate } from './simulate.ts';

const request: SimulatedRequest = {
  address: '10.0.0.1',
  port: 80,
  protocol: 'http',
  tls: 'plaintext',
  alpn: '',
  sni: '',
  direction: 'outbound',
  method: 'GET',
  path: '/',
  host: 'a',
  headers: {},
};

const tcp = (cluster: string): JsonObject => ({
  name: 'tcp',
  typed_config: { '@type': 'type.googleapis.com/x.TcpProxy', cluster },
});
const tls = { name: 'envoy.filters.listener.tls_inspector' };
const http = { name: 'envoy.filters.listener.http_inspector' };

function listening(chains: readonly JsonObject[], more: JsonObject = {}): ProxyResources {
  const address = { socket_address: { address: '0.0.0.0', port_value: 80 } };
  const named = chains.map((chain, i) => ({ filters: [tcp(String(i))], ...chain }));
  return { listeners: [{ name: 'l', address, filter_chains: named, ...more }], routes: [], clusters: [] };
}

const taken = (resources: ProxyResources, by: Partial<SimulatedRequest> = {}): string | undefined => {
  const verdict = simulate(resources, { ...request, ...by });
  return verdict.error ?? verdict.cluster;
};

describe('filter chains', () => {
  test('the longest range counts, whatever its place', () => {
    const range = (address_prefix: string, prefix_len: number): JsonObject => ({
      filter_chain_match: { prefix_ranges: [{ address_prefix, prefix_len }] },
    });
    const resources = listening([range('10.0.0.0', 8), range('10.0.0.0', 24), {}]);
    assert.equal(taken(resources), '1');
    assert.equal(taken(resources, { address: '10.9.0.1' }), '0');
    assert.equal(taken(resources, { address: '192.0.2.1' }), '2');
  });

  test('a name counts before its wildcard, and no name before neither', () => {
    const named = (...server_names: string[]): JsonObject => ({ filter_chain_match: { server_names } });
    const resources = listening([named('*.example.com'), named('a.example.com'), {}], { listener_filters: [tls] });
    assert.equal(taken(resources, { tls: 'tls', sni: 'a.example.com' }), '1');
    assert.equal(taken(resources, { tls: 'tls', sni: 'x.b.example.com' }), '0');
    assert.equal(taken(resources, { tls: 'tls', sni: 'example.org' }), '2');
    assert.equal(taken(resources), '2');
  });

  test('Envoy does not come back to chains without a transport protocol', () => {
    const chains = [
      { filter_chain_match: { transport_protocol: 'raw_buffer', application_protocols: ['http/1.1'] } },
      {},
    ];
    const resources = listening(chains, { listener_filters: [tls, http] });
    assert.equal(taken(resources), '0');
    assert.equal(taken(resources, { protocol: 'tcp' }), 'noFilterChain');
    assert.equal(taken(resources, { tls: 'tls', alpn: 'h2' }), '1');
  });

  test('two alike are an error, and the default one is the last resort', () => {
    assert.equal(taken(listening([{}, {}])), 'multipleFilterChains');
    const other = { filter_chain_match: { destination_port: 1 } };
    assert.equal(taken(listening([other], { default_filter_chain: { filters: [tcp('rest')] } })), 'rest');
    assert.equal(taken(listening([other])), 'noFilterChain');
    assert.equal(taken(listening([{}]), { port: 81 }), 'noListener');
  });

  test('a chain that wants the certificate of the mesh takes nothing else', () => {
    const secured = (name: string): JsonObject => ({
      transport_socket: {
        typed_config: {
          require_client_certificate: true,
          common_tls_context: { tls_certificate_sds_secret_configs: [{ name }] },
        },
      },
    });
    const resources = listening([secured('default')]);
    assert.equal(taken(resources), 'tlsError');
    assert.equal(taken(resources, { tls: 'tls' }), 'mtlsError');
    assert.equal(taken(resources, { tls: 'mtls' }), '0');
    assert.equal(taken(listening([secured('other')]), { tls: 'mtls' }), 'mtlsError');
  });
});

describe('virtual hosts and routes', () => {
  const hosts = (...names: string[]): JsonObject => ({
    ignore_port_in_host_matching: true,
    virtual_hosts: names.map((name) => ({ name, domains: [name] })),
  });

  test('a name counts before *.suffix, then prefix.*, then *', () => {
    const config = hosts('*', 'a.*', '*.example.com', '*.b.example.com', 'a.b.example.com');
    const of = (host: string): unknown => chooseVirtualHost(config, host)?.['name'];
    assert.equal(of('A.b.example.com:80'), 'a.b.example.com');
    assert.equal(of('x.b.example.com'), '*.b.example.com');
    assert.equal(of('x.example.com'), '*.example.com');
    assert.equal(of('a.org'), 'a.*');
    assert.equal(of('b.org'), '*');
    assert.equal(chooseVirtualHost(hosts('a'), 'b'), undefined);
  });

  const matched = (match: JsonObject, by: Partial<SimulatedRequest>): boolean =>
    chooseRoute({ routes: [{ match }] }, { ...request, ...by }) !== undefined;

  test('paths, headers and query parameters all have to match', () => {
    assert.ok(matched({ prefix: '/a' }, { path: '/ab?x=1' }));
    assert.ok(!matched({ path: '/a' }, { path: '/A' }));
    assert.ok(matched({ path: '/a', case_sensitive: false }, { path: '/A' }));
    assert.ok(matched({ safe_regex: { regex: '/a/[0-9]+' } }, { path: '/a/12' }));
    assert.ok(!matched({ safe_regex: { regex: '/a' } }, { path: '/ab' }), 'the whole path has to match');
    const query = { prefix: '/', query_parameters: [{ name: 'x', string_match: { exact: '1' } }] };
    assert.ok(matched(query, { path: '/?x=1' }));
    assert.ok(!matched(query, { path: '/?x=2' }));
    const method = { prefix: '/', headers: [{ name: ':method', string_match: { exact: 'POST' } }] };
    assert.ok(!matched(method, {}));
    assert.ok(matched(method, { method: 'POST' }));
  });

  test('a header that must not have a value may be absent', () => {
    const without = {
      prefix: '/',
      headers: [{ name: 'x', string_match: { exact: '1' }, invert_match: true, treat_missing_header_as_empty: true }],
    };
    assert.ok(matched(without, {}));
    assert.ok(matched(without, { headers: { x: '2' } }));
    assert.ok(!matched(without, { headers: { x: '1' } }));
    const present = { prefix: '/', headers: [{ name: 'x', present_match: true, invert_match: true }] };
    assert.ok(matched(present, {}));
    assert.ok(!matched(present, { headers: { x: '1' } }));
  });

  test('the verdict says what was chosen and why', () => {
    const manager = {
      name: 'http',
      typed_config: { '@type': 'x.HttpConnectionManager', rds: { route_config_name: '80' } },
    };
    const clusters = [
      { name: 'v1', weight: 90 },
      { name: 'v2', weight: 10 },
    ];
    const route = { name: 'r', match: { prefix: '/' }, route: { weighted_clusters: { clusters } } };
    const routes = [{ name: '80', virtual_hosts: [{ name: 'a:80', domains: ['a'], routes: [route] }] }];
    const resources = { ...listening([{ name: 'c', filters: [manager] }]), routes };
    const { reasons, ...found } = simulate(resources, request);
    assert.deepEqual(found, {
      error: undefined,
      listener: 'l',
      chain: 'c',
      routeConfig: '80',
      virtualHost: 'a:80',
      route: 'r',
      cluster: 'v1',
      clusters,
    });
    assert.match(reasons.join('; '), /v1 \(90\), v2 \(10\)/u);
    assert.equal(taken(resources, { host: 'b' }), 'noVirtualHost');
    assert.equal(taken(resources, { protocol: 'tcp' }), 'protocolError');
    assert.equal(taken(resources, { tls: 'tls' }), 'protocolError');
  });
});
