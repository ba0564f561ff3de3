/** What one proxy is sent: the names of its clusters and listeners, and any resource by its name. */
import { defineQuery, type Read } from '../base/engine/index.ts';
import { inboundOf } from '../model/inbound.ts';
import { ingressOf } from '../model/ingress.ts';
import { viewOf, type ProxyKey, type View } from '../model/view.ts';
import type { Resource, XdsType } from '../proto/resource.ts';
import { fixedClusters, inboundClusterResource } from './cluster/fixed.ts';
import { outboundClusterNames, outboundClusterResource, type ClusterKey } from './cluster/outbound.ts';
import { assignment } from './endpoint/assignment.ts';
import { gatewayListenerNames, gatewayListenerResource } from './listener/gateway.ts';
import { inboundKey, inboundListenerResource } from './listener/inbound.ts';
import { outboundListenerNames, outboundListenerResource, virtualOutboundResource } from './listener/outbound.ts';
import {
  inboundCluster,
  inboundPassthroughCluster,
  inboundPassthroughRoute,
  parseClusterName,
  virtualInbound,
  virtualOutbound,
} from './names.ts';
import { gatewayRouteResource } from './route/gateway.ts';
import { inboundRouteResource } from './route/inbound.ts';
import { outboundRouteResource } from './route/outbound.ts';

/** Names one resource as one proxy sees it. */
export interface ProxyResourceKey {
  readonly [key: string]: string | ProxyKey;
  readonly proxy: ProxyKey;
  readonly type: Exclude<XdsType, 'secret'>;
  readonly name: string;
}

/** The types of which a proxy is sent everything. */
export type ListedType = 'cluster' | 'listener';

/** Names of all clusters or listeners of a proxy; empty once its pod is gone. */
export const proxyNames = defineQuery<{ readonly proxy: ProxyKey; readonly type: ListedType }, readonly string[]>(
  'proxy names',
  (read, { proxy, type }) => {
    const view = read.get(viewOf, proxy);
    if (view === undefined) return [];
    return type === 'cluster' ? clusterNames(read, proxy, view) : listenerNames(read, proxy, view);
  },
);

function clusterNames(read: Read, proxy: ProxyKey, view: View): readonly string[] {
  const inbound = proxy.type === 'sidecar' ? read.get(inboundOf, proxy.pod) : undefined;
  return [
    ...read.get(outboundClusterNames, view),
    ...read.get(fixedClusters, proxy.type).map((cluster) => cluster.name),
    ...(inbound === undefined
      ? []
      : [...inbound.ports.map((port) => inboundCluster(port.port)), inboundPassthroughCluster]),
  ];
}

function listenerNames(read: Read, proxy: ProxyKey, view: View): readonly string[] {
  if (proxy.type === 'sidecar') return [...read.get(outboundListenerNames, view), virtualInbound];
  const ingress = read.get(ingressOf, proxy.pod);
  if (ingress === undefined) return [];
  return read
    .get(gatewayListenerNames, ingress)
    .filter((name) => read.get(gatewayListenerResource, { view, ingress, name }) !== undefined);
}

/** One resource of a proxy; `undefined` if it has none of that name. Replicas share what is behind it. */
export const proxyResource = defineQuery<ProxyResourceKey, Resource | undefined>(
  'proxy resource',
  (read, { proxy, type, name }) => {
    const view = read.get(viewOf, proxy);
    if (view === undefined) return undefined;
    switch (type) {
      case 'cluster':
        return cluster(read, { proxy, view }, name);
      case 'endpoint':
        return endpoints(read, view, name);
      case 'listener':
        return listener(read, { proxy, view }, name);
      case 'route':
        return route(read, { proxy, view }, name);
    }
  },
  { equal: (a, b) => a === b || (a !== undefined && b !== undefined && a.version === b.version) },
);

interface Who {
  readonly proxy: ProxyKey;
  readonly view: View;
}

function clusterKey(view: View, name: string): ClusterKey | undefined {
  const parsed = parseClusterName(name);
  if (parsed?.direction !== 'outbound') return undefined;
  return { view, host: parsed.host, port: parsed.port, subset: parsed.subset };
}

function cluster(read: Read, { proxy, view }: Who, name: string): Resource | undefined {
  const fixed = read.get(fixedClusters, proxy.type).find((candidate) => candidate.name === name);
  if (fixed !== undefined) return fixed;
  const key = clusterKey(view, name);
  if (key !== undefined) return read.get(outboundClusterResource, key);
  const inbound = proxy.type === 'sidecar' ? read.get(inboundOf, proxy.pod) : undefined;
  if (inbound === undefined) return undefined;
  const { marksSockets } = inbound;
  if (name === inboundPassthroughCluster)
    return read.get(inboundClusterResource, { port: 0, protocol: 'auto', marksSockets });
  const port = inbound.ports.find((candidate) => inboundCluster(candidate.port) === name);
  return port === undefined
    ? undefined
    : read.get(inboundClusterResource, { port: port.port, protocol: port.protocol, marksSockets });
}

function endpoints(read: Read, view: View, name: string): Resource | undefined {
  const key = clusterKey(view, name);
  return key === undefined ? undefined : read.get(assignment, key);
}

function listener(read: Read, { proxy, view }: Who, name: string): Resource | undefined {
  if (proxy.type === 'router') {
    const ingress = read.get(ingressOf, proxy.pod);
    return ingress === undefined ? undefined : read.get(gatewayListenerResource, { view, ingress, name });
  }
  if (name === virtualOutbound) return read.get(virtualOutboundResource, view);
  if (name !== virtualInbound) return read.get(outboundListenerResource, { view, name });
  const inbound = read.get(inboundOf, proxy.pod);
  return inbound === undefined ? undefined : read.get(inboundListenerResource, inboundKey(inbound));
}

function route(read: Read, { proxy, view }: Who, name: string): Resource | undefined {
  if (proxy.type === 'router') {
    const ingress = read.get(ingressOf, proxy.pod);
    return ingress === undefined ? undefined : read.get(gatewayRouteResource, { view, ingress, name });
  }
  if (name === inboundPassthroughRoute || parseClusterName(name)?.direction === 'inbound')
    return inboundRouteOf(read, proxy, name);
  const colon = name.lastIndexOf(':');
  const port = Number(name.slice(colon + 1));
  if (!Number.isInteger(port)) return undefined;
  return read.get(outboundRouteResource, { view, port, host: colon === -1 ? '' : name.slice(0, colon) });
}

function inboundRouteOf(read: Read, proxy: ProxyKey, name: string): Resource | undefined {
  const inbound = read.get(inboundOf, proxy.pod);
  if (inbound === undefined) return undefined;
  const { workload } = inbound;
  if (name === inboundPassthroughRoute)
    return read.get(inboundRouteResource, { workload, port: 0, host: '', servicePort: 0 });
  const port = inbound.ports.find((candidate) => inboundCluster(candidate.port) === name);
  if (port === undefined) return undefined;
  return read.get(inboundRouteResource, { workload, port: port.port, host: port.host, servicePort: port.servicePort });
}
