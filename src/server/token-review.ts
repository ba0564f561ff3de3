/** Reviews of pods' tokens by the API server, or by what stands in its place on one machine. */
import { request } from 'node:http';
import { MizzenError } from '../base/error.ts';

/** Who a token belongs to. */
export interface ReviewedPod {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly podName: string;
  readonly podUid: string;
}

/** What came of a review. */
export type ReviewResult =
  | { readonly kind: 'authenticated'; readonly pod: ReviewedPod }
  | { readonly kind: 'refused'; readonly message: string };

/** Audience of the tokens that proxies show (Istio's). */
export const proxyAudience = 'istio-ca';

const longestAnswerBytes = 65_536;
const answerLimitMs = 5_000;

/**
 * Asks for a TokenReview over a Unix socket (https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-review-v1).
 * Throws `review-unanswered` if nobody answers: that is neither a yes nor a no.
 */
export async function reviewToken(socketPath: string, token: string): Promise<ReviewResult> {
  const body = JSON.stringify({
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenReview',
    spec: { token, audiences: [proxyAudience] },
  });
  return readReview(await post(socketPath, body));
}

function post(socketPath: string, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const failed = (cause: unknown): void =>
      reject(new MizzenError('review-unanswered', 'the token review was not answered', { cause }));
    const outgoing = request(
      {
        socketPath,
        path: '/tokenreview',
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        timeout: answerLimitMs,
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
          if (text.length > longestAnswerBytes) response.destroy(new Error('answer too long'));
        });
        response.on('error', failed);
        response.on('end', () =>
          response.statusCode === 200 ? resolve(text) : failed(new Error(`status ${response.statusCode ?? 0}`)),
        );
      },
    );
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in time')));
    outgoing.on('error', failed);
    outgoing.end(body);
  });
}

interface TokenReviewStatus {
  readonly authenticated?: boolean;
  readonly error?: string;
  readonly audiences?: readonly string[];
  readonly user?: { readonly username?: string; readonly extra?: Readonly<Record<string, readonly string[]>> };
}

function readReview(text: string): ReviewResult {
  const review = JSON.parse(text) as { readonly status?: TokenReviewStatus };
  const status = review.status ?? {};
  if (status.authenticated !== true) return { kind: 'refused', message: status.error ?? 'the token is not valid' };
  // An API server that does not know audiences answers without them; such a token is good for anything.
  if (status.audiences?.includes(proxyAudience) !== true)
    return { kind: 'refused', message: `the token is not for ${proxyAudience}` };
  const [system, serviceAccountWord, namespace, serviceAccount] = (status.user?.username ?? '').split(':');
  const podName = status.user?.extra?.['authentication.kubernetes.io/pod-name']?.[0];
  const podUid = status.user?.extra?.['authentication.kubernetes.io/pod-uid']?.[0];
  if (
    system !== 'system' ||
    serviceAccountWord !== 'serviceaccount' ||
    namespace === undefined ||
    serviceAccount === undefined
  ) {
    return { kind: 'refused', message: 'the token is not of a service account' };
  }
  if (podName === undefined || podUid === undefined)
    return { kind: 'refused', message: 'the token is not bound to a pod' };
  return { kind: 'authenticated', pod: { namespace, serviceAccount, podName, podUid } };
}

/** When a reviewed token ends (JWT's `exp`), milliseconds since 1970; `undefined` where it does not say. */
export function tokenExpiryMs(token: string): number | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
    const exp: unknown = typeof claims === 'object' && claims !== null && 'exp' in claims ? claims.exp : undefined;
    return typeof exp === 'number' ? exp * 1_000 : undefined;
  } catch {
    // A reviewed token need not be a JWT; then the review alone counts.
    return undefined;
  }
}
