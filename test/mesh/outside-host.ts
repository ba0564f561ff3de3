/** A host outside the mesh: a book service in clear and over TLS, its certificate from an authority that only tests trust. */
import { constants, X509Certificate } from 'node:crypto';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import {
  createLeafCertificate,
  createRootCertificate,
  generateKeyPair,
  readCertificateParts,
} from '../../src/identity/certificate.ts';

/** A request that the host took. */
export interface OutsideRequest {
  readonly over: 'clear' | 'tls';
  readonly host: string;
  readonly path: string;
  /** Server name of the TLS handshake; empty in clear. */
  readonly serverName: string;
}

/** A running outside host. */
export interface OutsideHost {
  /** Certificate of the authority, as PEM. */
  readonly caPem: string;
  readonly clearPort: number;
  readonly tlsPort: number;
  readonly requests: readonly OutsideRequest[];
  close(): Promise<void>;
}

const dayMs = 86_400_000;

function pem(der: Uint8Array): string {
  return new X509Certificate(der).toString();
}

/** An authority, and a server certificate for a name that it signs. */
export function issueCertificate(name: string): {
  readonly caPem: string;
  readonly certPem: string;
  readonly keyPem: string;
} {
  const validity = { notBeforeMs: Date.now() - dayMs, notAfterMs: Date.now() + dayMs };
  const [ca, leaf] = [generateKeyPair(), generateKeyPair()];
  const root = createRootCertificate(ca, 'outside tests', validity);
  const { subjectDer, keyIdentifier } = readCertificateParts(root);
  const signer = { privateKey: ca.privateKey, nameDer: subjectDer, keyIdentifier };
  const certificate = createLeafCertificate(signer, leaf.publicKey, [{ kind: 'dns', name }], validity);
  const keyPem = String(leaf.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  return { caPem: pem(root), certPem: pem(certificate), keyPem };
}

/** Starts the host on loopback. Its books name by their publisher how they were asked for. */
export async function startOutsideHost(name: string): Promise<OutsideHost> {
  const { caPem, certPem, keyPem } = issueCertificate(name);
  const requests: OutsideRequest[] = [];
  const answer =
    (over: 'clear' | 'tls'): RequestListener =>
    (request, response) => {
      const { host = '' } = request.headers;
      const serverName = 'servername' in request.socket ? String(request.socket.servername) : '';
      requests.push({ over, host, path: request.url ?? '', serverName });
      const volumeInfo = { authors: ['An Author'], publisher: `Outside, over ${over}`, language: 'en', pageCount: 120 };
      response.end(JSON.stringify({ items: [{ volumeInfo }] }));
    };
  const clear = createServer(answer('clear'));
  // A resumed session does not say its server name again, so none is resumed.
  const tls = createTlsServer({ cert: certPem, key: keyPem, secureOptions: constants.SSL_OP_NO_TICKET }, answer('tls'));
  const [clearPort, tlsPort] = await Promise.all([listen(clear), listen(tls)]);
  return {
    caPem,
    clearPort,
    tlsPort,
    requests,
    close: async () => {
      for (const server of [clear, tls]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}
