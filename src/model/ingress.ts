/** What a gateway proxy serves: the servers of the Gateways that select it. */
import { defineQuery, type Read } from '../base/engine/index.ts';
import type { Gateway, VirtualService } from '../schema/index.ts';
import type { WorkloadKey } from './authentication.ts';
import { intersection, bySpecificity } from './host.ts';
import { boundPorts } from './bound-ports.ts';
import { everything, fullHosts, gatewaysAll, gateways, routesByGateway } from './inputs.ts';
import { meshSettings } from './settings.ts';
import { byAge, isVisible, selects } from './visibility.ts';
import { workloadOf, type Workload } from './workload.ts';

/** Key of what gateway proxies with the same Gateways and ports share. */
export interface Ingress {
  readonly [key: string]: readonly string[] | Readonly<Record<string, number>> | WorkloadKey;
  /** Whose authorization policies hold. */
  readonly workload: WorkloadKey;
  /** `namespace/name` of each Gateway that selects the proxy, oldest first. */
  readonly gateways: readonly string[];
  /** Port of the pod by the port of its Service, where they differ. */
  readonly targetPorts: Readonly<Record<string, number>>;
}

/** The Gateways of a gateway pod (`namespace/name`), or `undefined` if it is gone. */
export const ingressOf = defineQuery<string, Ingress | undefined>('ingress', (read, podKey) => {
  const workload = read.get(workloadOf, podKey);
  if (workload === undefined) return undefined;
  const selected = read
    .cell(gatewaysAll, everything)
    .filter((gateway) => selects(gateway.spec?.selector, workload.labels))
    .toSorted(byAge);
  return {
    workload: { namespace: workload.namespace, labels: workload.labels },
    gateways: selected.map((gateway) => `${gateway.metadata.namespace ?? ''}/${gateway.metadata.name}`),
    targetPorts: targetPorts(read, workload),
  };
});

function targetPorts(read: Read, workload: Workload): Readonly<Record<string, number>> {
  const ports = boundPorts(read, workload).filter(({ service }) => service.translatesPorts);
  // The oldest service of a port decides.
  const pairs = ports.toReversed().map(({ port, target }): [string, number] => [String(port.number), target]);
  return Object.fromEntries(new Map(pairs.filter(([port, target]) => port !== String(target))));
}

type WrittenServer = NonNullable<NonNullable<Gateway['spec']>['servers']>[number];

/** One server of a Gateway as a gateway proxy runs it. */
export interface IngressServer {
  /** `namespace/name` of the Gateway. */
  readonly gateway: string;
  readonly gatewayNamespace: string;
  /** Port as the Gateway names it; route names carry it. */
  readonly port: number;
  /** Port that the proxy listens on. */
  readonly listenPort: number;
  readonly bind: string;
  readonly server: WrittenServer;
  /** Hosts without their namespace part. */
  readonly hosts: readonly string[];
}

/** The servers of a gateway proxy in the order of their Gateways' age. */
export const ingressServers = defineQuery<Ingress, readonly IngressServer[]>('ingress servers', (read, ingress) =>
  ingress.gateways.flatMap((key) => {
    const gateway = read.input(gateways, key);
    return (gateway?.spec?.servers ?? []).map((server) => ({
      gateway: key,
      gatewayNamespace: gateway?.metadata.namespace ?? '',
      port: server.port.number,
      listenPort: ingress.targetPorts[String(server.port.number)] ?? server.port.number,
      bind: server.bind === undefined || server.bind === '' ? '0.0.0.0' : server.bind,
      server,
      hosts: server.hosts.map((host) => host.slice(host.indexOf('/') + 1)),
    }));
  }),
);

/** A VirtualService and those of its hosts that a server lets in. */
export interface BoundRoute {
  readonly rule: VirtualService;
  readonly hosts: readonly string[];
}

/** VirtualServices bound to a server, oldest first, with the hosts that both name. */
export function boundRoutes(read: Read, server: IngressServer): readonly BoundRoute[] {
  const { virtualServiceExportTo } = read.get(meshSettings, '');
  return read
    .cell(routesByGateway, server.gateway)
    .toSorted(byAge)
    .flatMap((rule) => {
      const namespace = rule.metadata.namespace ?? '';
      const exported = rule.spec?.exportTo ?? virtualServiceExportTo;
      if (!isVisible(exported, namespace, server.gatewayNamespace)) return [];
      const hosts = server.server.hosts.flatMap((pattern) => letIn(pattern, rule, server.gatewayNamespace));
      return hosts.length === 0 ? [] : [{ rule, hosts: [...new Set(hosts)].toSorted(bySpecificity) }];
    });
}

// `namespace/host`: only VirtualServices of that namespace; `.` is the Gateway's own.
function letIn(pattern: string, rule: VirtualService, gatewayNamespace: string): readonly string[] {
  const slash = pattern.indexOf('/');
  const owner = slash === -1 ? '*' : pattern.slice(0, slash);
  const wanted = owner === '.' ? gatewayNamespace : owner;
  if (wanted !== '*' && wanted !== rule.metadata.namespace) return [];
  return fullHosts(rule).flatMap((host) => intersection(pattern.slice(slash + 1), host) ?? []);
}
