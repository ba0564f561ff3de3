/** PeerAuthentication: whether a workload takes plaintext, mutual TLS or both (https://istio.io/latest/docs/reference/config/security/peer_authentication/). */
import { checkPeerAuthentication } from './rules/policy.ts';
import { istioKind, type SpecObject } from './kit/kind.ts';
import { choice, map, object, string, withDefault, yes, type Static } from './kit/node.ts';
import { workloadSelector } from './shared.ts';

const mutualTls = object({
  mode: withDefault(
    'UNSET',
    yes(
      'what inbound connections have to be; UNSET leaves it to the namespace, then the mesh, then PERMISSIVE',
      choice(['UNSET', 'DISABLE', 'PERMISSIVE', 'STRICT']),
    ),
  ),
});
/** A mode of mutual TLS. */
export type MutualTls = Static<typeof mutualTls>;

const spec = object(
  {
    selector: yes('workloads that this is for; all of the namespace where it is absent', workloadSelector),
    mtls: yes('mode of the workload', mutualTls),
    portLevelMtls: yes(
      'mode of single ports of the workload, by number',
      map(mutualTls, { maxItems: 4_096, key: string({ minLength: 1 }) }),
    ),
  },
  { rules: [checkPeerAuthentication] },
);
/** What a PeerAuthentication says. */
export type PeerAuthenticationSpec = Static<typeof spec>;
/** Whether workloads take plaintext. */
export interface PeerAuthentication extends SpecObject<'PeerAuthentication', PeerAuthenticationSpec> {}

/** The kind. */
export const peerAuthentication = istioKind({
  group: 'security.istio.io',
  versions: ['v1', 'v1beta1'],
  kind: 'PeerAuthentication',
  plural: 'peerauthentications',
  shortNames: ['pa'],
  spec,
});
