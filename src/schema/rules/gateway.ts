/** What a Gateway must satisfy. */
import { isIp } from '../kit/address.ts';
import { isLabel } from '../kit/formats.ts';
import type { Report } from '../kit/node.ts';
import { checkScopedHost, complain, nameOf, unixComplaint, unixPrefix } from './names.ts';
import { protocolKind, protocolNames } from './protocol.ts';
import type { ServerParts } from './tls.ts';

/** What the rules of a server look at. */
export interface GatewayServer {
  readonly port: {
    readonly number: number;
    readonly protocol: string;
    readonly name: string;
    readonly targetPort?: number;
  };
  readonly bind?: string;
  readonly hosts: readonly string[];
  readonly tls?: ServerParts;
}

/** Checks one server of a gateway. */
export function checkServer(server: GatewayServer, report: Report): void {
  const { port, bind = '', hosts, tls } = server;
  for (const [i, host] of hosts.entries()) checkScopedHost(host, `hosts[${i}]`, report, 'gateway');
  const kind = protocolKind(port.protocol);
  if (kind === 'unknown')
    report.error('port.protocol', `${JSON.stringify(port.protocol)} is no protocol`, `write one of ${protocolNames}`);
  if ((port.targetPort ?? 0) > 0) report.error('port.targetPort', 'has no meaning in a Gateway', 'take it away');
  checkBind(bind, port.number, report);
  if (kind === 'tls' && tls === undefined)
    report.error(
      'tls',
      `is missing: a port of protocol ${port.protocol} needs it`,
      'say which certificate, or mode: PASSTHROUGH',
    );
  if (kind === 'http' && tls !== undefined && !redirectsOnly(tls))
    report.error(
      'tls',
      `is not for ${port.protocol}, which is plain text`,
      'set protocol: HTTPS, or keep httpsRedirect only',
    );
  if (kind === 'other' && tls !== undefined)
    report.error('tls', `is not for ${port.protocol}`, 'set protocol: TLS or HTTPS');
  if (kind !== 'http' && tls?.httpsRedirect === true)
    report.warning('tls.httpsRedirect', 'has no meaning but for HTTP ports');
}

function redirectsOnly(tls: ServerParts): boolean {
  const passes = tls.mode === undefined || tls.mode === 'PASSTHROUGH' || tls.mode === 'AUTO_PASSTHROUGH';
  return passes && [tls.caCertificates, tls.privateKey, tls.serverCertificate].every((file) => (file ?? '') === '');
}

function checkBind(bind: string, number: number, report: Report): void {
  if (bind.startsWith(unixPrefix)) {
    complain(report, 'bind', bind, unixComplaint(bind));
    if (number !== 0) report.error('port.number', 'must be 0 for a unix socket', 'write 0');
    return;
  }
  if (number === 0) report.error('port.number', 'must be 1 to 65535, not 0');
  if (bind !== '' && !isIp(bind)) report.error('bind', `${JSON.stringify(bind)} is no address and no unix socket`);
}

/** Checks a Gateway as a whole. */
export function checkGateway(
  object: { readonly metadata?: unknown; readonly spec: { readonly servers?: readonly GatewayServer[] } },
  report: Report,
): void {
  const name = nameOf(object.metadata);
  if (name !== '' && !isLabel(name))
    report.error(
      'metadata.name',
      `${JSON.stringify(name)} is no name of a Gateway, which must be a DNS label`,
      'use letters, digits and "-"',
    );
  const { servers = [] } = object.spec;
  if (servers.length === 0) report.error('spec.servers', 'is empty: a gateway needs a port', 'add a server');
  const names = new Map<string, number>();
  for (const [i, { port }] of servers.entries()) {
    const same = names.get(port.name);
    if (same !== undefined)
      report.error(
        `spec.servers[${i}].port.name`,
        `${JSON.stringify(port.name)} is the name of spec.servers[${same}] too`,
        'give each port a name of its own',
      );
    else names.set(port.name, i);
  }
}
