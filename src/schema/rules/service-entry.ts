/** What a ServiceEntry and a WorkloadEntry must satisfy. */
import { memberPath } from '../kit/path.ts';
import { isCidr, isIp } from '../kit/address.ts';
import { hostComplaint, isLabel } from '../kit/formats.ts';
import type { Report } from '../kit/node.ts';
import { complain, unixComplaint, unixPrefix, warnEmptySelector } from './names.ts';
import { protocolKind, protocolNames } from './protocol.ts';

/** What the rules of an endpoint look at. */
export interface EndpointParts {
  readonly address?: string;
  readonly network?: string;
  readonly ports?: Readonly<Record<string, number>>;
}

/** Checks an endpoint by itself: its address. */
export function checkEndpoint(endpoint: EndpointParts, report: Report): void {
  const { address = '', network = '', ports = {} } = endpoint;
  if (address === '') {
    if (network === '') report.error('address', 'is missing: where the workload is', 'set an address, or a network');
    else
      report.warning(
        'address',
        `is missing, so the workload is behind a gateway of network ${JSON.stringify(network)}`,
      );
  } else if (address.startsWith(unixPrefix)) {
    complain(report, 'address', address, unixComplaint(address));
    if (Object.keys(ports).length > 0) report.error('ports', 'is not for a unix socket', 'take it away');
  } else if (!isIp(address)) {
    complain(report, 'address', address, hostComplaint(address, false));
  }
  for (const name of Object.keys(ports))
    if (!isLabel(name)) report.error(memberPath('ports', name), `${JSON.stringify(name)} is no name of a port`);
}

/** What the rules of a ServiceEntry look at. */
export interface EntryParts {
  readonly hosts: readonly string[];
  readonly addresses?: readonly string[];
  readonly ports?: readonly {
    readonly number: number;
    readonly name: string;
    readonly protocol?: string;
    readonly targetPort?: number;
  }[];
  readonly resolution?: string;
  readonly location?: string;
  readonly endpoints?: readonly EndpointParts[];
  readonly workloadSelector?: { readonly labels?: Readonly<Record<string, string>> };
}

/** Checks a ServiceEntry's spec. */
export function checkServiceEntry(spec: EntryParts, report: Report): void {
  const { hosts, addresses = [], resolution = 'NONE', endpoints, workloadSelector } = spec;
  for (const [i, host] of hosts.entries()) {
    if (host === '*') report.error(`hosts[${i}]`, '"*" is no host of a ServiceEntry', 'write *.example.com');
    else complain(report, `hosts[${i}]`, host, hostComplaint(host, true));
  }
  for (const [i, address] of addresses.entries())
    if (!isCidr(address))
      report.error(`addresses[${i}]`, `${JSON.stringify(address)} is no IP address and no CIDR range`);
  if (addresses.some((address) => address.includes('/')) && resolution !== 'NONE' && resolution !== 'STATIC') {
    report.error(
      'addresses',
      `has a range, which resolution ${resolution} cannot reach`,
      'set resolution: NONE or STATIC',
    );
  }
  if (workloadSelector !== undefined && endpoints !== undefined)
    report.error('endpoints', 'excludes workloadSelector', 'keep one of them');
  warnEmptySelector(workloadSelector?.labels, workloadSelector !== undefined, { path: 'workloadSelector', report });
  checkPorts(spec, report);
  checkResolution(spec, report);
}

function checkPorts({ ports = [], hosts, resolution = 'NONE' }: EntryParts, report: Report): void {
  const names = new Set<string>();
  const numbers = new Set<number>();
  for (const [i, { name, number, protocol = '', targetPort }] of ports.entries()) {
    if (names.has(name))
      report.error(`ports[${i}].name`, `${JSON.stringify(name)} is the name of another port`, 'give it another name');
    if (numbers.has(number))
      report.error(`ports[${i}].number`, `${number} is the number of another port`, 'keep one of them');
    names.add(name);
    numbers.add(number);
    if (!isLabel(name))
      report.error(`ports[${i}].name`, `${JSON.stringify(name)} is no name of a port: letters, digits and "-"`);
    const kind = protocolKind(protocol);
    if (protocol !== '' && kind === 'unknown')
      report.error(
        `ports[${i}].protocol`,
        `${JSON.stringify(protocol)} is no protocol`,
        `write one of ${protocolNames}`,
      );
    if (targetPort !== undefined && resolution === 'NONE')
      report.warning(`ports[${i}].targetPort`, 'has no effect with resolution NONE');
    if (hosts.length > 1 && resolution !== 'NONE' && kind !== 'http' && kind !== 'tls') {
      report.error(
        `ports[${i}].protocol`,
        'does not tell the hosts of this entry apart',
        'use a protocol with host names (HTTP, TLS), or one entry a host',
      );
    }
  }
}

function checkResolution(spec: EntryParts, report: Report): void {
  const { hosts, location, resolution = 'NONE', endpoints = [], workloadSelector } = spec;
  if (resolution === 'NONE' && endpoints.length > 0) {
    report.error(
      'endpoints',
      'is not for resolution NONE, which goes where the client goes',
      'set resolution: STATIC or DNS',
    );
  }
  if (resolution === 'DNS_ROUND_ROBIN' && endpoints.length > 1) {
    report.error('endpoints', 'has more than one entry, which DNS_ROUND_ROBIN does not take', 'set resolution: DNS');
  }
  if (resolution !== 'STATIC' && workloadSelector !== undefined) {
    report.warning('workloadSelector', `is meant for resolution STATIC, not ${resolution}`);
  }
  const looksUp = resolution === 'DNS' || resolution === 'DNS_ROUND_ROBIN';
  for (const [i, host] of hosts.entries()) {
    if (looksUp && endpoints.length === 0 && hostComplaint(host, false) !== undefined) {
      report.error(
        `hosts[${i}]`,
        `${JSON.stringify(host)} cannot be looked up`,
        'name the host in full, or write endpoints',
      );
    }
    if (resolution === 'DYNAMIC_DNS' && !host.startsWith('*')) {
      report.error(
        `hosts[${i}]`,
        `${JSON.stringify(host)} has no wildcard, which DYNAMIC_DNS is for`,
        'set resolution: DNS',
      );
    }
  }
  if (resolution === 'DYNAMIC_DNS' && location === 'MESH_INTERNAL') {
    report.error('location', 'must be MESH_EXTERNAL for DYNAMIC_DNS');
  }
  for (const [i, endpoint] of endpoints.entries()) checkEndpointOf(spec, endpoint, { at: `endpoints[${i}]`, report });
}

function checkEndpointOf(
  { ports = [], resolution = 'NONE' }: EntryParts,
  { address = '', ports: own = {} }: EndpointParts,
  { at, report }: { readonly at: string; readonly report: Report },
): void {
  const unix = address.startsWith(unixPrefix);
  if (unix && resolution.startsWith('DNS')) {
    report.error(
      `${at}.address`,
      `is a unix socket, which resolution ${resolution} cannot look up`,
      'set resolution: STATIC',
    );
  }
  if (resolution === 'STATIC' && address !== '' && !unix && !isIp(address)) {
    report.error(
      `${at}.address`,
      `${JSON.stringify(address)} is no IP address, which resolution STATIC needs`,
      'set resolution: DNS',
    );
  }
  if (unix && ports.length !== 1) {
    report.error(`${at}.address`, 'is a unix socket, for which the entry must have one port');
  }
  const names = ports.map(({ name }) => name);
  for (const name of Object.keys(own)) {
    if (names.includes(name)) continue;
    report.error(
      memberPath(`${at}.ports`, name),
      `${JSON.stringify(name)} is no port of this entry`,
      `use one of ${names.join(', ')}`,
    );
  }
}
