/** What a Sidecar must satisfy. */
import { isIp } from '../kit/address.ts';
import { isLabel, hostComplaint } from '../kit/formats.ts';
import type { Report } from '../kit/node.ts';
import { checkScopedHost, complain, unixComplaint, unixPrefix, warnEmptySelector } from './names.ts';
import { protocolKind, protocolNames } from './protocol.ts';
import type { ServerParts } from './tls.ts';

type Port = {
  readonly number?: number;
  readonly protocol?: string;
  readonly name?: string;
  readonly targetPort?: number;
};
type Ingress = {
  readonly port: Port;
  readonly bind?: string;
  readonly defaultEndpoint?: string;
  readonly tls?: ServerParts & { readonly subjectAltNames?: readonly string[] };
};
type Egress = {
  readonly port?: Port;
  readonly bind?: string;
  readonly captureMode?: string;
  readonly hosts: readonly string[];
};

/** What the rules of a Sidecar look at. */
export interface SidecarParts {
  readonly workloadSelector?: { readonly labels?: Readonly<Record<string, string>> };
  readonly ingress?: readonly Ingress[];
  readonly egress?: readonly Egress[];
  readonly inboundConnectionPool?: object;
  readonly outboundTrafficPolicy?: {
    readonly mode?: string;
    readonly egressProxy?: { readonly host: string; readonly port?: object };
  };
}

/** Checks a Sidecar's spec. */
export function checkSidecar(spec: SidecarParts, report: Report): void {
  const { workloadSelector, ingress = [], egress = [], outboundTrafficPolicy } = spec;
  warnEmptySelector(workloadSelector?.labels, workloadSelector !== undefined, { path: 'workloadSelector', report });
  if (
    ingress.length === 0 &&
    egress.length === 0 &&
    outboundTrafficPolicy === undefined &&
    spec.inboundConnectionPool === undefined
  ) {
    report.error('', 'says nothing', 'set egress, ingress or outboundTrafficPolicy');
  }
  const ports = new Set<number>();
  for (const [i, listener] of ingress.entries()) {
    checkIngress(listener, `ingress[${i}]`, report);
    const { number = 0 } = listener.port;
    if (ports.has(number)) report.error(`ingress[${i}].port.number`, `${number} is the port of another listener`);
    ports.add(number);
  }
  checkEgress(egress, report);
  checkEgressProxy(outboundTrafficPolicy, report);
}

function checkPort(port: Port, at: string, report: Report): void {
  if ((port.targetPort ?? 0) > 0) report.error(`${at}.targetPort`, 'has no meaning in a Sidecar', 'take it away');
  if (port.name !== undefined && port.name !== '' && !isLabel(port.name))
    report.error(`${at}.name`, `${JSON.stringify(port.name)} is no name of a port`);
  const { protocol = '' } = port;
  if (protocol !== '' && protocolKind(protocol) === 'unknown')
    report.error(`${at}.protocol`, `${JSON.stringify(protocol)} is no protocol`, `write one of ${protocolNames}`);
}

function checkIngress(listener: Ingress, at: string, report: Report): void {
  const { port, bind = '', defaultEndpoint = '', tls } = listener;
  checkPort(port, `${at}.port`, report);
  if ((port.number ?? 0) === 0) report.error(`${at}.port.number`, 'is missing: port to listen on');
  if (bind !== '' && !isIp(bind)) report.error(`${at}.bind`, `${JSON.stringify(bind)} is no address`);
  if (defaultEndpoint !== '') checkDefaultEndpoint(defaultEndpoint, `${at}.defaultEndpoint`, report);
  if (tls === undefined) return;
  if ((tls.subjectAltNames ?? []).length > 0) report.error(`${at}.tls.subjectAltNames`, 'is not for a Sidecar');
  if (tls.httpsRedirect === true) report.error(`${at}.tls.httpsRedirect`, 'is not for a Sidecar');
  if ((tls.credentialName ?? '') !== '') report.error(`${at}.tls.credentialName`, 'is not for a Sidecar', 'name files');
  if (tls.mode === 'ISTIO_MUTUAL' || tls.mode === 'AUTO_PASSTHROUGH')
    report.error(`${at}.tls.mode`, `${tls.mode} is not for a Sidecar`);
}

function checkDefaultEndpoint(endpoint: string, at: string, report: Report): void {
  if (endpoint.startsWith(unixPrefix)) {
    complain(report, at, endpoint, unixComplaint(endpoint));
    return;
  }
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):([^:]*)$/u.exec(endpoint);
  const host = match?.[1] ?? match?.[2] ?? '';
  const port = match?.[3] ?? '';
  const local = ['', '127.0.0.1', '0.0.0.0', '::1', '::'].includes(host);
  if (match === null || !local || !/^\d{1,5}$/u.test(port) || Number(port) < 1 || Number(port) > 65_535) {
    report.error(
      at,
      `${JSON.stringify(endpoint)} is no endpoint of the pod`,
      'write 127.0.0.1:PORT, 0.0.0.0:PORT, [::1]:PORT, [::]:PORT, :PORT or unix:///PATH',
    );
  }
}

function checkEgress(listeners: readonly Egress[], report: Report): void {
  const ports = new Set<number>();
  const sockets = new Set<string>();
  for (const [i, { port, bind = '', captureMode = 'DEFAULT', hosts }] of listeners.entries()) {
    const at = `egress[${i}]`;
    checkEgressHosts(hosts, at, report);
    if (port === undefined) {
      if (i < listeners.length - 1)
        report.error(`${at}.port`, 'is missing: only the last listener may be for every port', 'put it last');
      continue;
    }
    checkPort(port, `${at}.port`, report);
    const { number = 0 } = port;
    if (number !== 0) {
      if (bind !== '' && !isIp(bind)) report.error(`${at}.bind`, `${JSON.stringify(bind)} is no address`);
      if (ports.has(number)) report.error(`${at}.port.number`, `${number} is the port of another listener`);
      ports.add(number);
      continue;
    }
    if (!bind.startsWith(unixPrefix))
      report.error(
        `${at}.bind`,
        'must be a unix socket where the port has no number',
        'set port.number, or bind: unix:///path',
      );
    else complain(report, `${at}.bind`, bind, unixComplaint(bind));
    if (captureMode === 'IPTABLES')
      report.error(`${at}.captureMode`, 'IPTABLES cannot capture a unix socket', 'write NONE');
    if (sockets.has(bind)) report.error(`${at}.bind`, `${JSON.stringify(bind)} is the socket of another listener`);
    sockets.add(bind);
  }
}

function checkEgressHosts(hosts: readonly string[], at: string, report: Report): void {
  for (const [i, host] of hosts.entries()) {
    checkScopedHost(host, `${at}.hosts[${i}]`, report, 'sidecar');
    const [namespace = ''] = host.split('/');
    const covered = hosts.some(
      (other, j) => j !== i && (other === '*/*' || other === `${namespace}/*` || (other === host && j < i)),
    );
    if (covered) report.warning(`${at}.hosts[${i}]`, `${JSON.stringify(host)} is covered by another host of the list`);
  }
}

function checkEgressProxy(policy: SidecarParts['outboundTrafficPolicy'], report: Report): void {
  const proxy = policy?.egressProxy;
  if (proxy === undefined) return;
  const { mode = 'ALLOW_ANY' } = policy ?? {};
  if (mode !== 'ALLOW_ANY')
    report.error('outboundTrafficPolicy.egressProxy', `is not for mode ${mode}`, 'set mode: ALLOW_ANY');
  complain(report, 'outboundTrafficPolicy.egressProxy.host', proxy.host, hostComplaint(proxy.host, false));
  if (proxy.port === undefined)
    report.error(
      'outboundTrafficPolicy.egressProxy.port',
      'is missing: port of the proxy',
      'write port: {number: 8080}',
    );
}
