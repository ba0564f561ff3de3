import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { MizzenError } from '../base/error.ts';
import {
  certificatePem,
  createLeafCertificate,
  createRootCertificate,
  generateKeyPair,
  readCertificateParts,
  splitCertificatePem,
  type CertificateSigner,
  type KeyPair,
} from './certificate.ts';
import { element, oid, readElement, readElements, sequence, time, unsignedInteger } from './der.ts';

// The library's dependency injection only looks whether a metadata polyfill is there; it registers nothing that needs one.
Object.assign(Reflect, {
  getMetadata: () => undefined,
  getOwnMetadata: () => undefined,
  defineMetadata: () => undefined,
});
const peculiar = await import('@peculiar/x509');

const dayMs = 86_400_000;
const nowMs = Date.UTC(2026, 0, 2, 3, 4, 5);
const validity = { notBeforeMs: nowMs, notAfterMs: nowMs + dayMs };

function signerOf(keys: KeyPair): CertificateSigner & { readonly der: Uint8Array } {
  const der = createRootCertificate(keys, 'cluster.local', { notBeforeMs: nowMs, notAfterMs: nowMs + 3_650 * dayMs });
  const parts = readCertificateParts(der);
  return { der, privateKey: keys.privateKey, nameDer: parts.subjectDer, keyIdentifier: parts.keyIdentifier };
}

test('a root is what an independent reader expects of one', async () => {
  const { der } = signerOf(generateKeyPair());
  const root = new peculiar.X509Certificate(Buffer.from(der));
  assert.equal(root.subject, 'O=cluster.local');
  assert.equal(root.issuer, root.subject);
  assert.ok(await root.verify({ date: new Date(nowMs + dayMs) }));
  const constraints = root.getExtension(peculiar.BasicConstraintsExtension);
  assert.deepEqual([constraints?.ca, constraints?.critical], [true, true]);
  const usage = root.getExtension(peculiar.KeyUsagesExtension);
  assert.equal(usage?.usages, peculiar.KeyUsageFlags.keyCertSign | peculiar.KeyUsageFlags.cRLSign);
  assert.equal(root.notAfter.getTime(), nowMs + 3_650 * dayMs);
});

test('a leaf carries its names in a critical extension, both usages, and the identifiers that tie it to its issuer', async () => {
  const signer = signerOf(generateKeyPair());
  const keys = generateKeyPair();
  const uri = 'spiffe://cluster.local/ns/default/sa/bookinfo-reviews';
  const der = createLeafCertificate(
    signer,
    keys.publicKey,
    [
      { kind: 'uri', uri },
      { kind: 'dns', name: 'a.test' },
    ],
    validity,
  );
  const leaf = new peculiar.X509Certificate(Buffer.from(der));
  const root = new peculiar.X509Certificate(Buffer.from(signer.der));

  assert.equal(leaf.subject, '');
  assert.ok(await leaf.verify({ publicKey: root, date: new Date(nowMs + 1) }));
  const names = leaf.getExtension(peculiar.SubjectAlternativeNameExtension);
  assert.equal(names?.critical, true);
  assert.deepEqual(names?.names.toJSON(), [
    { type: 'url', value: uri },
    { type: 'dns', value: 'a.test' },
  ]);
  assert.equal(leaf.getExtension(peculiar.KeyUsagesExtension)?.usages, peculiar.KeyUsageFlags.digitalSignature);
  const purposes = leaf.getExtension(peculiar.ExtendedKeyUsageExtension)?.usages;
  assert.deepEqual(Array.from(purposes ?? []), ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
  assert.equal(leaf.getExtension(peculiar.BasicConstraintsExtension)?.ca, false);
  const authority = leaf.getExtension(peculiar.AuthorityKeyIdentifierExtension)?.keyId;
  assert.equal(authority, root.getExtension(peculiar.SubjectKeyIdentifierExtension)?.keyId);
  assert.deepEqual([leaf.notBefore.getTime(), leaf.notAfter.getTime()], [nowMs, nowMs + dayMs]);

  const second = new X509Certificate(createLeafCertificate(signer, keys.publicKey, [{ kind: 'uri', uri }], validity));
  assert.notEqual(second.serialNumber, leaf.serialNumber.toUpperCase());
  assert.ok(second.checkIssued(new X509Certificate(signer.der)));
});

test('RSA and P-384 authorities sign too; a key that Envoy cannot check is refused', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  for (const keys of [rsa, p384]) {
    const signer = signerOf(keys);
    const leaf = createLeafCertificate(signer, generateKeyPair().publicKey, [{ kind: 'dns', name: 'x' }], validity);
    assert.ok(new X509Certificate(leaf).verify(keys.publicKey));
  }
  assert.throws(() => signerOf(generateKeyPairSync('ed25519')), { code: 'ca-key-unsupported' });
});

test('times turn from UTCTime to GeneralizedTime with the year 2050', () => {
  const text = (der: Uint8Array): string => Buffer.from(readElement(der).content).toString('ascii');
  assert.equal(text(time(Date.UTC(2049, 11, 31, 23, 59, 59, 999))), '491231235959Z');
  assert.equal(text(time(Date.UTC(2050, 0, 1))), '20500101000000Z');
});

test('DER: what is written is read again, for any tree and any number', () => {
  const leafArbitrary = fc.uint8Array({ maxLength: 300 }).map((bytes) => element(0x04, bytes));
  fc.assert(
    fc.property(fc.array(leafArbitrary, { maxLength: 5 }), (parts) => {
      const whole = sequence(...parts);
      assert.deepEqual(readElement(whole).whole.length, whole.length);
      const again = readElements(readElement(whole).content).map((one) => Buffer.from(one.whole));
      assert.deepEqual(
        again,
        parts.map((part) => Buffer.from(part)),
      );
    }),
  );
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 160n }), (number) => {
      const hex = number.toString(16);
      const content = readElement(
        unsignedInteger(Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex')),
      ).content;
      assert.equal(BigInt(`0x${Buffer.from(content).toString('hex')}`), number);
      assert.ok((content[0] ?? 0) < 0x80);
      assert.ok(content.length === 1 || content[0] !== 0 || (content[1] ?? 0) >= 0x80);
    }),
  );
  assert.equal(Buffer.from(oid('1.2.840.10045.4.3.2')).toString('hex'), '06082a8648ce3d040302');
});

test('a mutated certificate is read or refused with a code, never anything else', () => {
  const good = Buffer.from(signerOf(generateKeyPair()).der);
  const mutation = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
  let refused = 0;
  fc.assert(
    fc.property(mutation, fc.nat(good.length), (changes, cut) => {
      const bytes = Buffer.from(good);
      for (const [at, value] of changes) bytes[at] = value;
      for (const candidate of [bytes, bytes.subarray(0, cut), bytes.subarray(cut)]) {
        try {
          readCertificateParts(candidate);
        } catch (error) {
          assert.ok(error instanceof MizzenError && error.code === 'der-invalid');
          refused++;
        }
      }
    }),
    { numRuns: 500 },
  );
  assert.ok(refused > 100);
});

test('PEM holds lines of 64, and comes apart again whatever stands around the blocks', () => {
  const pem = certificatePem(signerOf(generateKeyPair()).der);
  assert.ok(pem.split('\n').every((line) => line.length <= 64));
  assert.deepEqual(splitCertificatePem(`# first\n${pem}subject=x\r\n${pem}`), [pem, pem]);
  assert.deepEqual(splitCertificatePem('-----BEGIN CERTIFICATE-----'), []);
});
