import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ProtoError } from './error.ts';
import {
  sampleAssignment,
  sampleBootstrap,
  sampleCluster,
  sampleListener,
  sampleRoutes,
  sampleSecret,
} from './samples.ts';
import { check } from './validate.ts';

const cluster = 'envoy.config.cluster.v3.Cluster';
const listener = 'envoy.config.listener.v3.Listener';
const routes = 'envoy.config.route.v3.RouteConfiguration';
const route = { match: { prefix: '/' }, route: { cluster: 'a' } };
const hosts = (host: object): unknown => ({ virtual_hosts: [{ name: 'a', domains: ['*'], ...host }] });

test('good resources break nothing', () => {
  assert.deepEqual(check(cluster, sampleCluster), []);
  assert.deepEqual(check(listener, sampleListener), []);
  assert.deepEqual(check(routes, sampleRoutes(2)), []);
  assert.deepEqual(check('envoy.config.endpoint.v3.ClusterLoadAssignment', sampleAssignment(2)), []);
  assert.deepEqual(check('envoy.extensions.transport_sockets.tls.v3.Secret', sampleSecret), []);
  assert.deepEqual(check('envoy.config.bootstrap.v3.Bootstrap', sampleBootstrap), []);
});

describe('what Envoy refuses, one each', () => {
  const manager =
    'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
  const cases: readonly (readonly [string, unknown, readonly string[]])[] = [
    [cluster, {}, ['name: must not be empty']],
    [cluster, { name: '' }, ['name: must not be empty']],
    [cluster, { name: 'a', connectTimeout: '0s' }, ['connect_timeout: must be more than 0s']],
    [cluster, { name: 'a', connect_timeout: '-0.5s' }, ['connect_timeout: must be more than 0s']],
    [cluster, { name: 'a', dns_refresh_rate: '0.001s' }, ['dns_refresh_rate: must be more than 0.001s']],
    [cluster, { name: 'a', type: 9 }, ['type: must be one of STATIC, STRICT_DNS, LOGICAL_DNS, EDS, ORIGINAL_DST']],
    [cluster, { name: 'a', lb_policy: 'CLUSTER_PROVIDED' }, []],
    [
      cluster,
      { name: 'a', health_checks: [{ timeout: '1s', interval: '1s', healthy_threshold: 1, unhealthy_threshold: 1 }] },
      [
        'health_checks[0]: one of http_health_check, tcp_health_check, grpc_health_check, custom_health_check must be set',
      ],
    ],
    [
      cluster,
      { name: 'a', outlier_detection: { max_ejection_percent: 101 } },
      ['outlier_detection.max_ejection_percent: must be at most 100'],
    ],
    [routes, hosts({}), []],
    [routes, hosts({ domains: [] }), ['virtual_hosts[0].domains: must have at least 1 elements']],
    [routes, hosts({ domains: undefined }), ['virtual_hosts[0].domains: must have at least 1 elements']],
    [routes, hosts({ domains: ['a\n'] }), ['virtual_hosts[0].domains[0]: must not contain NUL, CR or LF']],
    [routes, hosts({ routes: [{ ...route, match: undefined }] }), ['virtual_hosts[0].routes[0].match: must be set']],
    [
      routes,
      hosts({ routes: [{ match: { prefix: '/' } }] }),
      [
        'virtual_hosts[0].routes[0]: one of route, redirect, direct_response, filter_action, non_forwarding_action must be set',
      ],
    ],
    [
      routes,
      hosts({ routes: [{ ...route, match: { path_separated_prefix: '/a/' } }] }),
      ['virtual_hosts[0].routes[0].match.path_separated_prefix: must match ^[^?#]+[^?#/]$'],
    ],
    [
      routes,
      hosts({ routes: [{ match: { prefix: '/' }, direct_response: { status: 99 } }] }),
      ['virtual_hosts[0].routes[0].direct_response.status: must be at least 200'],
    ],
    [
      listener,
      { filter_chains: [{ filters: [{ name: 'x', typed_config: { '@type': manager, stat_prefix: 'a' } }] }] },
      ['filter_chains[0].filters[0].typed_config: one of rds, route_config, scoped_routes must be set'],
    ],
    ['envoy.type.matcher.v3.StringMatcher', { safe_regex: {} }, ['safe_regex.regex: must not be empty']],
  ];
  for (const [typeName, json, expected] of cases) {
    test(`${typeName} ${JSON.stringify(json).slice(0, 80)}`, () => {
      const texts = check(typeName, json).map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
      assert.deepEqual(texts, expected);
    });
  }
});

test('values of the wrong type are left to encode', () => {
  assert.deepEqual(check(cluster, { name: 'a', connect_timeout: 5, type: {}, health_checks: 'x', unknown: 1 }), []);
  assert.deepEqual(check(cluster, { name: 'a', connect_timeout: '1m' }), []);
  assert.deepEqual(check('envoy.config.core.v3.DataSource', { inline_bytes: '!' }), []);
  assert.deepEqual(check(cluster, []), []);
  assert.throws(() => check('no.Such', {}), ProtoError);
});
