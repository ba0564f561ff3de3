/** A request through each of the compiler's goldens: what they are for, said by what becomes of it. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import type { JsonObject } from '../../src/base/json.ts';
import { listAt, numberAt, objectAt, textAt } from '../../src/simulate/members.ts';
import type { SimulatedRequest, Verdict } from '../../src/simulate/request.ts';
import { simulate } from '../../src/simulate/simulate.ts';

const folder = join(import.meta.dirname, '../../src/compile/testdata');
const asked = new Set<string>();

function golden(name: string): JsonObject {
  asked.add(name);
  return parse(readFileSync(join(folder, `${name}.out.yaml`), 'utf8')) as JsonObject;
}

const request: SimulatedRequest = {
  address: '10.96.0.1',
  port: 9080,
  protocol: 'http',
  tls: 'plaintext',
  alpn: '',
  sni: '',
  direction: 'outbound',
  method: 'GET',
  path: '/',
  host: 'reviews',
  headers: {},
};

/** A request to a route configuration, by a listener that only leads to it. */
function routed(route: JsonObject, by: Partial<SimulatedRequest>): Verdict {
  const manager = { '@type': 'x.HttpConnectionManager', rds: { route_config_name: textAt(route, 'name') } };
  const listener: JsonObject = {
    name: 'any',
    address: { socket_address: { address: '0.0.0.0', port_value: request.port } },
    filter_chains: [{ filters: [{ name: 'http', typed_config: manager }] }],
  };
  return simulate({ listeners: [listener], routes: [route], clusters: [] }, { ...request, ...by });
}

const reviews = (subset: string): string => `outbound|9080|${subset}|reviews.default.svc.cluster.local`;

test('jason sees v2, of everybody else one in five does', () => {
  const route = golden('weighted-route');
  assert.equal(routed(route, { headers: { 'end-user': 'jason' } }).cluster, reviews('v2'));
  assert.deepEqual(routed(route, {}).clusters, [
    { name: reviews('v1'), weight: 80 },
    { name: reviews('v2'), weight: 20 },
  ]);
  assert.equal(routed(route, { host: 'elsewhere.example.com' }).cluster, 'PassthroughCluster');
});

test('the subset keeps the limits of its host', () => {
  const cluster = golden('subset-cluster');
  assert.equal(textAt(cluster, 'name'), routed(golden('weighted-route'), { headers: { 'end-user': 'jason' } }).cluster);
  const [limits] = listAt(objectAt(cluster, 'circuit_breakers'), 'thresholds');
  assert.equal(numberAt(limits, 'max_connections'), 10);
  assert.equal(cluster['transport_socket_matches'], undefined, 'TLS is off');
});

test("the client's own zone comes first", () => {
  const priorities = listAt(golden('failover-endpoints'), 'endpoints').map((group) => [
    textAt(objectAt(group, 'locality'), 'zone'),
    numberAt(group, 'priority') ?? 0,
  ]);
  assert.deepEqual(priorities, [
    ['west', 0],
    ['east', 1],
  ]);
});

test('policy travels with the route that the request takes', () => {
  const route = golden('denied-path');
  assert.equal(routed(route, { path: '/admin/x' }).cluster, 'inbound|9080||');
  const [host] = listAt(route, 'virtual_hosts');
  assert.deepEqual(Object.keys(objectAt(host, 'typed_per_filter_config')), ['envoy.filters.http.rbac.deny']);
});

test('a page moved, a path is slow, the rest goes on, and other hosts are unknown', () => {
  const route = golden('gateway-route');
  const at = (path: string, host = 'shop.example.com'): Verdict => routed(route, { path, host });
  assert.equal(at('/old').status, 301);
  assert.equal(at('/slow/x').cluster, reviews(''));
  assert.equal(at('/').cluster, reviews(''));
  assert.equal(at('/', 'other.example.com').error, 'noVirtualHost');
});

test('a gateway passes TLS on by its name alone', () => {
  const resources = { listeners: [golden('gateway-tls')], routes: [], clusters: [] };
  const hello = { ...request, port: 8443, tls: 'tls', alpn: 'h2' } as const;
  assert.equal(simulate(resources, { ...hello, sni: 'raw.example.com' }).cluster, reviews(''));
  assert.equal(simulate(resources, { ...hello, sni: 'shop.example.com' }).error, 'noFilterChain');
  assert.equal(simulate(resources, { ...hello, tls: 'plaintext' }).error, 'noFilterChain');
});

test('every golden has its request', () => {
  const written = readdirSync(folder).flatMap((file) => (file.endsWith('.out.yaml') ? [file.slice(0, -9)] : []));
  assert.deepEqual(
    written.filter((name) => !asked.has(name)),
    [],
  );
});
