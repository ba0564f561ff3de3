import { MizzenError } from '../base/error.ts';
import { spiffeId } from '../model/endpoint.ts';

/** Who a workload is, as the token review tells; never taken from what a proxy says of itself. */
export interface WorkloadIdentity {
  /** Lower-case, like `cluster.local`. */
  readonly trustDomain: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

const trustDomainPattern = /^[a-z0-9._-]{1,255}$/u;
const segmentPattern = /^[a-zA-Z0-9._-]{1,253}$/u;

/**
 * The SPIFFE ID in Istio's form, `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`. Fails with
 * `identity-invalid` for parts outside SPIFFE's characters (SPIFFE-ID 2.1 and 2.2), so that no part can hold a slash.
 */
export function checkedSpiffeId(identity: WorkloadIdentity): string {
  const { trustDomain, namespace, serviceAccount } = identity;
  const segments = [namespace, serviceAccount];
  if (
    !trustDomainPattern.test(trustDomain) ||
    !segments.every((one) => segmentPattern.test(one) && one !== '.' && one !== '..')
  ) {
    throw new MizzenError(
      'identity-invalid',
      `no SPIFFE ID can be made of ${JSON.stringify([trustDomain, namespace, serviceAccount]).slice(0, 200)}`,
    );
  }
  return spiffeId(trustDomain, namespace, serviceAccount);
}
