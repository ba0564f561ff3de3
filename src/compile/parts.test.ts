/** Parts of the compiler that keep Envoy from refusing what users write. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { JsonObject } from '../base/json.ts';
import { inRange, isWide, rangeOf, sameAddress } from '../model/address.ts';
import { principals } from './authz/match.ts';
import { distinctChains } from './listener/distinct-chains.ts';
import { soundFormat } from './log-format.ts';
import { clusterSni, parseClusterName } from './names.ts';
import { needsOf } from './resource.ts';
import { boundedWeights } from './weights.ts';

describe('filter chains', () => {
  const chain = (name: string, match: JsonObject): JsonObject => ({ name, filter_chain_match: match });
  const left = (...chains: JsonObject[]): readonly unknown[] =>
    distinctChains(chains).map((each) => [each['name'], each['filter_chain_match'] ?? {}]);

  test('the first has what two claim, and the second what is left', () => {
    const found = left(chain('a', { server_names: ['x', 'Y'] }), chain('b', { server_names: ['y', 'z'] }));
    assert.deepEqual(found, [
      ['a', { server_names: ['x', 'y'] }],
      ['b', { server_names: ['z'] }],
    ]);
  });

  test('one that has nothing left is dropped', () => {
    assert.equal(left(chain('a', {}), chain('b', {})).length, 1);
    assert.equal(left(chain('a', { server_names: ['x'] }), chain('b', { server_names: ['X', 'x'] })).length, 1);
  });

  test('what Envoy tells apart stands beside each other', () => {
    const range = { address_prefix: '10.0.0.0', prefix_len: 8 };
    const chains = [
      chain('a', { server_names: ['x'] }),
      chain('b', { server_names: ['x'], prefix_ranges: [range] }),
      chain('c', { server_names: ['x'], transport_protocol: 'tls' }),
      chain('d', { server_names: ['x'], application_protocols: ['h2'] }),
    ];
    assert.equal(left(...chains).length, 4);
  });

  test('ranges are shared as names are', () => {
    const range = (address_prefix: string): JsonObject => ({ address_prefix, prefix_len: 8 });
    const found = left(
      chain('a', { prefix_ranges: [range('10.0.0.0')] }),
      chain('b', { prefix_ranges: [range('10.0.0.0'), range('11.0.0.0')] }),
    );
    assert.deepEqual(found[1], ['b', { prefix_ranges: [range('11.0.0.0')] }]);
  });
});

test('weights beyond what Envoy can add keep their proportion, and whoever has a share keeps one', () => {
  assert.deepEqual(boundedWeights([80, 20]), [80, 20]);
  const most = 2_147_483_647;
  const bounded = boundedWeights([most, most, most, 1, 0]);
  assert.ok(bounded.reduce((sum, weight) => sum + weight, 0) <= 4_294_967_295);
  assert.equal(bounded[0], bounded[2]);
  assert.deepEqual(bounded.slice(3), [1, 0]);
});

test('a format shows what Envoy does not know', () => {
  const kept = [
    '%PROTOCOL%',
    '%REQ(X-A?:PATH):20%',
    '%START_TIME(%Y-%m-%d)%',
    '%START_TIME%',
    'a%%b',
    '%METADATA(ROUTE:a:b)%',
  ];
  for (const format of kept) assert.equal(soundFormat(format), format);
  assert.equal(
    soundFormat('100% %FOO% %REQ% %PROTOCOL(x)% %DURATION:3%'),
    '100%% %%FOO%% %%REQ%% %%PROTOCOL(x)%% %%DURATION:3%%',
  );
  assert.equal(soundFormat('%REQ_WITHOUT_QUERY(:PATH)%'), '%%REQ_WITHOUT_QUERY(:PATH)%%');
  assert.equal(soundFormat('%REQ_WITHOUT_QUERY(:PATH)%', { withoutQuery: true }), '%REQ_WITHOUT_QUERY(:PATH)%');
});

test('a range is one text however its address is written', () => {
  assert.deepEqual(rangeOf('10.1.2.3/8'), { prefix: '10.0.0.0', lengthBits: 8 });
  assert.deepEqual(rangeOf('10.1.2.255/25'), { prefix: '10.1.2.128', lengthBits: 25 });
  assert.deepEqual(rangeOf('10.1.2.3'), { prefix: '10.1.2.3', lengthBits: 32 });
  assert.deepEqual(rangeOf('1234:1f1:123:123:f816:3eff:feb8:2287/32'), { prefix: '1234:1f1::', lengthBits: 32 });
  assert.deepEqual(rangeOf('::1'), { prefix: '::1', lengthBits: 128 });
  assert.deepEqual(rangeOf('fd00::/0'), { prefix: '::', lengthBits: 0 });
  assert.ok(isWide('10.0.0.0/8') && !isWide('10.0.0.1/32') && !isWide('10.0.0.1') && isWide('fd00::/32'));
  assert.ok(
    inRange('10.200.0.1', '10.0.0.0', 8) && !inRange('11.0.0.1', '10.0.0.0', 8) && !inRange('::1', '0.0.0.0', 0),
  );
  assert.ok(sameAddress('::1', '0:0:0:0:0:0:0:1') && !sameAddress('a', 'a'));
});

test('names are read as they are written', () => {
  assert.equal(clusterSni(9080, '', 'a.b'), 'outbound_.9080_._.a.b');
  assert.equal(clusterSni(9080, 'v1', 'a.b'), 'outbound_.9080_.v1_.a.b');
  const name = { direction: 'outbound', port: 80, subset: 'v1', host: 'a.b' };
  assert.deepEqual(parseClusterName('outbound|80|v1|a.b'), name);
  assert.equal(parseClusterName('BlackHoleCluster'), undefined);
});

test("a principal of the mesh's own domain is meant in all of its names", () => {
  const exact = (name: string): JsonObject => ({ authenticated: { principal_name: { exact: `spiffe://${name}` } } });
  assert.deepEqual(principals('new/ns/a/sa/b', ['new', 'old']), [exact('new/ns/a/sa/b'), exact('old/ns/a/sa/b')]);
  assert.deepEqual(principals('other/ns/a/sa/b', ['new', 'old']), [exact('other/ns/a/sa/b')]);
  const suffix = { authenticated: { principal_name: { safe_regex: { regex: 'spiffe://.*/sa/a\\.b' } } } };
  assert.deepEqual(principals('*/sa/a.b', ['new']), [suffix]);
});

test('what a piece of configuration needs is found wherever it stands', () => {
  const json: JsonObject = {
    name: 'x',
    route: { weighted_clusters: { clusters: [{ name: 'b' }, { name: 'a' }] } },
    mirror: [{ cluster: 'c' }],
    rds: { config_source: { ads: {} }, route_config_name: '80' },
    tls: { sds: { name: 'secret', sds_config: { ads: {} } } },
    metadata: { filter_metadata: { x: { cluster: 'not me' } } },
  };
  assert.deepEqual(
    needsOf(json).map(({ type, name }) => `${type} ${name}`),
    ['cluster a', 'cluster b', 'cluster c', 'secret secret', 'route 80'],
  );
});
