import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createCodec } from './codec.ts';
import { decode, encode, encodeField, envoyCodec } from './envoy.ts';
import { ProtoError } from './error.ts';
import { oracleDecode, oracleEncode } from './oracle.test.ts';
import {
  sampleAssignment,
  sampleBootstrap,
  sampleCluster,
  sampleListener,
  sampleRoutes,
  sampleSecret,
  sampleVirtualHost,
} from './samples.ts';

const cluster = 'envoy.config.cluster.v3.Cluster';
const listener = 'envoy.config.listener.v3.Listener';
const routes = 'envoy.config.route.v3.RouteConfiguration';
const value = 'google.protobuf.Value';
const any = 'google.protobuf.Any';

const samples: readonly (readonly [string, unknown])[] = [
  [cluster, sampleCluster],
  [listener, sampleListener],
  [routes, sampleRoutes(3)],
  ['envoy.config.endpoint.v3.ClusterLoadAssignment', sampleAssignment(4)],
  ['envoy.extensions.transport_sockets.tls.v3.Secret', sampleSecret],
  ['envoy.config.bootstrap.v3.Bootstrap', sampleBootstrap],
];

describe('resources as protobuf-es has them', () => {
  for (const [typeName, json] of samples) {
    test(typeName, () => {
      const bytes = encode(typeName, json);
      const expected = oracleEncode(typeName, json);
      assert.equal(bytes.length, expected.length);
      assert.deepEqual(oracleDecode(typeName, bytes), oracleDecode(typeName, expected));
      assert.deepEqual(decode(typeName, bytes), oracleDecode(typeName, expected));
    });
  }
});

describe('encode', () => {
  test('equal content gives equal bytes whatever the order of keys and the style of names', () => {
    const ordered = encode(cluster, {
      name: 'a',
      connect_timeout: '1s',
      metadata: { filter_metadata: { a: { x: 1, y: 2 }, b: {} } },
    });
    const shuffled = encode(cluster, {
      metadata: { filterMetadata: { b: {}, a: { y: 2, x: 1 } } },
      connectTimeout: '1.000s',
      name: 'a',
    });
    assert.deepEqual(shuffled, ordered);
  });

  test('undefined and null are absent, but a Value can be null', () => {
    assert.deepEqual(
      encode(cluster, { name: undefined, connect_timeout: null, health_checks: null }),
      new Uint8Array(),
    );
    assert.deepEqual(decode('google.protobuf.Struct', encode('google.protobuf.Struct', { a: null, b: undefined })), {
      a: null,
    });
    assert.deepEqual(decode(routes, encode(routes, { name: '' })), {});
  });

  test('a field alone is what stands in its message', () => {
    const head = encode(routes, { name: '80' });
    const unit = encodeField(routes, 'virtual_hosts', sampleVirtualHost(7));
    const whole = encode(routes, { name: '80', virtual_hosts: [sampleVirtualHost(7)] });
    assert.deepEqual(Buffer.concat([head, unit]), Buffer.from(whole));
    assert.deepEqual(encodeField(routes, 'virtualHosts', sampleVirtualHost(7)), unit);
    assert.throws(() => encodeField(routes, 'hosts', {}), failure('unknown-field', 'hosts'));
    const path = 'virtual_hosts.routes[1].route.cluster';
    const bad = { routes: [{}, { route: { cluster: 1 } }] };
    assert.throws(() => encodeField(routes, 'virtual_hosts', bad), failure('wrong-value', path));
  });

  test('an Any of a type that this Envoy does not know travels as its bytes', () => {
    const json = { '@type': 'type.googleapis.com/some.Other', value: 'CAE=' };
    const bytes = encode(any, json);
    assert.deepEqual(decode(any, bytes), json);
    assert.deepEqual(encode(any, {}), new Uint8Array());
    assert.throws(
      () => encode(any, { '@type': 'type.googleapis.com/some.Other', a: 1 }),
      failure('unknown-type', '@type'),
    );
    assert.throws(() => encode(any, { name: 'x' }), failure('wrong-value', '@type'));
  });

  test('an Any of a message with a JSON form of its own has it as value', () => {
    const json = { '@type': 'type.googleapis.com/google.protobuf.Duration', value: '1.500s' };
    assert.deepEqual(decode(any, encode(any, json)), json);
    assert.deepEqual(encode(any, json), oracleEncode(any, json));
    const more = { ...json, more: 1 };
    assert.throws(() => encode(any, more), failure('unknown-field', 'more'));
  });

  test('large and growing messages', () => {
    const json = sampleRoutes(2000);
    const bytes = encode(routes, json);
    assert(bytes.length > 1 << 20);
    assert.deepEqual(oracleDecode(routes, bytes), oracleDecode(routes, oracleEncode(routes, json)));
    assert.deepEqual(
      encode(routes, { name: 'small after large' }),
      oracleEncode(routes, { name: 'small after large' }),
    );
  });

  test('works after a failure in the middle', () => {
    assert.throws(
      () => encode(listener, { ...sampleListener, filter_chains: [{ filters: [{ nme: 1 }] }] }),
      ProtoError,
    );
    assert.deepEqual(encode(cluster, { name: 'x' }), oracleEncode(cluster, { name: 'x' }));
  });
});

describe('what encode refuses, with the path', () => {
  const manager =
    'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
  const cases: readonly (readonly [string, unknown, ProtoError['code'], string])[] = [
    ['no.Such', {}, 'unknown-type', ''],
    [cluster, [], 'wrong-value', ''],
    [cluster, { nam: 'x' }, 'unknown-field', 'nam'],
    [cluster, { name: 1 }, 'wrong-value', 'name'],
    [cluster, { name: '\ud800' }, 'wrong-value', 'name'],
    [cluster, { name: `${'x'.repeat(300)}\ud800` }, 'wrong-value', 'name'],
    [cluster, { connect_timeout: '1m' }, 'wrong-value', 'connect_timeout'],
    [cluster, { connect_timeout: '1s', connectTimeout: '1s' }, 'two-members', 'connect_timeout'],
    [cluster, { type: 'EDS', cluster_type: { name: 'x' } }, 'two-members', 'cluster_type'],
    [cluster, { type: 'EDSS' }, 'wrong-value', 'type'],
    [cluster, { type: 2 ** 31 }, 'wrong-value', 'type'],
    [cluster, { health_checks: {} }, 'wrong-value', 'health_checks'],
    [cluster, { health_checks: [null] }, 'wrong-value', 'health_checks[0]'],
    [cluster, { per_connection_buffer_limit_bytes: -1 }, 'wrong-value', 'per_connection_buffer_limit_bytes'],
    [cluster, { per_connection_buffer_limit_bytes: 1.5 }, 'wrong-value', 'per_connection_buffer_limit_bytes'],
    [cluster, { per_connection_buffer_limit_bytes: 2 ** 32 }, 'wrong-value', 'per_connection_buffer_limit_bytes'],
    [cluster, { metadata: { filter_metadata: { 'a.b': [] } } }, 'wrong-value', 'metadata.filter_metadata["a.b"]'],
    [
      cluster,
      { metadata: { filter_metadata: { a: { b: [1, Number.NaN] } } } },
      'wrong-value',
      'metadata.filter_metadata["a"].b[1]',
    ],
    [
      listener,
      { filter_chains: [{ filters: [{}, { typed_config: { '@type': manager, stat_prefx: 'x' } }] }] },
      'unknown-field',
      'filter_chains[0].filters[1].typed_config.stat_prefx',
    ],
    ['google.protobuf.FieldMask', 'a_b', 'wrong-value', ''],
    ['google.protobuf.Timestamp', '2025-02-29T00:00:00Z', 'wrong-value', ''],
    ['google.protobuf.BytesValue', 'a!b=', 'wrong-value', ''],
    ['google.protobuf.BytesValue', 'abcde', 'wrong-value', ''],
    ['google.protobuf.UInt64Value', -1, 'wrong-value', ''],
    ['google.protobuf.UInt64Value', '18446744073709551616', 'wrong-value', ''],
    ['google.protobuf.Int64Value', 2 ** 53, 'wrong-value', ''],
    ['google.protobuf.Int64Value', '9223372036854775808', 'wrong-value', ''],
    ['google.protobuf.FloatValue', 1e39, 'wrong-value', ''],
    ['google.protobuf.BoolValue', 'true', 'wrong-value', ''],
  ];
  for (const [typeName, json, code, path] of cases) {
    test(`${typeName} ${code} at ${path || 'the top'}: ${JSON.stringify(json).slice(0, 60)}`, () => {
      assert.throws(() => encode(typeName, json), failure(code, path));
    });
  }

  test('endless nesting', () => {
    const loop: Record<string, unknown> = {};
    loop['a'] = loop;
    assert.throws(
      () => encode('google.protobuf.Struct', loop),
      (error) => error instanceof ProtoError && error.code === 'too-deep',
    );
    const rules: Record<string, unknown> = {};
    rules['not_rule'] = rules;
    const permission = 'envoy.config.rbac.v3.Permission';
    assert.throws(
      () => encode(permission, rules),
      (error) => error instanceof ProtoError && error.code === 'too-deep',
    );
  });

  test('more bytes than allowed', () => {
    const small = createCodec(tableOfThis, 100_000);
    assert.throws(() => small.encode('google.protobuf.StringValue', 'x'.repeat(100_001)), failure('too-large', ''));
    assert.throws(() => small.decode(cluster, new Uint8Array(100_001)), failure('too-large', ''));
    assert.equal(small.encode('google.protobuf.StringValue', 'x'.repeat(90_000)).length, 90_004);
  });
});

const tableOfThis = { messages: { 'google.protobuf.StringValue': 'value 1 9 0', [cluster]: 'name 1 9 0' }, enums: {} };

describe('scalars and times', () => {
  const cases: readonly (readonly [string, unknown])[] = [
    ['google.protobuf.Int64Value', '-9223372036854775808'],
    ['google.protobuf.Int64Value', '9223372036854775807'],
    ['google.protobuf.Int64Value', '-1'],
    ['google.protobuf.UInt64Value', '18446744073709551615'],
    ['google.protobuf.UInt64Value', '4294967296'],
    ['google.protobuf.Int32Value', -2147483648],
    ['google.protobuf.UInt32Value', 4294967295],
    ['google.protobuf.DoubleValue', 'NaN'],
    ['google.protobuf.DoubleValue', '-Infinity'],
    ['google.protobuf.DoubleValue', 5e-324],
    ['google.protobuf.FloatValue', 1.5],
    ['google.protobuf.StringValue', '\ufeffbom, \u0000 and \u{1f600}'],
    ['google.protobuf.BytesValue', '+/+/AA=='],
    ['google.protobuf.BoolValue', false],
    ['google.protobuf.Duration', '-0.000000001s'],
    ['google.protobuf.Duration', '315576000000s'],
    ['google.protobuf.Duration', '0s'],
    ['google.protobuf.Timestamp', '0001-01-01T00:00:00Z'],
    ['google.protobuf.Timestamp', '9999-12-31T23:59:59.999999999Z'],
    ['google.protobuf.Timestamp', '1969-12-31T23:59:59.500Z'],
    ['google.protobuf.Timestamp', '2024-02-29T12:00:00Z'],
    ['google.protobuf.FieldMask', 'a,bC.dE'],
    [value, null],
    [value, [1, 'a', { b: [] }]],
  ];
  for (const [typeName, json] of cases) {
    test(`${typeName} ${JSON.stringify(json)}`, () => {
      const bytes = envoyCodec.encode(typeName, json);
      assert.deepEqual(bytes, oracleEncode(typeName, json));
      assert.deepEqual(envoyCodec.decodeValue(typeName, bytes), json);
    });
  }

  test('other ways to write the same', () => {
    const same = (typeName: string, json: unknown, canonical: unknown): void => {
      assert.deepEqual(envoyCodec.decodeValue(typeName, envoyCodec.encode(typeName, json)), canonical);
    };
    same('google.protobuf.Timestamp', '2024-03-01T01:30:00+02:00', '2024-02-29T23:30:00Z');
    same('google.protobuf.UInt32Value', '1e3', 1000);
    same('google.protobuf.Int64Value', 12, '12');
    same('google.protobuf.BytesValue', '-_-_AA', '+/+/AA==');
    same('google.protobuf.Duration', '1.50s', '1.500s');
    same(cluster, { type: 3 }, { type: 'EDS' });
    same(cluster, { lb_policy: 77 }, { lb_policy: 77 });
  });
});

function failure(code: ProtoError['code'], path: string): (error: unknown) => boolean {
  return (error) => {
    assert(error instanceof ProtoError, String(error));
    assert.deepEqual({ code: error.code, path: error.path }, { code, path }, error.message);
    return true;
  };
}
