/** TLS contexts of clusters and filter chains. */
import type { JsonObject } from '../base/json.ts';
import { compact, extension } from './any.ts';
import { alpn, clusterSni, credentialCaSecret, credentialSecret, rootSecret, workloadSecret } from './names.ts';

const downstream = 'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext';
const upstream = 'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext';
const socketName = 'envoy.transport_sockets.tls';

/** Where configuration comes from: this same stream. `0s` waits for ever, so only what always comes may use it. */
export function ads(fetchTimeout: '0s' | '5s'): JsonObject {
  return { ads: {}, resource_api_version: 'V3', initial_fetch_timeout: fetchTimeout };
}

/** A secret by name. The workload's own are always there; any other may be missing, and must not stop a proxy. */
export function secretRef(name: string): JsonObject {
  const own = name === workloadSecret || name === rootSecret;
  return { name, sds_config: ads(own ? '0s' : '5s') };
}

/** Sockets in clear. */
export const rawBuffer: JsonObject = extension(
  'envoy.transport_sockets.raw_buffer',
  'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer',
);

/** Server side of mesh mutual TLS: the workload's certificate, a client certificate of the mesh required. */
export function meshServerTls(trustDomains: readonly string[]): JsonObject {
  return extension(socketName, downstream, {
    require_client_certificate: true,
    common_tls_context: {
      alpn_protocols: [...alpn.server],
      tls_params: { tls_minimum_protocol_version: 'TLSv1_2', tls_maximum_protocol_version: 'TLSv1_3' },
      tls_certificate_sds_secret_configs: [secretRef(workloadSecret)],
      combined_validation_context: {
        default_validation_context: {
          match_typed_subject_alt_names: trustDomains.map((domain) => ({
            san_type: 'URI',
            matcher: { prefix: `spiffe://${domain}/` },
          })),
        },
        validation_context_sds_secret_config: secretRef(rootSecret),
      },
    },
  });
}

/** Client side of mesh mutual TLS towards one cluster. */
export interface MeshClient {
  readonly port: number;
  readonly subset: string;
  readonly host: string;
  /** Names the server's certificate must carry one of; any of the mesh's where none is known. */
  readonly identities: readonly string[];
  readonly sni?: string | undefined;
  readonly alpnProtocols: readonly string[];
}

/** Client side of mesh mutual TLS. */
export function meshClientTls(client: MeshClient): JsonObject {
  return extension(socketName, upstream, {
    sni: client.sni ?? clusterSni(client.port, client.subset, client.host),
    max_session_keys: 64,
    common_tls_context: {
      alpn_protocols: [...client.alpnProtocols],
      tls_params: { tls_minimum_protocol_version: 'TLSv1_2', tls_maximum_protocol_version: 'TLSv1_3' },
      tls_certificate_sds_secret_configs: [secretRef(workloadSecret)],
      combined_validation_context: {
        default_validation_context: compact({ match_typed_subject_alt_names: sanMatchers(client.identities, 'URI') }),
        validation_context_sds_secret_config: secretRef(rootSecret),
      },
    },
  });
}

/** TLS settings of a DestinationRule in the modes SIMPLE and MUTUAL. */
export interface OriginationSettings {
  readonly mode?: string;
  readonly clientCertificate?: string;
  readonly privateKey?: string;
  readonly caCertificates?: string;
  readonly credentialName?: string;
  readonly subjectAltNames?: readonly string[];
  readonly sni?: string;
  readonly insecureSkipVerify?: boolean;
  readonly caCrl?: string;
}

/** File with the certificate authorities of the proxy's own system, by which SIMPLE verifies where nothing else is given. */
export const systemRoots = '/etc/ssl/certs/ca-certificates.crt';

/** Client side of TLS to a server outside the mesh, or of mutual TLS with the user's own certificates. */
export function originationTls(settings: OriginationSettings, protocols: readonly string[], host: string): JsonObject {
  const sans = settings.subjectAltNames ?? [];
  return extension(
    socketName,
    upstream,
    compact({
      sni: settings.sni === undefined || settings.sni === '' ? host : settings.sni,
      common_tls_context: compact({
        alpn_protocols: [...protocols],
        ...clientCertificate(settings),
        ...serverValidation(settings, sans.length > 0 ? sans : [settings.sni ?? host]),
      }),
    }),
  );
}

function clientCertificate(settings: OriginationSettings): JsonObject {
  if (settings.mode !== 'MUTUAL') return {};
  if (settings.credentialName !== undefined) {
    return { tls_certificate_sds_secret_configs: [secretRef(credentialSecret(settings.credentialName))] };
  }
  return {
    tls_certificates: [
      {
        certificate_chain: { filename: settings.clientCertificate ?? '' },
        private_key: { filename: settings.privateKey ?? '' },
      },
    ],
  };
}

function serverValidation(settings: OriginationSettings, names: readonly string[]): JsonObject {
  if (settings.insecureSkipVerify === true) {
    return { validation_context: { trust_chain_verification: 'ACCEPT_UNTRUSTED' } };
  }
  const match = sanMatchers(
    names.filter((name) => !name.startsWith('*')),
    'DNS',
  );
  if (settings.credentialName !== undefined) {
    return {
      combined_validation_context: {
        default_validation_context: compact({ match_typed_subject_alt_names: match }),
        validation_context_sds_secret_config: secretRef(credentialCaSecret(settings.credentialName)),
      },
    };
  }
  const file = settings.caCertificates ?? '';
  return {
    validation_context: compact({
      trusted_ca: { filename: file === '' || file === 'system' ? systemRoots : file },
      crl: revoked(settings.caCrl),
      match_typed_subject_alt_names: match,
    }),
  };
}

function revoked(file: string | undefined): JsonObject | undefined {
  return file === undefined || file === '' ? undefined : { filename: file };
}

/** Matchers of certificate names; SPIFFE identities are URIs whatever the default kind. */
function sanMatchers(names: readonly string[], kind: 'URI' | 'DNS'): readonly JsonObject[] {
  return names.flatMap((name): readonly JsonObject[] =>
    name.includes('://') || kind === 'URI'
      ? [{ san_type: 'URI', matcher: { exact: name } }]
      : [{ san_type: 'DNS', matcher: { exact: name } }],
  );
}

interface CertificateFiles {
  readonly serverCertificate?: string;
  readonly privateKey?: string;
}

/** TLS settings of a Gateway's server. */
export interface ServerSettings {
  readonly mode?: string;
  readonly credentialName?: string;
  readonly credentialNames?: readonly string[];
  readonly caCertCredentialName?: string;
  readonly serverCertificate?: string;
  readonly privateKey?: string;
  readonly caCertificates?: string;
  readonly subjectAltNames?: readonly string[];
  readonly verifyCertificateSpki?: readonly string[];
  readonly verifyCertificateHash?: readonly string[];
  readonly minProtocolVersion?: string;
  readonly maxProtocolVersion?: string;
  readonly cipherSuites?: readonly string[];
  readonly caCrl?: string;
  readonly tlsCertificates?: readonly CertificateFiles[];
}

const versions: Readonly<Record<string, string>> = {
  TLSV1_0: 'TLSv1_0',
  TLSV1_1: 'TLSv1_1',
  TLSV1_2: 'TLSv1_2',
  TLSV1_3: 'TLSv1_3',
};

/** Server side of a Gateway in the modes SIMPLE, MUTUAL, OPTIONAL_MUTUAL and ISTIO_MUTUAL. */
export function gatewayServerTls(settings: ServerSettings, trustDomains: readonly string[]): JsonObject {
  if (settings.mode === 'ISTIO_MUTUAL') return meshServerTls(trustDomains);
  const wantsClient = settings.mode === 'MUTUAL' || settings.mode === 'OPTIONAL_MUTUAL';
  return extension(
    socketName,
    downstream,
    compact({
      require_client_certificate: settings.mode === 'MUTUAL' ? true : wantsClient ? false : undefined,
      common_tls_context: compact({
        alpn_protocols: [...alpn.server],
        tls_params: compact({
          tls_minimum_protocol_version: versions[settings.minProtocolVersion ?? ''] ?? 'TLSv1_2',
          tls_maximum_protocol_version: versions[settings.maxProtocolVersion ?? ''],
          cipher_suites: settings.cipherSuites?.filter((suite) => knownCiphers.has(suite)),
        }),
        ...serverCertificates(settings),
        ...(wantsClient ? clientValidation(settings) : {}),
      }),
    }),
  );
}

function serverCertificates(settings: ServerSettings): JsonObject {
  const names = settings.credentialNames ?? (settings.credentialName === undefined ? [] : [settings.credentialName]);
  if (names.length > 0) {
    return { tls_certificate_sds_secret_configs: names.map((name) => secretRef(credentialSecret(name))) };
  }
  const files = settings.tlsCertificates ?? [settings];
  return {
    tls_certificates: files.map(({ serverCertificate = '', privateKey = '' }) => ({
      certificate_chain: { filename: serverCertificate },
      private_key: { filename: privateKey },
    })),
  };
}

function clientValidation(settings: ServerSettings): JsonObject {
  const checks = compact({
    match_typed_subject_alt_names: sanMatchers(settings.subjectAltNames ?? [], 'DNS'),
    verify_certificate_spki: settings.verifyCertificateSpki,
    verify_certificate_hash: settings.verifyCertificateHash,
  });
  const name = settings.credentialName ?? settings.credentialNames?.[0];
  if (settings.caCertCredentialName === undefined && name === undefined) {
    return {
      validation_context: compact({
        ...checks,
        trusted_ca: { filename: settings.caCertificates ?? systemRoots },
        crl: revoked(settings.caCrl),
      }),
    };
  }
  const secret =
    settings.caCertCredentialName === undefined
      ? credentialCaSecret(name ?? '')
      : credentialSecret(settings.caCertCredentialName);
  return {
    combined_validation_context: {
      default_validation_context: checks,
      validation_context_sds_secret_config: secretRef(secret),
    },
  };
}

// What BoringSSL knows; Istio drops unknown ones, since one of them would take the whole server down.
const knownCiphers: ReadonlySet<string> = new Set([
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-SHA',
  'ECDHE-RSA-AES128-SHA',
  'ECDHE-ECDSA-AES256-SHA',
  'ECDHE-RSA-AES256-SHA',
  'AES128-GCM-SHA256',
  'AES256-GCM-SHA384',
  'AES128-SHA',
  'AES256-SHA',
]);
