/** Kubernetes Secrets that gateways name by `credentialName` → Envoy secrets, with everything wrong said in plain words. */

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import type { JsonObject } from '../base/json.ts';
import { credentialCaSecret, credentialSecret } from '../compile/names.ts';
import type { Resource } from '../proto/resource.ts';
import type { KubeObject, Violation } from '../schema/object.ts';
import { splitCertificatePem } from './certificate.ts';
import { secretResource } from './secret-resource.ts';

/** A Kubernetes Secret: values of `data` are base64, those of `stringData` are plain and win. */
export interface KubeSecret extends KubeObject {
  readonly type?: string;
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
}

/** What came of a Secret. A resource that cannot be served is left out and an error says why. */
export interface GatewaySecrets {
  /** `kubernetes://NAME` and `kubernetes://NAME-cacert`, as far as there is something to put into them. */
  readonly resources: readonly Resource[];
  /** Paths are those of the Secret (`data[tls.crt]`); no message holds anything of a value. */
  readonly violations: readonly Violation[];
}

/** A Secret's value may not be larger than Kubernetes lets a whole Secret be. */
const largestValueBytes = 1_048_576;

/** Keys of a generic Secret come before those of `kubernetes.io/tls`, as Istio reads them. */
const certificateKeys = [
  { certificate: 'cert', key: 'key' },
  { certificate: 'tls.crt', key: 'tls.key' },
] as const;
const caKeys = ['cacert', 'ca.crt'] as const;
const crlKeys = ['crl', 'ca.crl'] as const;

/**
 * Envoy's secrets for the credential that `secret` holds. The authority for client certificates comes from `caSecret`
 * (the Secret `NAME-cacert`) if there is one, else from the Secret itself. Expired certificates are served with a
 * warning, as they are in Istio: peers refuse them and say why. Never throws.
 */
export function gatewaySecrets(secret: KubeSecret, caSecret: KubeSecret | undefined, nowMs: number): GatewaySecrets {
  const violations: Violation[] = [];
  const name = secret.metadata.name;
  const resources = [
    serverSecret(credentialSecret(name), valuesOf(secret, violations), violations, nowMs),
    caResource(
      credentialCaSecret(name),
      caSecret === undefined ? valuesOf(secret, []) : valuesOf(caSecret, violations),
      violations,
      nowMs,
    ),
  ].filter((resource) => resource !== undefined);
  if (resources.length === 0 && violations.length === 0) violations.push(nothingUsable(secret));
  return { resources, violations };
}

type Values = ReadonlyMap<string, Buffer>;

function valuesOf(secret: KubeSecret, violations: Violation[]): Values {
  const values = new Map<string, Buffer>();
  for (const [key, text] of Object.entries(secret.data ?? {})) {
    const value = typeof text === 'string' && text.length <= largestValueBytes * 2 ? fromBase64(text) : undefined;
    if (value === undefined)
      violations.push(error(`data[${key}]`, 'the value is not base64', 'encode it, or move it as it is to stringData'));
    else values.set(key, value);
  }
  for (const [key, text] of Object.entries(secret.stringData ?? {})) values.set(key, Buffer.from(String(text), 'utf8'));
  for (const [key, value] of values) {
    if (value.length <= largestValueBytes) continue;
    violations.push(error(`data[${key}]`, `the value is larger than ${largestValueBytes} bytes`));
    values.delete(key);
  }
  return values;
}

function fromBase64(text: string): Buffer | undefined {
  const dense = text.replace(/\s+/gu, '');
  return /^[A-Za-z0-9+/]*={0,2}$/u.test(dense) && dense.length % 4 === 0 ? Buffer.from(dense, 'base64') : undefined;
}

function serverSecret(name: string, values: Values, violations: Violation[], nowMs: number): Resource | undefined {
  const complete = certificateKeys.find((pair) => values.has(pair.certificate) && values.has(pair.key));
  if (complete === undefined) {
    reportHalfPair(values, violations);
    return undefined;
  }
  const chain = certificatesAt(values, complete.certificate, violations, nowMs);
  const key = keyAt(values, complete.key, violations);
  const leaf = chain?.[0];
  if (chain === undefined || leaf === undefined || key === undefined) return undefined;
  if (!matches(leaf, key)) {
    violations.push(
      error(
        `data[${complete.key}]`,
        `the key does not belong to the first certificate of ${complete.certificate}`,
        "put the server's own certificate first, then its issuers",
      ),
    );
    return undefined;
  }
  const staple = values.get('tls.ocsp-staple');
  const fields: JsonObject = {
    certificate_chain: inline(values.get(complete.certificate)),
    private_key: inline(values.get(complete.key)),
    ...(staple === undefined ? {} : { ocsp_staple: inline(staple) }),
  };
  return secretResource(name, { tls_certificate: fields });
}

function reportHalfPair(values: Values, violations: Violation[]): void {
  for (const { certificate, key } of certificateKeys) {
    if (values.has(certificate) === values.has(key)) continue;
    const [present, missing] = values.has(certificate) ? [certificate, key] : [key, certificate];
    violations.push(error(`data[${missing}]`, `${present} is there and ${missing} is missing`));
  }
}

function caResource(name: string, values: Values, violations: Violation[], nowMs: number): Resource | undefined {
  const caKey = caKeys.find((key) => values.has(key));
  if (caKey === undefined) return undefined;
  const certificates = certificatesAt(values, caKey, violations, nowMs);
  if (certificates === undefined) return undefined;
  const crlKey = crlKeys.find((key) => values.has(key));
  const crl = crlKey === undefined ? undefined : values.get(crlKey);
  if (crl !== undefined && !crl.includes('-----BEGIN X509 CRL-----')) {
    violations.push(error(`data[${crlKey}]`, 'the value is not a revocation list in PEM'));
    return undefined;
  }
  return secretResource(name, {
    validation_context: { trusted_ca: inline(values.get(caKey)), ...(crl === undefined ? {} : { crl: inline(crl) }) },
  });
}

function certificatesAt(
  values: Values,
  key: string,
  violations: Violation[],
  nowMs: number,
): readonly X509Certificate[] | undefined {
  const path = `data[${key}]`;
  const blocks = splitCertificatePem(values.get(key)?.toString('latin1') ?? '');
  if (blocks.length === 0) {
    violations.push(
      error(
        path,
        'the value holds no certificate in PEM',
        'it must have lines -----BEGIN CERTIFICATE----- and -----END CERTIFICATE-----',
      ),
    );
    return undefined;
  }
  const certificates = blocks.map(parseCertificate);
  const broken = certificates.indexOf(undefined);
  if (broken >= 0) {
    violations.push(error(path, `certificate ${broken + 1} of ${blocks.length} does not parse`));
    return undefined;
  }
  const parsed = certificates.filter((one) => one !== undefined);
  for (const [index, one] of parsed.entries()) {
    const which = parsed.length === 1 ? 'the certificate' : `certificate ${index + 1} of ${parsed.length}`;
    if (one.validToDate.getTime() <= nowMs)
      violations.push({ level: 'warning', path, message: `${which} expired at ${one.validToDate.toISOString()}` });
    if (one.validFromDate.getTime() > nowMs)
      violations.push({
        level: 'warning',
        path,
        message: `${which} is not valid before ${one.validFromDate.toISOString()}`,
      });
  }
  return parsed;
}

function parseCertificate(pem: string): X509Certificate | undefined {
  try {
    const certificate = new X509Certificate(pem);
    // Dates are parsed when they are asked for; one that cannot be read counts as broken.
    return Number.isFinite(certificate.validToDate.getTime()) && Number.isFinite(certificate.validFromDate.getTime())
      ? certificate
      : undefined;
  } catch {
    // Becomes an error with the certificate's place; the parser's codes help nobody.
    return undefined;
  }
}

function keyAt(values: Values, name: string, violations: Violation[]): KeyObject | undefined {
  const path = `data[${name}]`;
  const pem = values.get(name)?.toString('latin1') ?? '';
  if (/^-----BEGIN ENCRYPTED|^Proc-Type: 4,ENCRYPTED/mu.test(pem)) {
    violations.push(
      error(
        path,
        'the key is encrypted and nobody can enter its passphrase',
        'store it decrypted: openssl pkey -in encrypted.key -out tls.key',
      ),
    );
    return undefined;
  }
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    // Without the parser's words, which may quote the key.
    violations.push(error(path, 'the value is not a private key in PEM'));
    return undefined;
  }
  const unusable = unusableKey(key);
  if (unusable === undefined) return key;
  violations.push(error(path, unusable));
  return undefined;
}

/** Envoy takes RSA keys of 2048 bits and more, and the three NIST curves; anything else it would reject. */
function unusableKey(key: KeyObject): string | undefined {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa')
    return (modulusLength ?? 0) >= 2_048 ? undefined : `the RSA key has ${modulusLength} bits, 2048 are the least`;
  if (key.asymmetricKeyType === 'ec' && ['prime256v1', 'secp384r1', 'secp521r1'].includes(namedCurve ?? ''))
    return undefined;
  return `a ${namedCurve ?? key.asymmetricKeyType ?? 'strange'} key cannot be used: Envoy takes RSA, P-256, P-384 and P-521`;
}

function matches(certificate: X509Certificate, key: KeyObject): boolean {
  try {
    return certificate.checkPrivateKey(key);
  } catch {
    // A certificate whose public key does not parse belongs to no key.
    return false;
  }
}

function nothingUsable(secret: KubeSecret): Violation {
  const found = Object.keys({ ...secret.data, ...secret.stringData })
    .slice(0, 10)
    .join(', ');
  return error(
    'data',
    `there is no certificate in it (found: ${found === '' ? 'nothing' : found})`,
    'use tls.crt and tls.key (type kubernetes.io/tls), or cert and key',
  );
}

function inline(value: Buffer | undefined): JsonObject {
  return { inline_bytes: (value ?? Buffer.alloc(0)).toString('base64') };
}

function error(path: string, message: string, fix?: string): Violation {
  return { level: 'error', path, message, ...(fix === undefined ? {} : { fix }) };
}
