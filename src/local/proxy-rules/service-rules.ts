import type { EndpointSlice, Service, ServicePort } from '../../schema/index.ts';
import { objectKey } from '../../schema/object.ts';
import { safeHash } from '../controllers/safe-name.ts';

/** The network that the rules are for. */
export interface RuleSettings {
  /** Addresses of pods (`10.44.0.0/16`). */
  readonly podRange: string;
  /** Addresses of services (`10.96.0.0/16`). */
  readonly serviceRange: string;
  /** Port of the DNS server in the sandbox's own network. */
  readonly dnsPort: number;
  /** Port of what takes TCP that leaves the mesh, by original destination; without one such traffic is refused. */
  readonly egressPort?: number;
  /**
   * `random` spreads new connections over the endpoints (netfilter's `statistic`); `first` takes the first one always, for
   * kernels without it.
   */
  readonly balance: 'random' | 'first';
}

/** Rules by table, in the syntax of `iptables-restore`, and the chains they are in. */
export interface RuleSet {
  readonly nat: Chains;
  readonly filter: Chains;
}

/** Lines by chain; a chain may be empty. */
export type Chains = ReadonlyMap<string, readonly string[]>;

/** Mark of connections that a pod makes to itself through a service. */
const hairpinMark = '0x4000/0x4000';

interface Target {
  readonly ip: string;
  readonly port: number;
}

/**
 * What kube-proxy does, plus the mesh's way out: service addresses lead to ready endpoints, a service without any is
 * refused at once, TCP that leaves the mesh goes to the egress port, DNS to the mesh's own server, all else is refused. Pure.
 */
export function serviceRules(
  services: readonly Service[],
  slices: readonly EndpointSlice[],
  settings: RuleSettings,
): RuleSet {
  const nat = new Map<string, string[]>();
  const entry: string[] = [];
  const bySlice = Map.groupBy(
    slices,
    (slice) => `${slice.metadata.namespace ?? ''}/${slice.metadata.labels?.['kubernetes.io/service-name'] ?? ''}`,
  );
  for (const service of services.toSorted((a, b) => (objectKey(a) < objectKey(b) ? -1 : 1))) {
    const address = service.spec.clusterIP;
    if (address === undefined || !/^\d+(?:\.\d+){3}$/u.test(address)) continue;
    for (const port of service.spec.ports ?? []) {
      const targets = targetsOf(port, bySlice.get(objectKey(service)) ?? []);
      const protocol = protocolOf(port);
      if (targets.length === 0 || protocol === undefined) continue;
      const chain = `MIZZEN-SVC-${safeHash(`${objectKey(service)}/${protocol}/${port.port}`, 12)}`;
      entry.push(
        `-d ${address}/32 -p ${protocol} --dport ${port.port} -m comment --comment "${objectKey(service)}" -j ${chain}`,
      );
      addBalance(nat, chain, { targets, protocol, balance: settings.balance });
    }
  }
  nat.set('MIZZEN-SERVICES', entry);
  nat.set('MIZZEN-PREROUTING', ['-j MIZZEN-SERVICES', ...leaving(settings)]);
  nat.set('MIZZEN-POSTROUTING', [`-m mark --mark ${hairpinMark} -j MASQUERADE`]);
  return { nat, filter: filterChains(settings) };
}

function protocolOf(port: ServicePort): 'tcp' | 'udp' | undefined {
  const { protocol = 'TCP' } = port;
  return protocol === 'TCP' ? 'tcp' : protocol === 'UDP' ? 'udp' : undefined;
}

function targetsOf(port: ServicePort, slices: readonly EndpointSlice[]): Target[] {
  const targets = slices.flatMap((slice) => {
    const target = slice.ports?.find(
      ({ name = '', protocol = 'TCP' }) => name === (port.name ?? '') && protocol === (port.protocol ?? 'TCP'),
    );
    if (target?.port === undefined || slice.addressType !== 'IPv4') return [];
    const number = target.port;
    const ready = slice.endpoints.filter(({ conditions }) => conditions?.ready !== false);
    return ready.flatMap(({ addresses }) => addresses.slice(0, 1).map((ip) => ({ ip, port: number })));
  });
  return targets.toSorted((a, b) => (a.ip === b.ip ? a.port - b.port : a.ip < b.ip ? -1 : 1));
}

/** The chain of a service port, and one for each endpoint; each takes its part of what those before it left. */
function addBalance(
  nat: Map<string, string[]>,
  chain: string,
  {
    targets,
    protocol,
    balance,
  }: { readonly targets: readonly Target[]; readonly protocol: string; readonly balance: 'random' | 'first' },
): void {
  const used = balance === 'random' ? targets : targets.slice(0, 1);
  const jumps = used.map(({ ip, port }, i) => {
    const to = `MIZZEN-SEP-${safeHash(`${chain}/${ip}:${port}`, 12)}`;
    nat.set(to, [
      `-s ${ip}/32 -j MARK --set-xmark ${hairpinMark}`,
      `-p ${protocol} -j DNAT --to-destination ${ip}:${port}`,
    ]);
    const left = used.length - i;
    return left === 1 ? `-j ${to}` : `-m statistic --mode random --probability ${(1 / left).toFixed(11)} -j ${to}`;
  });
  nat.set(chain, jumps);
}

/** What becomes of a pod's packets to places that are not the mesh's. */
function leaving({ podRange, serviceRange, dnsPort, egressPort }: RuleSettings): string[] {
  return [
    `! -s ${podRange} -j RETURN`,
    `-d ${podRange} -j RETURN`,
    `-d ${serviceRange} -j RETURN`,
    `-p udp --dport 53 -j REDIRECT --to-ports ${dnsPort}`,
    ...(egressPort === undefined ? [] : [`-p tcp -j REDIRECT --to-ports ${egressPort}`]),
  ];
}

function filterChains({ podRange, serviceRange }: RuleSettings): Chains {
  // Service addresses that are still there when a packet is routed have no endpoint, or no such port.
  const refuse = (match: string): string[] => [
    `${match} -p tcp -j REJECT --reject-with tcp-reset`,
    `${match} -j REJECT --reject-with icmp-port-unreachable`,
  ];
  return new Map([
    [
      'MIZZEN-FORWARD',
      [...refuse(`-d ${serviceRange}`), `-s ${podRange} -d ${podRange} -j RETURN`, ...refuse(`-s ${podRange}`)],
    ],
    ['MIZZEN-OUTPUT', refuse(`-d ${serviceRange}`)],
  ]);
}
