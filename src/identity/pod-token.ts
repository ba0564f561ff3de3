/**
 * Service account tokens bound to a pod, with the claims that Kubernetes' TokenRequest writes and the checks that its
 * TokenReview makes (https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin). On one machine
 * the supervisor stands in for the API server.
 */

import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomUUID,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto';
import { link, mkdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MizzenError } from '../base/error.ts';
import { isRecord } from '../base/json.ts';
import { writePrivateFile } from './write-private-file.ts';

/** Issuer of every token, as a cluster's API server names itself by default. */
export const tokenIssuer = 'https://kubernetes.default.svc.cluster.local';

/** Audience of the tokens that proxies show to the control plane. */
export const meshAudience = 'istio-ca';

/** A token larger than this is refused unread. */
export const largestTokenBytes = 8_192;

/** The pod that a token is for. */
export interface PodIdentity {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly podName: string;
  readonly podUid: string;
}

/** A token to be made. */
export interface TokenRequest extends PodIdentity {
  readonly audience: string;
  /** Life in milliseconds; the token's times have whole seconds. */
  readonly ttlMs: number;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
}

/** Why a token was refused. */
export type TokenRefusal =
  | 'too-large'
  | 'malformed'
  | 'wrong-algorithm'
  | 'unknown-key'
  | 'bad-signature'
  | 'wrong-issuer'
  | 'wrong-audience'
  | 'expired'
  | 'not-yet-valid'
  | 'unknown-pod'
  | 'wrong-uid';

/** What a review found. `message` holds nothing of the token. */
export type TokenReview =
  | ({ readonly kind: 'authenticated' } & PodIdentity)
  | { readonly kind: 'refused'; readonly reason: TokenRefusal; readonly message: string };

/** What a review needs to know of the world. */
export interface ReviewWorld {
  /** The UID of the pod of that name as it is now; undefined if there is none. */
  readonly podUid: (namespace: string, podName: string) => string | undefined;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
}

/** Makes and reviews tokens with one key. */
export interface TokenIssuer {
  /** A token in JWT's compact form, without a newline. */
  mint(request: TokenRequest): string;
  /** Checks a token as it came, a newline at its end tolerated. Never throws. */
  review(token: string, audience: string, world: ReviewWorld): TokenReview;
}

const keyFileName = 'token-key.pem';

/**
 * Opens the issuer whose ES256 key is kept in the folder as `token-key.pem`, mode 0600; the first time it makes one. A
 * key that does not parse fails with `token-key-invalid`, one that others may read with `token-key-exposed`.
 */
export async function openTokenIssuer(options: { readonly folder: string }): Promise<TokenIssuer> {
  await mkdir(options.folder, { recursive: true, mode: 0o700 });
  const path = join(options.folder, keyFileName);
  await makeKeyOnce(path);
  if (((await stat(path)).mode & 0o077) !== 0) {
    throw new MizzenError('token-key-exposed', `${path} may be read by other users`, { fix: `chmod 600 ${path}` });
  }
  return createTokenIssuer(parseKey(await readFile(path, 'utf8'), path));
}

/** The link fails if there is a key already: of two that start at once, both use the first one's. */
async function makeKeyOnce(path: string): Promise<void> {
  if (await exists(path)) return;
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const draft = `${path}.${randomUUID()}.new`;
  await writePrivateFile(draft, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
  try {
    await link(draft, path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
}

function parseKey(pem: string, path: string): KeyObject {
  const invalid = new MizzenError('token-key-invalid', `${path} is not a P-256 private key in PEM`, {
    fix: `remove ${path}; running pods get new tokens when they are restarted`,
  });
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    // Without the parser's words, which may quote the key.
    throw invalid;
  }
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw invalid;
  return key;
}

function createTokenIssuer(privateKey: KeyObject): TokenIssuer {
  const publicKey = createPublicKey(privateKey);
  const keyId = createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64url');
  const header = toBase64url({ alg: 'ES256', kid: keyId });
  return Object.freeze({
    mint(request: TokenRequest) {
      const signed = `${header}.${toBase64url(claimsOf(request))}`;
      const signature = sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' });
      return `${signed}.${signature.toString('base64url')}`;
    },
    review(token: string, audience: string, world: ReviewWorld): TokenReview {
      const opened = openToken(token, publicKey, keyId);
      return typeof opened === 'string' ? refused(opened) : reviewClaims(opened, audience, world);
    },
  });
}

function claimsOf(request: TokenRequest): Record<string, unknown> {
  const issuedAt = Math.floor(request.nowMs / 1_000);
  return {
    aud: [request.audience],
    exp: issuedAt + Math.ceil(request.ttlMs / 1_000),
    iat: issuedAt,
    iss: tokenIssuer,
    jti: createHash('sha256')
      .update(`${request.podUid} ${request.audience} ${request.nowMs}`)
      .digest('base64url')
      .slice(0, 22),
    'kubernetes.io': {
      namespace: request.namespace,
      pod: { name: request.podName, uid: request.podUid },
      serviceaccount: { name: request.serviceAccount, uid: serviceAccountUid(request) },
    },
    nbf: issuedAt,
    sub: `system:serviceaccount:${request.namespace}:${request.serviceAccount}`,
  };
}

/** A service account on one machine has no UID of its own; one that follows from its name stays the same over restarts. */
function serviceAccountUid(request: PodIdentity): string {
  const hex = createHash('sha256')
    .update(`serviceaccount ${request.namespace}/${request.serviceAccount}`)
    .digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** Claims of a token whose signature holds. Nothing of the claims is parsed before that. */
function openToken(
  token: string,
  publicKey: KeyObject,
  keyId: string,
): Readonly<Record<string, unknown>> | TokenRefusal {
  if (token.length > largestTokenBytes) return 'too-large';
  const parts = /^([\w-]+)\.([\w-]+)\.([\w-]+)\r?\n?$/u.exec(token);
  const [, headerText, claimsText, signatureText] = parts ?? [];
  if (headerText === undefined || claimsText === undefined || signatureText === undefined) return 'malformed';
  const header = fromBase64url(headerText);
  if (header === undefined) return 'malformed';
  if (header['alg'] !== 'ES256' || header['crit'] !== undefined) return 'wrong-algorithm';
  if (header['kid'] !== keyId) return 'unknown-key';
  const signature = Buffer.from(signatureText, 'base64url');
  // Decoding forgives stray bits; only the one text that a signature has is let through.
  if (signature.toString('base64url') !== signatureText) return 'bad-signature';
  const signed = Buffer.from(`${headerText}.${claimsText}`);
  if (!verify('sha256', signed, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature)) return 'bad-signature';
  return fromBase64url(claimsText) ?? 'malformed';
}

function reviewClaims(claims: Readonly<Record<string, unknown>>, audience: string, world: ReviewWorld): TokenReview {
  const { iss, aud, exp, nbf, sub } = claims;
  if (iss !== tokenIssuer) return refused('wrong-issuer');
  if (!Array.isArray(aud) || !aud.includes(audience)) return refused('wrong-audience');
  if (typeof exp !== 'number' || typeof nbf !== 'number') return refused('malformed');
  if (world.nowMs >= exp * 1_000) return refused('expired');
  if (world.nowMs < nbf * 1_000 - clockSkewToleranceMs) return refused('not-yet-valid');
  const pod = podOf(claims['kubernetes.io']);
  if (pod === undefined || sub !== `system:serviceaccount:${pod.namespace}:${pod.serviceAccount}`)
    return refused('malformed');
  const uid = world.podUid(pod.namespace, pod.podName);
  if (uid === undefined) return refused('unknown-pod');
  if (uid !== pod.podUid) return refused('wrong-uid');
  return { kind: 'authenticated', ...pod };
}

const clockSkewToleranceMs = 5_000;

function podOf(value: unknown): PodIdentity | undefined {
  if (!isRecord(value)) return undefined;
  const { namespace, pod, serviceaccount } = value;
  if (typeof namespace !== 'string' || !isRecord(pod) || !isRecord(serviceaccount)) return undefined;
  const { name: podName, uid: podUid } = pod;
  const { name: serviceAccount } = serviceaccount;
  if (typeof podName !== 'string' || typeof podUid !== 'string' || typeof serviceAccount !== 'string') return undefined;
  return { namespace, serviceAccount, podName, podUid };
}

const refusalMessages: Readonly<Record<TokenRefusal, string>> = Object.freeze({
  'too-large': `the token is larger than ${largestTokenBytes} bytes`,
  malformed: 'this is not a service account token bound to a pod',
  'wrong-algorithm': 'the token is not signed with ES256',
  'unknown-key': 'the token was signed by another key',
  'bad-signature': "the token's signature does not hold",
  'wrong-issuer': 'the token is from another issuer',
  'wrong-audience': 'the token is for another audience',
  expired: 'the token has expired',
  'not-yet-valid': 'the token is not valid yet',
  'unknown-pod': "the token's pod does not exist (any more)",
  'wrong-uid': "the token's pod was replaced by another of its name",
});

function refused(reason: TokenRefusal): TokenReview {
  return { kind: 'refused', reason, message: refusalMessages[reason] };
}

function toBase64url(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function fromBase64url(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    return isRecord(value) ? value : undefined;
  } catch {
    // Not JSON: the caller's answer is `malformed`, and the parser's message would quote the token.
    return undefined;
  }
}
