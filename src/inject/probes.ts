/** Probes of the application, turned to a port of the proxy that mutual TLS does not close. */
import type { Container, Probe } from '../schema/index.ts';
import { probePort } from './settings.ts';

/** Where the proxy answers a probe, and what it asks the application. */
export interface ProbeTarget {
  readonly kind: 'http' | 'tcp' | 'grpc';
  /** Path at the proxy (Istio's): `/app-health/CONTAINER/readyz`. */
  readonly path: string;
  readonly port: number;
  readonly timeoutSeconds: number;
  readonly request?: HttpRequest;
  readonly service?: string;
}

interface HttpRequest {
  readonly path: string;
  readonly host?: string;
  readonly tls: boolean;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
}

/** A container with its probes turned, and what the proxy must answer for it. */
export interface Rewritten {
  readonly container: Container;
  readonly targets: readonly ProbeTarget[];
}

const probeNames = { startupProbe: 'startupz', readinessProbe: 'readyz', livenessProbe: 'livez' } as const;

/** Turns the HTTP, TCP and gRPC probes of a container; probes by command are left as they are. */
export function rewriteProbes(container: Container): Rewritten {
  let rewritten = container;
  const targets: ProbeTarget[] = [];
  for (const [field, word] of Object.entries(probeNames) as [keyof typeof probeNames, string][]) {
    const probe = container[field];
    const target = probe === undefined ? undefined : targetOf(container, probe, word);
    if (probe === undefined || target === undefined) continue;
    targets.push(target);
    rewritten = { ...rewritten, [field]: turned(probe, target.path) };
  }
  return { container: rewritten, targets };
}

function turned(probe: Probe, path: string): Probe {
  const { httpGet: _http, tcpSocket: _tcp, grpc: _grpc, ...timing } = probe;
  return { ...timing, httpGet: { path, port: probePort } };
}

function targetOf(container: Container, probe: Probe, word: string): ProbeTarget | undefined {
  const base = {
    path: `/app-health/${container.name}/${word}`,
    timeoutSeconds: Math.max(1, probe.timeoutSeconds ?? 1),
  };
  if (probe.httpGet !== undefined) {
    const { path = '/', host, scheme, httpHeaders = [], port } = probe.httpGet;
    const number = portNumber(container, port);
    // A probe of another host has nothing to do with this pod.
    if (number === undefined || host !== undefined) return undefined;
    const named = httpHeaders.find((header) => header.name.toLowerCase() === 'host');
    const headers = httpHeaders
      .filter((header) => header !== named)
      .map((header) => ({ name: header.name, value: header.value ?? '' }));
    const request = {
      path,
      tls: scheme === 'HTTPS',
      headers,
      ...(named?.value === undefined ? {} : { host: named.value }),
    };
    return { ...base, kind: 'http', port: number, request };
  }
  if (probe.tcpSocket !== undefined) {
    const number = portNumber(container, probe.tcpSocket.port);
    return number === undefined ? undefined : { ...base, kind: 'tcp', port: number };
  }
  if (probe.grpc === undefined) return undefined;
  return { ...base, kind: 'grpc', port: probe.grpc.port, service: probe.grpc.service ?? '' };
}

function portNumber(container: Container, port: number | string): number | undefined {
  if (typeof port === 'number') return port;
  return container.ports?.find((candidate) => candidate.name === port)?.containerPort;
}
