import type { Container, PodSpec } from './spec.ts';

/** The user that Istio's sidecars run as; interception leaves its traffic alone. */
export const proxyUser = 1337;
/** The container that is the proxy, by Istio's name. */
export const proxyContainer = 'istio-proxy';

/** What decides over a container's rights. */
export interface PrivilegeRequest {
  readonly kind: 'root' | 'user';
  readonly spec: PodSpec;
  readonly container: Container;
  /** True for init containers that are run to their end. */
  readonly isInit: boolean;
}

/** The user, groups and capabilities of a container. */
export interface Privileges {
  /** Absent: the user of the sandbox (root, or what an ordinary user sees as root). */
  readonly user: number | undefined;
  readonly group: number | undefined;
  readonly groups: readonly number[];
  /** Without `CAP_`, in lower case. */
  readonly capabilities: readonly string[];
}

/**
 * Applications get no capability whatever their pod asks for; an init container gets what it adds. As root the proxy runs
 * as its own user; an ordinary user has only one to give, so there the proxy alone gets the capability to mark its sockets.
 */
export function privilegesOf({ kind, spec, container, isInit }: PrivilegeRequest): Privileges {
  const isProxy = container.name === proxyContainer;
  const added = isInit ? (container.securityContext?.capabilities?.add ?? []) : [];
  const capabilities = new Set(added.map((name) => name.toLowerCase().replace(/^cap_/u, '')));
  if (kind === 'user') {
    if (isProxy) capabilities.add('net_admin');
    return { user: undefined, group: undefined, groups: [], capabilities: [...capabilities] };
  }
  const own = container.securityContext;
  const shared = spec.securityContext;
  const user = own?.runAsUser ?? shared?.runAsUser ?? (isProxy ? proxyUser : undefined);
  const group = own?.runAsGroup ?? shared?.runAsGroup ?? user;
  const groups = [...(shared?.supplementalGroups ?? []), ...(shared?.fsGroup === undefined ? [] : [shared.fsGroup])];
  return { user, group, groups, capabilities: [...capabilities] };
}

/** The command line that gives up everything else; what follows it runs with these rights. */
export function dropCommand(privileges: Privileges): string[] {
  const { user, group, groups, capabilities } = privileges;
  const kept = capabilities.map((name) => `,+${name}`).join('');
  const isRoot = user === undefined || user === 0;
  return [
    'setpriv',
    ...(user === undefined ? [] : ['--reuid', String(user)]),
    ...(group === undefined ? [] : ['--regid', String(group)]),
    ...(groups.length > 0 ? ['--groups', groups.join(',')] : user === undefined ? [] : ['--clear-groups']),
    `--bounding-set=-all${kept}`,
    `--inh-caps=-all${kept}`,
    `--ambient-caps=-all${isRoot ? '' : kept}`,
    '--no-new-privs',
  ];
}
