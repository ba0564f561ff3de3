/** Rules for the settings of TLS. */
import type { Report } from '../kit/node.ts';

/** What the rules of a client's TLS look at. */
export interface ClientParts {
  readonly mode?: string;
  readonly clientCertificate?: string;
  readonly privateKey?: string;
  readonly caCertificates?: string;
  readonly credentialName?: string;
  readonly subjectAltNames?: readonly string[];
  readonly insecureSkipVerify?: boolean;
  readonly caCrl?: string;
}

/** Checks the TLS of a client. */
export function checkClientTls(tls: ClientParts, report: Report): void {
  const { mode = 'DISABLE', credentialName = '' } = tls;
  const files = (['clientCertificate', 'privateKey', 'caCertificates', 'caCrl'] as const).filter(
    (name) => (tls[name] ?? '') !== '',
  );
  if (mode === 'ISTIO_MUTUAL') {
    for (const name of files)
      report.error(
        name,
        'is not for ISTIO_MUTUAL, which uses the certificates of the mesh',
        'take it away, or set mode: MUTUAL',
      );
    if (credentialName !== '')
      report.error(
        'credentialName',
        'is not for ISTIO_MUTUAL, which uses the certificates of the mesh',
        'take it away, or set mode: MUTUAL',
      );
  }
  if (mode !== 'SIMPLE' && mode !== 'MUTUAL') return;
  if (tls.insecureSkipVerify === true) {
    if (tls.subjectAltNames !== undefined)
      report.error('subjectAltNames', 'excludes insecureSkipVerify', 'take one of them away');
    if ((tls.caCertificates ?? '') !== '')
      report.error('caCertificates', 'excludes insecureSkipVerify', 'take one of them away');
    if (mode === 'SIMPLE' && credentialName !== '')
      report.error('credentialName', 'excludes insecureSkipVerify in mode SIMPLE', 'take one of them away');
  }
  if (credentialName !== '') {
    for (const name of files)
      report.error(name, 'excludes credentialName: the secret has the certificates', 'take one of them away');
  } else if (mode === 'MUTUAL') {
    for (const name of ['clientCertificate', 'privateKey'] as const) {
      if ((tls[name] ?? '') === '')
        report.error(
          name,
          'is missing: mutual TLS needs a certificate of the client',
          'set clientCertificate and privateKey, or credentialName',
        );
    }
  }
}

/** What the rules of a server's TLS look at. */
export interface ServerParts {
  readonly mode?: string;
  readonly serverCertificate?: string;
  readonly privateKey?: string;
  readonly caCertificates?: string;
  readonly caCrl?: string;
  readonly credentialName?: string;
  readonly credentialNames?: readonly string[];
  readonly caCertCredentialName?: string;
  readonly tlsCertificates?: readonly { readonly serverCertificate?: string; readonly privateKey?: string }[];
  readonly minProtocolVersion?: string;
  readonly maxProtocolVersion?: string;
  readonly cipherSuites?: readonly string[];
  readonly httpsRedirect?: boolean;
}

const files = ['serverCertificate', 'privateKey', 'caCertificates', 'caCrl', 'credentialName'] as const;

/** Checks the TLS of a server. */
export function checkServerTls(tls: ServerParts, report: Report): void {
  const mode = tls.mode ?? 'PASSTHROUGH';
  const set = files.filter((name) => (tls[name] ?? '') !== '');
  checkProtocol(tls, report);
  checkSources(tls, report);
  switch (mode) {
    case 'ISTIO_MUTUAL':
      for (const name of set) {
        report.error(
          name,
          'is not for ISTIO_MUTUAL, which uses the certificates of the mesh',
          'take it away, or set mode: MUTUAL',
        );
      }
      return;
    case 'PASSTHROUGH':
    case 'AUTO_PASSTHROUGH':
      for (const name of set) report.warning(name, `is not used in mode ${mode}, which does not decrypt`);
      return;
    default:
      checkServerCertificates(tls, mode, report);
  }
}

function checkServerCertificates(tls: ServerParts, mode: string, report: Report): void {
  const fromSecret = (tls.credentialName ?? '') !== '' || (tls.credentialNames ?? []).length > 0;
  const revokes = (tls.caCrl ?? '') !== '';
  if (revokes && fromSecret) {
    report.error('caCrl', 'excludes credentialName: the secret has the revoked certificates', 'put it into the secret');
  } else if (revokes && mode === 'SIMPLE') {
    report.error('caCrl', 'is not for SIMPLE, which asks clients for nothing', 'set mode: MUTUAL');
  }
  if (fromSecret) return;
  const own = (tls.tlsCertificates ?? []).length > 0 ? [] : (['serverCertificate', 'privateKey'] as const);
  const clients = mode === 'SIMPLE' || (tls.caCertCredentialName ?? '') !== '' ? [] : (['caCertificates'] as const);
  for (const name of [...own, ...clients]) {
    if ((tls[name] ?? '') === '') report.error(name, `is missing: mode ${mode} needs it`, 'set it, or credentialName');
  }
}

function checkSources(tls: ServerParts, report: Report): void {
  const one = (tls.credentialName ?? '') !== '';
  const several = (tls.credentialNames ?? []).length > 0;
  const listed = (tls.tlsCertificates ?? []).length > 0;
  if (one && several) report.error('credentialNames', 'excludes credentialName', 'keep one of them');
  if (listed && ((tls.serverCertificate ?? '') !== '' || (tls.privateKey ?? '') !== ''))
    report.error('tlsCertificates', 'excludes serverCertificate and privateKey', 'keep one of them');
  if (listed && (one || several))
    report.error('tlsCertificates', 'excludes credentialName and credentialNames', 'keep one of them');
  for (const [i, { serverCertificate = '', privateKey = '' }] of (tls.tlsCertificates ?? []).entries()) {
    if (serverCertificate === '')
      report.error(`tlsCertificates[${i}].serverCertificate`, 'is missing: file of the certificate');
    if (privateKey === '') report.error(`tlsCertificates[${i}].privateKey`, 'is missing: file of the key');
  }
}

const versions = ['TLSV1_0', 'TLSV1_1', 'TLSV1_2', 'TLSV1_3'];

/** Ciphers that Envoy's BoringSSL takes by these names; others are left out with a warning. */
const ciphers: ReadonlySet<string> = new Set(
  (
    'ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-RSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-RSA-AES256-GCM-SHA384 ECDHE-ECDSA-CHACHA20-POLY1305 ' +
    'ECDHE-RSA-CHACHA20-POLY1305 ECDHE-ECDSA-AES128-SHA ECDHE-RSA-AES128-SHA ECDHE-ECDSA-AES256-SHA ECDHE-RSA-AES256-SHA AES128-GCM-SHA256 AES256-GCM-SHA384 ' +
    'AES128-SHA AES256-SHA DES-CBC3-SHA ECDHE-PSK-AES128-CBC-SHA ECDHE-PSK-AES256-CBC-SHA ECDHE-PSK-CHACHA20-POLY1305 PSK-AES128-CBC-SHA PSK-AES256-CBC-SHA'
  ).split(' '),
);

function checkProtocol(tls: ServerParts, report: Report): void {
  const { minProtocolVersion = 'TLS_AUTO', maxProtocolVersion = 'TLS_AUTO', cipherSuites = [] } = tls;
  const oldest = versions.indexOf(minProtocolVersion);
  const newest = versions.indexOf(maxProtocolVersion);
  if (oldest >= 0 && newest >= 0 && oldest > newest)
    report.error('minProtocolVersion', `${minProtocolVersion} is newer than maxProtocolVersion`, 'swap them');
  if ((oldest === 0 || oldest === 1) && cipherSuites.length === 0)
    report.warning('minProtocolVersion', 'needs ciphers of old TLS, which are off by default', 'set cipherSuites');
  const seen = new Set<string>();
  for (const [i, cipher] of cipherSuites.entries()) {
    if (!ciphers.has(cipher))
      report.warning(`cipherSuites[${i}]`, `${JSON.stringify(cipher)} is no cipher of the proxy and is left out`);
    else if (seen.has(cipher)) report.warning(`cipherSuites[${i}]`, `${JSON.stringify(cipher)} is there twice`);
    seen.add(cipher);
  }
}
