import { meshAudience, type TokenIssuer } from '../../identity/pod-token.ts';
import type { Store } from '../store/store.ts';

/**
 * Answers a TokenReview as the API server would (authentication.k8s.io/v1): the pod must still be there under its UID.
 */
export function answerTokenReview(tokens: TokenIssuer, store: Store, review: unknown): unknown {
  const spec = specOf(review);
  const result = tokens.review(spec.token, spec.audience, {
    podUid: (namespace, name) => store.get({ kind: 'Pod', namespace, name })?.object.metadata.uid,
    nowMs: Date.now(),
  });
  const status =
    result.kind === 'refused'
      ? { authenticated: false, error: result.message }
      : {
          authenticated: true,
          audiences: [spec.audience],
          user: {
            username: `system:serviceaccount:${result.namespace}:${result.serviceAccount}`,
            extra: {
              'authentication.kubernetes.io/pod-name': [result.podName],
              'authentication.kubernetes.io/pod-uid': [result.podUid],
            },
          },
        };
  return { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', status };
}

function specOf(review: unknown): { readonly token: string; readonly audience: string } {
  const spec = field(review, 'spec');
  const token = field(spec, 'token');
  const audiences = field(spec, 'audiences');
  const audience: unknown = Array.isArray(audiences) ? audiences[0] : undefined;
  return {
    token: typeof token === 'string' ? token : '',
    audience: typeof audience === 'string' ? audience : meshAudience,
  };
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
