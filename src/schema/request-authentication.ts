/** RequestAuthentication: tokens that requests may carry (https://istio.io/latest/docs/reference/config/security/request_authentication/). */
import { istioKind, type SpecObject } from './kit/kind.ts';
import { boolean, choice, list, object, required, string, yes, type Static } from './kit/node.ts';
import { checkJwtRule, checkScope } from './rules/policy.ts';
import { positiveDuration, targetReference, workloadSelector } from './shared.ts';

const some = list(string({ minLength: 1 }));
const headerName = string({ minLength: 1, pattern: '[-_A-Za-z0-9]+' });
const keySet = string({ maxLength: 2_048, minLength: 1, format: 'url' });

const jwtRule = object(
  {
    issuer: required(yes('who issues the token', string({ minLength: 1 }))),
    audiences: yes('whom the token has to be for', some),
    jwksUri: yes('where the keys are', keySet),
    jwks_uri: yes('jwksUri under its name in old files', keySet),
    jwks: yes('the keys', string()),
    fromHeaders: yes(
      'headers that carry the token',
      list(
        object({
          name: required(yes('name of the header', string({ minLength: 1 }))),
          prefix: yes('what stands before the token', string()),
        }),
      ),
    ),
    fromParams: yes('query parameters that carry the token', some),
    fromCookies: yes('cookies that carry the token', some),
    outputPayloadToHeader: yes('header that gets the payload', string()),
    outputClaimToHeaders: yes(
      'headers that get claims',
      list(
        object({
          header: required(yes('name of the header', headerName)),
          claim: required(yes('name of the claim', string({ minLength: 1 }))),
        }),
      ),
    ),
    forwardOriginalToken: yes('the application sees the token', boolean()),
    timeout: yes('time that fetching the keys may take', positiveDuration),
    presence: yes('the token may be missing or not', choice(['OPTIONAL', 'REQUIRED'])),
    spaceDelimitedClaims: yes('claims that are lists of words', list(string({ minLength: 1 }), { maxItems: 64 })),
  },
  { oneOf: [['jwksUri', 'jwks_uri', 'jwks']], rules: [checkJwtRule] },
);

const spec = object(
  {
    selector: yes('workloads that this is for', workloadSelector),
    targetRef: yes('gateway or service that this is for; the old form', targetReference),
    targetRefs: yes('gateways and services that this is for', list(targetReference, { maxItems: 16 })),
    jwtRules: yes('tokens that are taken', list(jwtRule, { maxItems: 4_096 })),
  },
  { oneOf: [['selector', 'targetRef', 'targetRefs']], rules: [checkScope] },
);
/** What a RequestAuthentication says. */
export type RequestAuthenticationSpec = Static<typeof spec>;
/** Tokens that requests may carry. */
export interface RequestAuthentication extends SpecObject<'RequestAuthentication', RequestAuthenticationSpec> {}

/** The kind. */
export const requestAuthentication = istioKind({
  group: 'security.istio.io',
  versions: ['v1', 'v1beta1'],
  kind: 'RequestAuthentication',
  plural: 'requestauthentications',
  shortNames: ['ra'],
  spec,
  missing: 'requests are not authenticated by JWT yet',
});
