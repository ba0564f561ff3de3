/** What a CA consists of, checked as a whole: half a CA must never issue anything. */

import { createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { MizzenError } from '../base/error.ts';
import { readCertificateParts, splitCertificatePem, type CertificateSigner } from './certificate.ts';

/** The four files of a CA by the names that Istio's `cacerts` uses. */
export const caFileNames = Object.freeze({
  certificate: 'ca-cert.pem',
  key: 'ca-key.pem',
  chain: 'cert-chain.pem',
  roots: 'root-cert.pem',
});

/** A CA as PEM texts; the key goes no further than `readCaMaterial`. */
export interface CaPem {
  readonly certificate: string;
  readonly key: string;
  /** What stands between a leaf and the roots; may be empty when the CA itself is a root. */
  readonly chain: string;
  readonly roots: string;
}

/** A checked CA, ready to sign. */
export interface CaMaterial {
  readonly signer: CertificateSigner;
  /** SHA-256 of the CA's certificate in hex: tells one issuer from another. */
  readonly fingerprint: string;
  readonly notAfterMs: number;
  /** What follows a leaf in a served chain, as PEM; empty when the CA is a root and no chain was given. */
  readonly chainPem: string;
  readonly rootsPem: string;
}

const largestPemBytes = 1_048_576;

/** Checks a CA's parts against each other. Fails with `ca-invalid` and says which part; no key ever shows in the text. */
export function readCaMaterial(pem: CaPem, nowMs: number): CaMaterial {
  const certificate = certificatesOf(pem.certificate, caFileNames.certificate)[0];
  if (certificate === undefined) throw invalidCa(`${caFileNames.certificate} holds no certificate`);
  const privateKey = keyOf(pem.key);
  if (!certificate.checkPrivateKey(privateKey))
    throw invalidCa(`${caFileNames.key} is not the key of ${caFileNames.certificate}`);
  if (!certificate.ca) throw invalidCa(`${caFileNames.certificate} is not a CA's certificate`);
  if (certificate.validToDate.getTime() <= nowMs)
    throw invalidCa(`${caFileNames.certificate} expired at ${certificate.validToDate.toISOString()}`);
  const roots = certificatesOf(pem.roots, caFileNames.roots);
  if (roots.length === 0) throw invalidCa(`${caFileNames.roots} holds no certificate`);
  const isRoot = roots.some((root) => root.raw.equals(certificate.raw));
  const chain = completeChain(certificatesOf(pem.chain, caFileNames.chain), certificate, isRoot);
  checkChain(isRoot && chain.length === 0 ? [certificate] : chain, roots);
  const parts = readCertificateParts(certificate.raw);
  return Object.freeze({
    signer: { privateKey, nameDer: parts.subjectDer, keyIdentifier: parts.keyIdentifier },
    fingerprint: createHash('sha256').update(certificate.raw).digest('hex'),
    notAfterMs: certificate.validToDate.getTime(),
    chainPem: chain.map(String).join(''),
    rootsPem: roots.map(String).join(''),
  });
}

/** A self-made CA needs no chain; an intermediate must be sent with each leaf, also where its file was left out of the chain. */
function completeChain(
  chain: readonly X509Certificate[],
  ca: X509Certificate,
  isRoot: boolean,
): readonly X509Certificate[] {
  if (chain.length === 0) return isRoot ? [] : [ca];
  return chain[0]?.raw.equals(ca.raw) === true ? chain : [ca, ...chain];
}

function checkChain(chain: readonly X509Certificate[], roots: readonly X509Certificate[]): void {
  const trusted = (one: X509Certificate): boolean =>
    roots.some((root) => root.raw.equals(one.raw) || (one.checkIssued(root) && one.verify(root.publicKey)));
  for (const [index, one] of chain.entries()) {
    const issuer = chain[index + 1];
    if (issuer === undefined && !trusted(one))
      throw invalidCa(`the chain of ${caFileNames.certificate} does not end at ${caFileNames.roots}`);
    if (issuer !== undefined && !(one.checkIssued(issuer) && one.verify(issuer.publicKey))) {
      throw invalidCa(`certificate ${index + 2} of the chain did not issue certificate ${index + 1}`);
    }
  }
}

function certificatesOf(pem: string, fileName: string): readonly X509Certificate[] {
  if (pem.length > largestPemBytes) throw invalidCa(`${fileName} is larger than ${largestPemBytes} bytes`);
  try {
    return splitCertificatePem(pem).map((block) => new X509Certificate(block));
  } catch (cause) {
    throw invalidCa(`${fileName} does not parse as PEM certificates`, cause);
  }
}

function keyOf(pem: string): KeyObject {
  if (pem.length > largestPemBytes) throw invalidCa(`${caFileNames.key} is larger than ${largestPemBytes} bytes`);
  try {
    return createPrivateKey(pem);
  } catch {
    // The cause is left out on purpose: what a parser says about a broken key may quote it.
    throw invalidCa(`${caFileNames.key} is not an unencrypted private key in PEM`);
  }
}

function invalidCa(message: string, cause?: unknown): MizzenError {
  return new MizzenError('ca-invalid', message, {
    cause,
    fix: 'restore the CA files from a backup; a new CA would cut off every workload that trusts the old one',
  });
}
