import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pathsOf, type Json } from '../testing/spec-cases.ts';

const to = (host: string): Json => ({ destination: { host } });
const http = (route: Json, more: Json = {}): Json => ({
  hosts: ['a'],
  http: [{ route: [to('a')], ...route }],
  ...more,
});
const tls = (settings: Json): Json => ({
  servers: [{ port: { number: 443, protocol: 'HTTPS', name: 'https' }, hosts: ['*'], tls: settings }],
});
const rule = (more: Json): Json => ({ rules: [more] });
const from = (source: Json): Json => rule({ from: [{ source }] });
const operation = (parts: Json): Json => rule({ to: [{ operation: parts }] });

test('what is worth knowing is a warning', () => {
  const warned = (kind: string, spec: Json): readonly string[] => pathsOf(kind, spec, 'warning');
  assert.deepEqual(
    warned('VirtualService', {
      hosts: ['a'],
      http: [{ route: [to('a')] }, { match: [{ port: 1 }], route: [to('b')] }],
    }),
    ['spec.http[1]'],
  );
  assert.deepEqual(warned('VirtualService', http({ delegate: undefined, mirrorPercent: 1 })), [
    'spec.http[0].mirrorPercent',
  ]);
  assert.deepEqual(warned('VirtualService', { hosts: ['a'], http: [{ delegate: { name: 'b' } }] }), [
    'spec.http[0].delegate',
  ]);
  assert.deepEqual(
    warned(
      'VirtualService',
      http({ match: [{ headers: { '@request.auth.claims.sub': { exact: 'x' } } }] }, { gateways: ['gw'] }),
    ),
    ['spec.http[0].match[0].headers["@request.auth.claims.sub"]'],
  );
  assert.deepEqual(warned('Gateway', tls({ mode: 'SIMPLE', credentialName: 'a', cipherSuites: ['fake'] })), [
    'spec.servers[0].tls.cipherSuites[0]',
  ]);
  assert.deepEqual(warned('AuthorizationPolicy', { action: 'AUDIT' }), ['spec.action']);
  assert.deepEqual(warned('AuthorizationPolicy', from({ requestPrincipals: ['*'] })), [
    'spec.rules[0].from[0].source.requestPrincipals',
  ]);
  assert.deepEqual(warned('AuthorizationPolicy', rule({ when: [{ key: 'request.auth.claims[a]', values: ['b'] }] })), [
    'spec.rules[0].when[0].key',
  ]);
  assert.deepEqual(warned('AuthorizationPolicy', { action: 'DENY', ...operation({ methods: ['GET'] }) }), [
    'spec.rules[0]',
  ]);
  assert.deepEqual(warned('PeerAuthentication', { selector: {} }), ['spec.selector']);
  assert.deepEqual(warned('Telemetry', { tracing: [] }), ['spec']);
  assert.deepEqual(warned('VirtualService', { ...http({}), gateways: null }), ['spec.gateways']);
});
