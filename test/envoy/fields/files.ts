import { sign, type KeyObject } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  certificatePem,
  createLeafCertificate,
  createRootCertificate,
  generateKeyPair,
  readCertificateParts,
} from '../../../src/identity/certificate.ts';
import { bitString, oid, sequence, time, unsignedInteger } from '../../../src/identity/der.ts';

const dayMs = 86_400_000;

/**
 * Writes an authority, a certificate, its key and a list of revoked certificates into a folder. Gives the file that stands
 * for one that a user named, by its ending: `ca.pem`, `.pem`, `.key`, `.crl`.
 */
export async function writeFiles(folder: string): Promise<(named: string) => string> {
  const keys = generateKeyPair();
  const nowMs = Date.now();
  const validity = { notBeforeMs: nowMs - dayMs, notAfterMs: nowMs + dayMs };
  const authority = createRootCertificate(keys, 'fields', validity);
  const { subjectDer: nameDer, keyIdentifier } = readCertificateParts(authority);
  const signer = { privateKey: keys.privateKey, nameDer, keyIdentifier };
  const leaf = createLeafCertificate(signer, keys.publicKey, [{ kind: 'dns', name: 'a.example.com' }], validity);
  const texts = {
    'file.key': keys.privateKey.export({ type: 'pkcs8', format: 'pem' }),
    'file.crl': pem('X509 CRL', noneRevoked(keys.privateKey, nameDer, nowMs)),
    'ca.pem': certificatePem(authority),
    'file.pem': certificatePem(leaf),
  };
  await Promise.all(Object.entries(texts).map(([name, text]) => writeFile(join(folder, name), text)));
  return (named) => join(folder, named.endsWith('ca.pem') ? 'ca.pem' : `file.${named.slice(-3)}`);
}

/** An empty list of revoked certificates (RFC 5280 §5.1). */
function noneRevoked(privateKey: KeyObject, issuerDer: Uint8Array, nowMs: number): Uint8Array {
  const ecdsaWithSha256 = sequence(oid('1.2.840.10045.4.3.2'));
  const body = sequence(
    unsignedInteger(Uint8Array.of(1)),
    ecdsaWithSha256,
    issuerDer,
    time(nowMs - dayMs),
    time(nowMs + dayMs),
  );
  return sequence(body, ecdsaWithSha256, bitString(sign('sha256', body, privateKey)));
}

function pem(label: string, der: Uint8Array): string {
  const lines = Buffer.from(der).toString('base64').replaceAll(/.{64}/gu, '$&\n');
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}
