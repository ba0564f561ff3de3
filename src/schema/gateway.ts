/** Gateway: what a gateway listens to, and with which certificates (https://istio.io/latest/docs/reference/config/networking/gateway/). */
import { checkGateway, checkServer } from './rules/gateway.ts';
import { checkServerTls } from './rules/tls.ts';
import { istioKind, type SpecObject } from './kit/kind.ts';
import {
  boolean,
  choice,
  integer,
  list,
  no,
  object,
  port,
  required,
  string,
  withDefault,
  yes,
  type Static,
} from './kit/node.ts';
import { selectorLabels } from './shared.ts';

const protocolVersions = ['TLS_AUTO', 'TLSV1_0', 'TLSV1_1', 'TLSV1_2', 'TLSV1_3'] as const;

/** TLS of a server; also in Sidecar. */
export const serverTls = object(
  {
    httpsRedirect: withDefault(false, yes('answer plain HTTP with a redirect to HTTPS', boolean())),
    mode: withDefault(
      'PASSTHROUGH',
      yes(
        'what is asked of clients',
        choice(['PASSTHROUGH', 'SIMPLE', 'MUTUAL', 'AUTO_PASSTHROUGH', 'ISTIO_MUTUAL', 'OPTIONAL_MUTUAL'], {
          AUTO_PASSTHROUGH: 'going on by the server name to other networks',
        }),
      ),
    ),
    serverCertificate: yes('file of the certificate', string()),
    privateKey: yes('file of the key', string()),
    caCertificates: yes('file of the authorities for clients', string()),
    caCrl: yes('file of revoked certificates', string()),
    credentialName: yes('secret with certificate and key', string()),
    credentialNames: yes(
      'secrets of several certificates',
      list(string({ minLength: 1 }), { minItems: 1, maxItems: 2 }),
    ),
    caCertCredentialName: yes('secret with the authorities for clients', string()),
    tlsCertificates: yes(
      'files of several certificates',
      list(
        object({
          serverCertificate: yes('file of the certificate', string()),
          privateKey: yes('file of the key', string()),
          caCertificates: no('file of the authorities for clients', string(), 'caCertificates of the server counts'),
        }),
        { minItems: 1, maxItems: 2 },
      ),
    ),
    subjectAltNames: yes('names of which a client has to prove one', list(string({ minLength: 1 }))),
    verifyCertificateSpki: yes(
      'hashes of the public keys that clients may have, SHA-256 in base64',
      list(string({ pattern: '[A-Za-z0-9+/]{43}=' })),
    ),
    verifyCertificateHash: yes(
      'hashes of the certificates that clients may have, SHA-256 in hexadecimal',
      list(string({ pattern: '[0-9A-Fa-f]{64}|(?:[0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}' })),
    ),
    minProtocolVersion: withDefault('TLSV1_2', yes('oldest TLS', choice(protocolVersions))),
    maxProtocolVersion: withDefault('TLS_AUTO', yes('newest TLS', choice(protocolVersions))),
    cipherSuites: yes('ciphers that are allowed', list(string({ minLength: 1 }))),
  },
  { rules: [checkServerTls] },
);
/** TLS of a server. */
export type ServerTls = Static<typeof serverTls>;

const serverPort = object({
  number: required(yes('port to listen on; 0 for a unix socket', integer({ min: 0, max: 65_535 }))),
  protocol: required(yes('HTTP, HTTPS, GRPC, GRPC-WEB, HTTP2, MONGO, TCP or TLS', string({ minLength: 1 }))),
  name: required(yes('name of the port, unique in the gateway', string({ minLength: 1 }))),
  targetPort: no('port to listen on in place of the number', port(), 'Istio ignores it here too'),
});

const server = object(
  {
    port: required(yes('port to listen on', serverPort)),
    bind: yes('address or unix socket to listen on', string()),
    hosts: required(yes('hosts that are served, as [namespace/]host', list(string({ minLength: 1 }), { minItems: 1 }))),
    tls: yes('TLS of the port', serverTls),
    defaultEndpoint: no('where the traffic goes', string(), 'Istio ignores it too'),
    name: yes('name of the server, for statistics', string()),
  },
  { rules: [checkServer] },
);
/** One port of a gateway. */
export type Server = Static<typeof server>;

const spec = object({
  servers: yes('ports that are open', list(server)),
  selector: yes('labels of the pods that are the gateway', selectorLabels),
});
/** What a Gateway says. */
export type GatewaySpec = Static<typeof spec>;
/** What a gateway listens to. */
export interface Gateway extends SpecObject<'Gateway', GatewaySpec> {}

/** The kind. */
export const gateway = istioKind({
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  kind: 'Gateway',
  plural: 'gateways',
  shortNames: ['gw'],
  spec,
  rules: [checkGateway],
});
