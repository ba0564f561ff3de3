/** AuthorizationPolicy: who may do what with a workload (https://istio.io/latest/docs/reference/config/security/authorization-policy/). */
import { checkAuthorizationPolicy, checkPolicyRule } from './rules/policy.ts';
import { istioKind, type SpecObject } from './kit/kind.ts';
import { choice, list, no, object, required, string, withDefault, yes, type Static } from './kit/node.ts';
import { targetReference, workloadSelector } from './shared.ts';

const values = list(string({ minLength: 1 }));
const ranges = list(string({ format: 'cidr' }));
const jwt = 'requests are not authenticated by JWT yet';

const source = object({
  principals: yes('identities of the client, as trust-domain/ns/namespace/sa/account', values),
  notPrincipals: yes('identities that the client must not have', values),
  requestPrincipals: no('identities from JWT, as issuer/subject', values, jwt),
  notRequestPrincipals: no('identities from JWT that the request must not have', values, jwt),
  namespaces: yes('namespaces of the client', values),
  notNamespaces: yes('namespaces that the client must not be in', values),
  serviceAccounts: yes(
    'service accounts of the client, as [namespace/]account',
    list(string({ minLength: 1, maxLength: 320 }), { maxItems: 16 }),
  ),
  notServiceAccounts: yes(
    'service accounts that the client must not have',
    list(string({ minLength: 1, maxLength: 320 }), { maxItems: 16 }),
  ),
  trustDomains: yes('trust domains of the client', values),
  notTrustDomains: yes('trust domains that the client must not be in', values),
  ipBlocks: yes('addresses that the connection comes from', ranges),
  notIpBlocks: yes('addresses that the connection must not come from', ranges),
  remoteIpBlocks: yes('addresses of the client by X-Forwarded-For', ranges),
  notRemoteIpBlocks: yes('addresses that the client must not have', ranges),
});
/** Who calls. */
export type Source = Static<typeof source>;

const operation = object({
  hosts: yes('hosts that the request names', values),
  notHosts: yes('hosts that the request must not name', values),
  ports: yes('ports of the workload', values),
  notPorts: yes('ports that it must not be', values),
  methods: yes('methods of the request', values),
  notMethods: yes('methods that it must not have', values),
  paths: yes('paths of the request; exact, prefix*, *suffix, or with {*} and {**}', values),
  notPaths: yes('paths that it must not have', values),
});
/** What is asked for. */
export type Operation = Static<typeof operation>;

const condition = object({
  key: required(
    yes(
      'attribute that is looked at',
      string({
        minLength: 1,
        unsupported: {
          'request.auth.*': jwt,
          'experimental.envoy.filters.*': 'metadata of other filters is not looked at',
        },
      }),
    ),
  ),
  values: yes('values of which it has to have one', list(string())),
  notValues: yes('values that it must not have', list(string())),
});
/** A condition on an attribute. */
export type Condition = Static<typeof condition>;

const rule = object(
  {
    from: yes('who calls; any is enough', list(object({ source: yes('who calls', source) }), { maxItems: 512 })),
    to: yes('what is asked for; any is enough', list(object({ operation: yes('what is asked for', operation) }))),
    when: yes('conditions; all must hold', list(condition)),
  },
  { rules: [checkPolicyRule] },
);
/** One rule. */
export type AuthorizationRule = Static<typeof rule>;

const spec = object(
  {
    selector: yes('workloads that this is for; all of the namespace where it is absent', workloadSelector),
    targetRef: no(
      'gateway or service that this is for; the old form',
      targetReference,
      'only selectors pick workloads',
    ),
    targetRefs: no(
      'gateways and services that this is for',
      list(targetReference, { maxItems: 16 }),
      'only selectors pick workloads',
    ),
    rules: yes('rules of which one has to match', list(rule, { maxItems: 512 })),
    action: withDefault(
      'ALLOW',
      yes(
        'what becomes of requests that match',
        choice(['ALLOW', 'DENY', 'AUDIT', 'CUSTOM'], {
          AUDIT: 'marking requests for an audit',
          CUSTOM: 'asking an external authorizer',
        }),
      ),
    ),
    provider: no(
      'external authorizer for CUSTOM',
      object({ name: no('its name in the mesh settings', string()) }),
      'CUSTOM is not there',
    ),
  },
  { oneOf: [['selector', 'targetRef', 'targetRefs']], rules: [checkAuthorizationPolicy] },
);
/** What an AuthorizationPolicy says. */
export type AuthorizationPolicySpec = Static<typeof spec>;
/** Who may do what with a workload. */
export interface AuthorizationPolicy extends SpecObject<'AuthorizationPolicy', AuthorizationPolicySpec> {}

/** The kind. */
export const authorizationPolicy = istioKind({
  group: 'security.istio.io',
  versions: ['v1', 'v1beta1'],
  kind: 'AuthorizationPolicy',
  plural: 'authorizationpolicies',
  shortNames: ['ap'],
  spec,
});
