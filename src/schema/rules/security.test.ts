import assert from 'node:assert/strict';
import { test } from 'node:test';
import { caseName, pathsOf, type Json, type SpecCase } from '../testing/spec-cases.ts';

/** Each spec is refused at its path and nowhere else. */
function cases(kind: string, list: readonly SpecCase[]): void {
  for (const one of list) {
    const [path, spec] = one;
    test(caseName(kind, one), () => assert.deepEqual(pathsOf(kind, spec, 'error'), path === '' ? [] : [path]));
  }
}

cases('PeerAuthentication', [
  ['', {}],
  ['', { mtls: { mode: 'STRICT' } }],
  ['', { selector: { matchLabels: { app: 'a' } }, portLevelMtls: { 8_080: { mode: 'DISABLE' } } }],
  ['spec.portLevelMtls', { portLevelMtls: { 8_080: { mode: 'DISABLE' } } }],
  ['spec.portLevelMtls', { selector: { matchLabels: { app: 'a' } }, portLevelMtls: {} }],
  ['spec.portLevelMtls["0"]', { selector: { matchLabels: { app: 'a' } }, portLevelMtls: { 0: {} } }],
  ['spec.portLevelMtls.http', { selector: { matchLabels: { app: 'a' } }, portLevelMtls: { http: {} } }],
  ['spec.mtls.mode', { mtls: { mode: 'STRIKT' } }],
  ['spec.selector.matchLabels.app', { selector: { matchLabels: { app: 'a*' } } }],
]);

const rule = (more: Json): Json => ({ rules: [more] });
const from = (source: Json): Json => rule({ from: [{ source }] });
const operation = (parts: Json): Json => rule({ to: [{ operation: parts }] });
cases('AuthorizationPolicy', [
  ['', {}],
  ['', rule({})],
  ['', { action: 'DENY', ...from({ principals: ['*'], ipBlocks: ['10.0.0.0/8'] }) }],
  ['', from({ serviceAccounts: ['shop/a', 'b'] })],
  ['', operation({ paths: ['/a', '/a*', '*a', '/a/{*}/b/{**}', '/{**}/x'], ports: ['80'] })],
  [
    '',
    rule({
      when: [
        { key: 'request.headers[x]', values: ['a'] },
        { key: 'source.ip', notValues: ['1.2.3.4'] },
      ],
    }),
  ],
  ['', { action: 'CUSTOM', provider: { name: 'a' }, ...operation({ paths: ['/'] }) }],
  ['spec.rules', { action: 'DENY' }],
  ['spec.provider', { provider: { name: 'a' } }],
  ['spec.provider', { action: 'CUSTOM', ...rule({}) }],
  ['spec.rules[0].from', rule({ from: [] })],
  ['spec.rules[0].from[0].source', rule({ from: [{}] })],
  ['spec.rules[0].from[0].source', from({})],
  ['spec.rules[0].from[0].source.namespaces', from({ serviceAccounts: ['a'], namespaces: ['b'] })],
  ['spec.rules[0].from[0].source.serviceAccounts[0]', from({ serviceAccounts: ['a/*'] })],
  ['spec.rules[0].from[0].source.ipBlocks[0]', from({ ipBlocks: ['10.0.0.0/40'] })],
  ['spec.rules[0].from[0].source.principals[0]', from({ principals: [''] })],
  ['spec.rules[0].to[0].operation', operation({})],
  ['spec.rules[0].to[0].operation.ports[0]', operation({ ports: ['http'] })],
  ['spec.rules[0].to[0].operation.paths[0]', operation({ paths: ['/a/{b}'] })],
  ['spec.rules[0].to[0].operation.paths[0]', operation({ paths: ['/{**}/{*}'] })],
  ['spec.rules[0].to[0].operation.paths[0]', operation({ paths: ['/a{*}'] })],
  ['spec.rules[0].when[0]', rule({ when: [{ key: 'source.ip' }] })],
  ['spec.rules[0].when[0].key', rule({ when: [{ key: 'source.user', values: ['a'] }] })],
  ['spec.rules[0].when[0].values[0]', rule({ when: [{ key: 'destination.port', values: ['0'] }] })],
  ['spec', { selector: {}, targetRefs: [] }],
  ['spec.targetRefs[0]', { targetRefs: [{ kind: 'Pod', name: 'a' }] }],
]);
