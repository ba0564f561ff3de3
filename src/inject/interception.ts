/** Redirection of a pod's TCP traffic to its proxy, as text for `iptables-restore`. */
import type { InjectionSettings } from './settings.ts';
import { metricsPort, probePort, proxyUser, statusPort } from './settings.ts';

/** What is left alone, from the pod's annotations `traffic.sidecar.istio.io/*`. */
export interface Exclusions {
  readonly inboundPorts: readonly string[];
  /** `*` or a list of ports; ports that are not listed are left alone. */
  readonly includeInboundPorts: readonly string[];
  readonly outboundPorts: readonly string[];
  readonly outboundRanges: readonly string[];
  /** `*` or ranges; what lies outside is left alone. */
  readonly includeOutboundRanges: readonly string[];
}

const prefix = 'traffic.sidecar.istio.io/';

/** Reads the annotations; Istio's defaults take everything. */
export function exclusionsOf(annotations: Readonly<Record<string, string>>): Exclusions {
  const list = (name: string, otherwise: string): readonly string[] =>
    (annotations[`${prefix}${name}`] ?? otherwise)
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '');
  return {
    inboundPorts: list('excludeInboundPorts', ''),
    includeInboundPorts: list('includeInboundPorts', '*'),
    outboundPorts: list('excludeOutboundPorts', ''),
    outboundRanges: list('excludeOutboundIPRanges', ''),
    includeOutboundRanges: list('includeOutboundIPRanges', '*'),
  };
}

const inboundPort = 15_006;
const outboundPort = 15_001;

/**
 * The rules of IPv4. Calls of the application to itself by loopback stay alone; the proxy's own traffic does too, except
 * where it calls its pod's address, which is the application calling itself through its service. What Envoy sends to
 * its application comes from 127.0.0.6 and must not come back.
 */
export function interceptionRules(by: InjectionSettings['interceptBy'], exclusions: Exclusions): string {
  const proxy = by === 'owner' ? `-m owner --uid-owner ${proxyUser}` : `-m mark --mark ${proxyUser}`;
  const others = by === 'owner' ? `-m owner ! --uid-owner ${proxyUser}` : `-m mark ! --mark ${proxyUser}`;
  return [
    '*nat',
    ':MIZZEN_INBOUND - [0:0]',
    ':MIZZEN_TO_INBOUND - [0:0]',
    ':MIZZEN_OUTBOUND - [0:0]',
    ':MIZZEN_TO_OUTBOUND - [0:0]',
    `-A MIZZEN_TO_INBOUND -p tcp -j REDIRECT --to-ports ${inboundPort}`,
    `-A MIZZEN_TO_OUTBOUND -p tcp -j REDIRECT --to-ports ${outboundPort}`,
    '-A PREROUTING -p tcp -j MIZZEN_INBOUND',
    '-A OUTPUT -p tcp -j MIZZEN_OUTBOUND',
    ...inboundRules(exclusions),
    '-A MIZZEN_OUTBOUND -s 127.0.0.6/32 -o lo -j RETURN',
    `-A MIZZEN_OUTBOUND ! -d 127.0.0.1/32 -o lo ${proxy} -j MIZZEN_TO_INBOUND`,
    `-A MIZZEN_OUTBOUND -o lo ${others} -j RETURN`,
    `-A MIZZEN_OUTBOUND ${proxy} -j RETURN`,
    '-A MIZZEN_OUTBOUND -d 127.0.0.1/32 -j RETURN',
    ...outboundRules(exclusions),
    'COMMIT',
    '',
  ].join('\n');
}

function inboundRules(exclusions: Exclusions): readonly string[] {
  const own = [statusPort, probePort, metricsPort].map(String);
  const alone = [...own, ...exclusions.inboundPorts].map(
    (port) => `-A MIZZEN_INBOUND -p tcp --dport ${port} -j RETURN`,
  );
  if (exclusions.includeInboundPorts.includes('*')) return [...alone, '-A MIZZEN_INBOUND -p tcp -j MIZZEN_TO_INBOUND'];
  return [
    ...alone,
    ...exclusions.includeInboundPorts.map((port) => `-A MIZZEN_INBOUND -p tcp --dport ${port} -j MIZZEN_TO_INBOUND`),
  ];
}

function outboundRules(exclusions: Exclusions): readonly string[] {
  const alone = [
    ...exclusions.outboundPorts.map((port) => `-A MIZZEN_OUTBOUND -p tcp --dport ${port} -j RETURN`),
    ...exclusions.outboundRanges.map((range) => `-A MIZZEN_OUTBOUND -d ${range} -j RETURN`),
  ];
  if (exclusions.includeOutboundRanges.includes('*')) return [...alone, '-A MIZZEN_OUTBOUND -j MIZZEN_TO_OUTBOUND'];
  return [
    ...alone,
    ...exclusions.includeOutboundRanges.map((range) => `-A MIZZEN_OUTBOUND -d ${range} -j MIZZEN_TO_OUTBOUND`),
  ];
}
