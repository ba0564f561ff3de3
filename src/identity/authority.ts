/** The mesh's certificate authority: made once, kept, or brought by the user. */

import { mkdir, mkdtemp, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { MizzenError } from '../base/error.ts';
import { caFileNames, readCaMaterial, type CaMaterial, type CaPem } from './ca-material.ts';
import {
  certificatePem,
  clockSkewMs,
  createLeafCertificate,
  createRootCertificate,
  generateKeyPair,
  type SubjectAltName,
} from './certificate.ts';
import { Sealed } from './sealed.ts';
import { checkedSpiffeId, type WorkloadIdentity } from './workload-identity.ts';
import { writePrivateFile } from './write-private-file.ts';

const dayMs = 86_400_000;
const rootLifetimeMs = 3_650 * dayMs;
/** No leaf lives longer, whatever is asked for (Istio's MAX_WORKLOAD_CERT_TTL). */
const longestTtlMs = 90 * dayMs;

/** A certificate with its key. */
export interface IssuedCertificate {
  /** Leaf first, then intermediates; a root only if the CA's own chain file ends with it. */
  readonly certificateChainPem: string;
  /** PKCS#8 PEM. */
  readonly privateKeyPem: Sealed<string>;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** How long a certificate is to live. */
export interface Lifetime {
  /** Milliseconds from now, at most 90 days; cut at the end of the CA's own life. */
  readonly ttlMs: number;
}

/** Issues certificates. Its key is in memory and in one file, and shows nowhere. */
export interface Authority {
  /** SHA-256 of the issuing certificate in hex. */
  readonly fingerprint: string;
  /** The roots that a peer needs to trust what is issued here, as PEM. */
  readonly trustBundlePem: string;
  /** End of the issuing certificate's life, milliseconds since 1970. */
  readonly notAfterMs: number;
  /** A SPIFFE certificate; `identity-invalid` for parts that no SPIFFE ID can carry, `ca-expired` at the CA's end. */
  issueWorkload(request: WorkloadIdentity & Lifetime): IssuedCertificate;
  /** A certificate for DNS names; fails like `issueWorkload`. */
  issueServer(request: { readonly dnsNames: readonly string[] } & Lifetime): IssuedCertificate;
}

/** Where the CA lives. */
export interface AuthorityOptions {
  /** The CA's own folder with files named as in Istio's `cacerts`. Nothing else may be in it. */
  readonly folder: string;
  /** `true`: the files are the user's, must be there, and their modes are left alone. Default `false`. */
  readonly pluggedIn?: boolean;
  /** Organization of a root made here. Default `cluster.local`. */
  readonly trustDomain?: string;
  /** Milliseconds since 1970. Default: the machine's clock. */
  readonly clock?: () => number;
}

/**
 * Opens the CA in the folder; the first time (folder missing or empty) it makes one. An incomplete or mismatching
 * folder fails with `ca-incomplete`, `ca-invalid` or `ca-exposed`: a new CA in its place would cut the mesh in two.
 */
export async function openAuthority(options: AuthorityOptions): Promise<Authority> {
  const folder = resolve(options.folder);
  const clock = options.clock ?? Date.now;
  if (options.pluggedIn !== true && (await isEmpty(folder)))
    await makeCa(folder, options.trustDomain ?? 'cluster.local', clock());
  if (options.pluggedIn !== true) await checkMode(join(folder, caFileNames.key));
  return createAuthority(readCaMaterial(await readCa(folder), clock()), clock);
}

/** An authority over a CA that was checked already. */
export function createAuthority(ca: CaMaterial, clock: () => number): Authority {
  const issue = (names: readonly SubjectAltName[], ttlMs: number): IssuedCertificate => {
    if (names.length === 0) throw new MizzenError('identity-invalid', 'a certificate needs a name');
    if (!(ttlMs > 0)) throw new MizzenError('ttl-invalid', `a certificate's life must be more than 0 ms, not ${ttlMs}`);
    const nowMs = clock();
    if (nowMs >= ca.notAfterMs)
      throw new MizzenError('ca-expired', `the CA expired at ${new Date(ca.notAfterMs).toISOString()}`);
    const keys = generateKeyPair();
    const notBeforeMs = wholeSeconds(nowMs - clockSkewMs);
    const notAfterMs = wholeSeconds(Math.min(nowMs + Math.min(ttlMs, longestTtlMs) + 999, ca.notAfterMs));
    const leaf = createLeafCertificate(ca.signer, keys.publicKey, names, { notBeforeMs, notAfterMs });
    return Object.freeze({
      certificateChainPem: certificatePem(leaf) + ca.chainPem,
      privateKeyPem: new Sealed(keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()),
      notBeforeMs,
      notAfterMs,
    });
  };
  return Object.freeze({
    fingerprint: ca.fingerprint,
    trustBundlePem: ca.rootsPem,
    notAfterMs: ca.notAfterMs,
    issueWorkload: (request: WorkloadIdentity & Lifetime) =>
      issue([{ kind: 'uri', uri: checkedSpiffeId(request) }], request.ttlMs),
    issueServer: (request: { readonly dnsNames: readonly string[] } & Lifetime) =>
      issue(request.dnsNames.map(dnsName), request.ttlMs),
  });
}

function dnsName(name: string): SubjectAltName {
  if (
    name.length > 253 ||
    !/^(?:\*\.)?[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?)*$/u.test(name)
  ) {
    throw new MizzenError('identity-invalid', `${JSON.stringify(name.slice(0, 80))} is not a DNS name`);
  }
  return { kind: 'dns', name };
}

function wholeSeconds(timeMs: number): number {
  return Math.floor(timeMs / 1_000) * 1_000;
}

async function isEmpty(folder: string): Promise<boolean> {
  try {
    return (await readdir(folder)).length === 0;
  } catch (error) {
    if (isCode(error, 'ENOENT')) return true;
    throw error;
  }
}

/**
 * All files appear in one step, by the rename of a whole folder: a crash leaves either no CA or a whole one. When two
 * start at once the second rename fails because the folder is no longer empty, and both use the first one's CA.
 */
async function makeCa(folder: string, organization: string, nowMs: number): Promise<void> {
  const keys = generateKeyPair();
  const validity = { notBeforeMs: wholeSeconds(nowMs - clockSkewMs), notAfterMs: wholeSeconds(nowMs + rootLifetimeMs) };
  const root = certificatePem(createRootCertificate(keys, organization, validity));
  const parent = dirname(folder);
  await mkdir(parent, { recursive: true, mode: 0o700 });
  const draft = await mkdtemp(join(parent, `.${basename(folder)}-`));
  try {
    await writePrivateFile(
      join(draft, caFileNames.key),
      keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    );
    await writePrivateFile(join(draft, caFileNames.certificate), root, 0o644);
    await writePrivateFile(join(draft, caFileNames.chain), '', 0o644);
    await writePrivateFile(join(draft, caFileNames.roots), root, 0o644);
    await syncFolder(draft);
    await rename(draft, folder);
    await syncFolder(parent);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (!isCode(error, 'ENOTEMPTY') && !isCode(error, 'EEXIST')) throw error;
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function readCa(folder: string): Promise<CaPem> {
  const read = async (fileName: string): Promise<string> => {
    try {
      return await readFile(join(folder, fileName), 'utf8');
    } catch (cause) {
      throw new MizzenError(
        'ca-incomplete',
        `the CA in ${folder} cannot be used: ${fileName} is ${isCode(cause, 'ENOENT') ? 'missing' : 'not readable'}`,
        {
          cause,
          fix: 'restore the file from a backup, or, to start over with a CA that no running workload trusts, remove the folder',
        },
      );
    }
  };
  return {
    certificate: await read(caFileNames.certificate),
    key: await read(caFileNames.key),
    chain: await read(caFileNames.chain),
    roots: await read(caFileNames.roots),
  };
}

/** Fails with `ca-exposed` when others may read the key: it is theirs as well then. A missing file is found later. */
async function checkMode(path: string): Promise<void> {
  const mode = await stat(path).then(
    (found) => found.mode & 0o077,
    () => 0,
  );
  if (mode !== 0)
    throw new MizzenError('ca-exposed', `${path} may be read by other users`, { fix: `chmod 600 ${path}` });
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
