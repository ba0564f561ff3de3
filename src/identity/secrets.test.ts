import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import type { JsonObject } from '../base/json.ts';
import { decode } from '../proto/index.ts';
import type { Resource } from '../proto/resource.ts';
import { openAuthority, type Authority } from './authority.ts';
import { gatewaySecrets, type KubeSecret } from './gateway-secret.ts';
import {
  renewalOfHeld,
  WorkloadSecrets,
  workloadSecretVersion,
  type WorkloadSecretsOptions,
} from './workload-secrets.ts';

const sleep = { trustDomain: 'cluster.local', namespace: 'default', serviceAccount: 'sleep' };
const other = { ...sleep, serviceAccount: 'other' };
const startMs = Date.UTC(2026, 7, 1);
const hourMs = 3_600_000;
let folder = '';
let nowMs = startMs;
let authority: Authority;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mizzen-secrets-'));
  authority = await openAuthority({ folder: join(folder, 'ca'), clock: () => nowMs });
});
after(async () => rm(folder, { recursive: true, force: true }));

function secretsOver(options: Partial<WorkloadSecretsOptions> = {}): WorkloadSecrets {
  nowMs = startMs;
  return new WorkloadSecrets({
    authority,
    onFailure: (_identity, error) => assert.fail(String(error)),
    clock: () => nowMs,
    random: () => 0,
    ...options,
  });
}

function jsonOf(resource: Resource | undefined): JsonObject {
  assert.ok(resource);
  return decode('envoy.extensions.transport_sockets.tls.v3.Secret', resource.head);
}

function textAt(json: JsonObject, ...path: readonly string[]): string {
  const value = path.reduce<unknown>((at, key) => (at as JsonObject)[key], json);
  return Buffer.from((value as { inline_bytes: string }).inline_bytes, 'base64').toString('utf8');
}

test('an identity has one certificate for all its proxies, and nobody gets that of another', () => {
  const secrets = secretsOver();
  const first = secrets.secretsOf(sleep);
  assert.equal(secrets.secretsOf({ ...sleep }), first);
  const json = jsonOf(first.workload);
  assert.equal(json['name'], 'default');
  assert.match(textAt(json, 'tls_certificate', 'certificate_chain'), /BEGIN CERTIFICATE/u);
  assert.match(textAt(json, 'tls_certificate', 'private_key'), /PRIVATE KEY/u);
  const roots = jsonOf(first.roots);
  assert.equal(roots['name'], 'ROOTCA');
  assert.equal(textAt(roots, 'validation_context', 'trusted_ca'), authority.trustBundlePem);
  assert.equal(first.notAfterMs, startMs + 24 * hourMs);

  const second = secrets.secretsOf(other);
  assert.notEqual(second.workload.version, first.workload.version);
  assert.equal(second.roots.version, first.roots.version);
  secrets.close();
});

test('a certificate is renewed at half its life or a little before, and those who listen hear of it', () => {
  const secrets = secretsOver();
  const heard: string[] = [];
  const stop = secrets.onRenew((identity) => heard.push(identity.serviceAccount));
  const first = secrets.secretsOf(sleep);
  assert.equal(first.renewAtMs, startMs + 12 * hourMs);
  nowMs = startMs + 12 * hourMs - 1;
  secrets.renewDue();
  assert.deepEqual(heard, []);
  nowMs += 1;
  secrets.renewDue();
  assert.deepEqual(heard, ['sleep']);
  const second = secrets.secretsOf(sleep);
  assert.notEqual(second.workload.version, first.workload.version);
  assert.equal(second.notAfterMs, startMs + 36 * hourMs);
  stop();
  nowMs += 12 * hourMs;
  secrets.renewDue();
  assert.deepEqual(heard, ['sleep']);
  secrets.release(sleep);
  nowMs += 12 * hourMs;
  secrets.renewDue();
  assert.equal(secrets.secretsOf(sleep).notAfterMs, nowMs + 24 * hourMs);
  secrets.close();

  const early = secretsOver({ random: () => 1, ttlMs: 60_000 });
  assert.equal(early.secretsOf(sleep).renewAtMs, startMs + 24_000);
  early.close();
});

test('the timer itself renews', async () => {
  const realAuthority = await openAuthority({ folder: join(folder, 'real') });
  const secrets = new WorkloadSecrets({
    authority: realAuthority,
    ttlMs: 100,
    onFailure: (_identity, error) => assert.fail(String(error)),
  });
  const keepAlive = setInterval(() => undefined, 1_000);
  const first = secrets.secretsOf(sleep);
  const second = await new Promise<string>((resolve) => {
    secrets.onRenew((_identity, next) => {
      if (next.workload.version !== first.workload.version) resolve(next.workload.version);
    });
  });
  assert.equal(secrets.secretsOf(sleep).workload.version, second);
  secrets.close();
  clearInterval(keepAlive);
});

test('a renewal that fails is told, keeps the old certificate, and is tried again', () => {
  const failures: string[] = [];
  let broken = false;
  const flaky: Authority = {
    ...authority,
    issueWorkload: (request) => {
      if (broken) throw new Error('no luck');
      return authority.issueWorkload(request);
    },
  };
  const secrets = secretsOver({
    authority: flaky,
    onFailure: (identity, error) => failures.push(`${identity.serviceAccount}: ${String(error)}`),
  });
  const first = secrets.secretsOf(sleep);
  broken = true;
  nowMs = first.renewAtMs;
  secrets.renewDue();
  assert.deepEqual(failures, ['sleep: Error: no luck']);
  assert.equal(secrets.secretsOf(sleep), first);
  broken = false;
  secrets.renewDue();
  assert.equal(secrets.secretsOf(sleep), first, 'not before the pause is over');
  nowMs += 60_000;
  secrets.renewDue();
  assert.notEqual(secrets.secretsOf(sleep), first);
  secrets.close();
});

test("another replica's secret is left alone while it is good", () => {
  const holder = { identity: sleep, issuer: authority.fingerprint, ttlMs: 24 * hourMs };
  const { workload, notAfterMs } = secretsOver().secretsOf(sleep);
  assert.equal(renewalOfHeld(workload.version, holder), notAfterMs - 12 * hourMs);
  assert.equal(renewalOfHeld(workload.version, { ...holder, identity: other }), undefined);
  assert.equal(renewalOfHeld(workload.version, { ...holder, issuer: 'another' }), undefined);
  for (const version of ['', 'x', '1', workload.version.replace('.', '')])
    assert.equal(renewalOfHeld(version, holder), undefined);
  assert.equal(workload.version, workloadSecretVersion(sleep, authority.fingerprint, notAfterMs));
});

test('keys are in no file, and no inspection shows them', async () => {
  const secrets = secretsOver();
  const set = secrets.secretsOf(sleep);
  const key = textAt(jsonOf(set.workload), 'tls_certificate', 'private_key');
  const lines = key.split('\n').filter((line) => line.length > 20 && !line.startsWith('-----'));
  assert.ok(lines.length > 0);
  const shown = `${inspect(set, { depth: 9, maxArrayLength: null })}${inspect(secrets, { depth: 9, showHidden: true })}${JSON.stringify(set)}`;
  assert.match(shown, /sealed \d+ bytes/u);
  const asNumbers = [...Buffer.from(lines[0] ?? '').subarray(0, 12)].join(', ');
  assert.ok([...lines, asNumbers, asNumbers.replaceAll(' ', '')].every((line) => !shown.includes(line)));
  for (const file of await readdir(join(folder, 'ca'))) {
    const text = await readFile(join(folder, 'ca', file), 'utf8');
    assert.ok(lines.every((line) => !text.includes(line)));
  }
  secrets.close();
});

function credential(ttlMs = hourMs): { readonly crt: string; readonly key: string; readonly ca: string } {
  nowMs = startMs;
  const issued = authority.issueServer({ dnsNames: ['shop.test'], ttlMs });
  return { crt: issued.certificateChainPem, key: issued.privateKeyPem.reveal(), ca: authority.trustBundlePem };
}

function secretOf(values: Record<string, string>, name = 'shop'): KubeSecret {
  const data = Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
  );
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'istio-system' }, data };
}

test('credentials of every form become the secrets that a gateway asks for', () => {
  const { crt, key, ca } = credential();
  const tls = gatewaySecrets(secretOf({ 'tls.crt': crt, 'tls.key': key }), undefined, startMs);
  assert.deepEqual(tls.violations, []);
  assert.deepEqual(
    tls.resources.map((one) => one.name),
    ['kubernetes://shop'],
  );
  assert.equal(textAt(jsonOf(tls.resources[0]), 'tls_certificate', 'private_key'), key);

  const mutual = gatewaySecrets(secretOf({ 'tls.crt': crt, 'tls.key': key, 'ca.crt': ca }), undefined, startMs);
  assert.deepEqual(
    mutual.resources.map((one) => one.name),
    ['kubernetes://shop', 'kubernetes://shop-cacert'],
  );
  assert.equal(textAt(jsonOf(mutual.resources[1]), 'validation_context', 'trusted_ca'), ca);

  const generic = gatewaySecrets(secretOf({ cert: crt, key, cacert: ca }), undefined, startMs);
  assert.deepEqual(
    generic.resources.map((one) => one.version),
    mutual.resources.map((one) => one.version),
  );

  const apart = gatewaySecrets(secretOf({ cert: crt, key }), secretOf({ cacert: ca }, 'shop-cacert'), startMs);
  assert.deepEqual(
    apart.resources.map((one) => one.version),
    mutual.resources.map((one) => one.version),
  );

  const plain: KubeSecret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'shop' },
    stringData: { 'tls.crt': crt, 'tls.key': key },
  };
  assert.deepEqual(
    gatewaySecrets(plain, undefined, startMs).resources.map((one) => one.version),
    tls.resources.map((one) => one.version),
  );

  const caOnly = gatewaySecrets(secretOf({ 'ca.crt': ca }), undefined, startMs);
  assert.deepEqual([caOnly.resources.map((one) => one.name), caOnly.violations], [['kubernetes://shop-cacert'], []]);
});

test('what is wrong with a credential is said by field and cause, and an old certificate is only warned of', () => {
  const { crt, key, ca } = credential();
  const strange = credential();
  const pem = (keyObject: KeyObject): string => keyObject.export({ type: 'pkcs8', format: 'pem' }).toString();
  const weak = pem(generateKeyPairSync('rsa', { modulusLength: 1_024 }).privateKey);
  const edwards = pem(generateKeyPairSync('ed25519').privateKey);
  const locked = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: 'x',
  });
  const cases: readonly (readonly [Record<string, string>, string, RegExp])[] = [
    [{}, 'data', /found: nothing/u],
    [{ 'tls.crt': crt }, 'data[tls.key]', /missing/u],
    [{ 'tls.key': key }, 'data[tls.crt]', /missing/u],
    [{ 'tls.crt': crt, 'tls.key': strange.key }, 'data[tls.key]', /does not belong/u],
    [{ 'tls.crt': `${ca}${crt}`, 'tls.key': key }, 'data[tls.key]', /first certificate/u],
    [{ 'tls.crt': 'hello', 'tls.key': key }, 'data[tls.crt]', /no certificate in PEM/u],
    [{ 'tls.crt': `${crt}${crt.replace('MII', 'AII')}`, 'tls.key': key }, 'data[tls.crt]', /certificate 2 of 2/u],
    [{ 'tls.crt': crt, 'tls.key': key.slice(0, 90) }, 'data[tls.key]', /not a private key/u],
    [{ 'tls.crt': crt, 'tls.key': String(locked) }, 'data[tls.key]', /encrypted/u],
    [{ 'tls.crt': crt, 'tls.key': weak }, 'data[tls.key]', /1024 bits/u],
    [{ 'tls.crt': crt, 'tls.key': edwards }, 'data[tls.key]', /ed25519/u],
    [{ cacert: ca, crl: 'x' }, 'data[crl]', /revocation/u],
    [{ password: 'hunter2' }, 'data', /found: password/u],
  ];
  for (const [values, path, message] of cases) {
    const result = gatewaySecrets(secretOf(values), undefined, startMs);
    assert.deepEqual(
      result.violations.map((one) => [one.level, one.path]),
      [['error', path]],
      JSON.stringify(Object.keys(values)),
    );
    assert.match(result.violations[0]?.message ?? '', message);
    assert.ok(!JSON.stringify(result.violations).includes('hunter2'));
    assert.deepEqual(result.resources, []);
  }
  const notBase64 = { ...secretOf({ 'tls.crt': crt }), data: { 'tls.crt': '***', 'tls.key': '%' } };
  assert.deepEqual(
    gatewaySecrets(notBase64, undefined, startMs).violations.map((one) => one.path),
    ['data[tls.crt]', 'data[tls.key]'],
  );

  const late = gatewaySecrets(secretOf({ 'tls.crt': crt, 'tls.key': key }), undefined, startMs + hourMs);
  assert.deepEqual([late.resources.length, late.violations.map((one) => one.level)], [1, ['warning']]);
});

test('no mutation of a credential throws or shows its key', () => {
  const { crt, key, ca } = credential();
  const values = { 'tls.crt': Buffer.from(crt), 'tls.key': Buffer.from(key), 'ca.crt': Buffer.from(ca) };
  const lines = key.split('\n').filter((line) => line.length > 20 && !line.startsWith('-----'));
  const change = fc.tuple(
    fc.constantFrom('tls.crt' as const, 'tls.key' as const, 'ca.crt' as const),
    fc.nat(2_000),
    fc.nat(255),
  );
  let told = 0;
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
      const mutated = Object.fromEntries(Object.entries(values).map(([name, bytes]) => [name, Buffer.from(bytes)]));
      for (const [name, at, value] of changes) {
        const bytes = mutated[name];
        if (bytes !== undefined) bytes[at % bytes.length] = value;
      }
      const data = Object.fromEntries(Object.entries(mutated).map(([name, bytes]) => [name, bytes.toString('base64')]));
      const result = gatewaySecrets({ ...secretOf({}), data }, undefined, startMs);
      told += result.violations.length;
      const shown = inspect(result, { depth: 9, maxArrayLength: null });
      assert.ok(lines.every((line) => !shown.includes(line.slice(0, 30))));
    }),
    { numRuns: 400 },
  );
  assert.ok(told > 50);
});
