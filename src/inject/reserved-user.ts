import { MizzenError } from '../base/error.ts';
import type { Pod } from '../schema/index.ts';
import { proxyUser } from './settings.ts';

/**
 * Refuses a pod whose application would run as the proxy's user: interception leaves that user's traffic alone, so
 * nothing that the mesh says would hold for it. `proxyName` is the one container that may. Throws `injection-refused`.
 */
export function refuseReservedUser(pod: Pod, proxyName: string): void {
  const { spec } = pod;
  const shared = spec.securityContext?.runAsUser;
  const found = [...(spec.initContainers ?? []), ...spec.containers].find(
    ({ name, securityContext }) => name !== proxyName && (securityContext?.runAsUser ?? shared) === proxyUser,
  );
  if (found === undefined) return;
  const ofPod = found.securityContext?.runAsUser === undefined;
  throw new MizzenError(
    'injection-refused',
    `container ${found.name} must not run as user ${proxyUser}, which is the proxy's`,
    {
      fix: `give ${ofPod ? "the pod's securityContext" : `securityContext of ${found.name}`} another runAsUser, or leave it out`,
    },
  );
}
