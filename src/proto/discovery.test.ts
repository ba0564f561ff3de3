import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeDeltaRequest, encodeDeltaBody, maxNodeBytes, maxRequestBytes, withNonce } from './discovery.ts';
import { encode, encodeField } from './envoy.ts';
import { ProtoError } from './error.ts';
import { oracleDecode, oracleEncode } from './oracle.test.ts';
import { typeUrls } from './resource.ts';
import { sampleVirtualHost } from './samples.ts';

const requestName = 'envoy.service.discovery.v3.DeltaDiscoveryRequest';
const responseName = 'envoy.service.discovery.v3.DeltaDiscoveryResponse';
const routes = 'envoy.config.route.v3.RouteConfiguration';

test('a first request carries the node and what the proxy still has', () => {
  const node = { id: 'sidecar~10.0.0.1~a.b~c', metadata: { NAMESPACE: 'default' }, extensions: [{ name: 'x' }] };
  const bytes = oracleEncode(requestName, {
    node,
    type_url: typeUrls.cluster,
    resource_names_subscribe: ['*', 'ä'],
    resource_names_unsubscribe: ['b'],
    initial_resource_versions: { one: 'v1', __proto: '', two: 'v2' },
    resource_locators_subscribe: [{ name: 'unknown to us' }],
  });
  assert.deepEqual(decodeDeltaRequest(bytes), {
    node,
    typeUrl: typeUrls.cluster,
    subscribe: ['*', 'ä'],
    unsubscribe: ['b'],
    initialVersions: new Map([
      ['one', 'v1'],
      ['__proto', ''],
      ['two', 'v2'],
    ]),
    nonce: '',
    error: undefined,
  });
});

test('an acknowledgement and a refusal', () => {
  const ack = decodeDeltaRequest(oracleEncode(requestName, { type_url: typeUrls.route, response_nonce: '7' }));
  assert.deepEqual(
    { nonce: ack.nonce, error: ack.error, node: ack.node },
    { nonce: '7', error: undefined, node: undefined },
  );
  const details = [{ '@type': 'type.googleapis.com/google.protobuf.Duration', value: '1s' }];
  const nack = oracleEncode(requestName, { response_nonce: '8', error_detail: { code: 13, message: 'no', details } });
  assert.deepEqual(decodeDeltaRequest(nack).error, { code: 13, message: 'no' });
  assert.deepEqual(decodeDeltaRequest(oracleEncode(requestName, { error_detail: {} })).error, { code: 0, message: '' });
  assert.equal(decodeDeltaRequest(new Uint8Array()).typeUrl, '');
});

test('bad requests are errors', () => {
  const fails = (bytes: Uint8Array, code: string): void => {
    assert.throws(
      () => decodeDeltaRequest(bytes),
      (error) => error instanceof ProtoError && error.code === code,
    );
  };
  fails(new Uint8Array([0x12, 0x05, 0x61]), 'wrong-bytes');
  fails(new Uint8Array([0x12, 0x01, 0xff]), 'wrong-bytes');
  fails(new Uint8Array([0x13, 0x14]), 'wrong-bytes');
  fails(new Uint8Array([0x12, 0xff, 0xff, 0xff, 0xff, 0x0f]), 'wrong-bytes');
  fails(new Uint8Array(maxRequestBytes + 1), 'too-large');
  fails(encode(requestName, { node: { id: 'x'.repeat(maxNodeBytes) } }), 'too-large');
});

test('a response is the pieces of its resources, shared and not copied', () => {
  const hosts = [sampleVirtualHost(1), sampleVirtualHost(2)];
  const units = hosts.map((host) => ({ bytes: encodeField(routes, 'virtual_hosts', host) }));
  const head = encode(routes, { name: '80', validate_clusters: false });
  const body = encodeDeltaBody({
    typeUrl: typeUrls.route,
    systemVersion: 'g12',
    resources: [
      { name: '80', version: 'abc', head, units },
      { name: 'empty', version: 'def', head: new Uint8Array(), units: [] },
      { name: 'large', version: '1', head: encode(routes, { name: 'x'.repeat(70_000) }), units: [] },
    ],
    removed: ['8080', '9080'],
  });
  const whole = withNonce(body, '42');
  const bytes = Buffer.concat(whole.chunks);
  assert.equal(bytes.length, whole.sizeBytes);
  const resource = (json: object): object => ({ '@type': typeUrls.route, ...json });
  assert.deepEqual(
    oracleDecode(responseName, bytes),
    oracleDecode(
      responseName,
      oracleEncode(responseName, {
        system_version_info: 'g12',
        type_url: typeUrls.route,
        nonce: '42',
        removed_resources: ['8080', '9080'],
        resources: [
          {
            name: '80',
            version: 'abc',
            resource: resource({ name: '80', validate_clusters: false, virtual_hosts: hosts }),
          },
          { name: 'empty', version: 'def', resource: resource({}) },
          { name: 'large', version: '1', resource: resource({ name: 'x'.repeat(70_000) }) },
        ],
      }),
    ),
  );
  for (const unit of units) assert(whole.chunks.includes(unit.bytes));
  assert(whole.chunks.includes(head));
  assert.deepEqual(withNonce(body, '43').chunks.slice(0, -1), body.chunks);
});
