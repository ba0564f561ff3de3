/**
 * What one proxy is sent. It is put together from parts that many proxies share: what its view sees of the mesh, and what
 * its own workload or its Gateways take. A resource is one cell, however many proxies take it.
 */
import { defineQuery, type Read } from '../base/engine/index.ts';
import type { Inbound } from '../model/inbound.ts';
import { inboundOf } from '../model/inbound.ts';
import { ingressOf, type Ingress } from '../model/ingress.ts';
import { viewOf, type ProxyKey, type View } from '../model/view.ts';
import type { Resource, XdsType } from '../proto/resource.ts';
import { fixedClusters, inboundClusterResource } from './cluster/fixed.ts';
import { outboundClusterNames, outboundClusterResource, type ClusterKey } from './cluster/outbound.ts';
import { assignment } from './endpoint/assignment.ts';
import { localAssignment, type LocalKey } from './endpoint/local-cluster.ts';
import { gatewayListenerNames, gatewayListenerResource } from './listener/gateway.ts';
import { inboundKey, inboundListenerResource } from './listener/inbound.ts';
import { outboundListenerNames, outboundListenerResource, virtualOutboundResource } from './listener/outbound.ts';
import {
  inboundCluster,
  inboundPassthroughCluster,
  inboundPassthroughRoute,
  localCluster,
  parseClusterName,
  virtualInbound,
  virtualOutbound,
} from './names.ts';
import { gatewayRouteResource } from './route/gateway.ts';
import { inboundRouteResource } from './route/inbound.ts';
import { outboundRouteResource } from './route/outbound.ts';

/** The services that a view sees: outbound clusters, their endpoints, listeners and routes. */
export interface ViewPart {
  readonly [key: string]: string | View;
  readonly kind: 'view';
  readonly view: View;
}

/** What a workload takes: its inbound listener, clusters and routes. */
export interface InboundPart {
  readonly [key: string]: string;
  readonly kind: 'inbound';
  /** Canonical JSON of an {@link Inbound}. */
  readonly inbound: string;
}

/** What a gateway's servers take. */
export interface GatewayPart {
  readonly [key: string]: string | View | Ingress;
  readonly kind: 'gateway';
  readonly view: View;
  readonly ingress: Ingress;
}

/** A part of a proxy's configuration that other proxies may share. */
export type Part = ViewPart | InboundPart | GatewayPart;

/** Types that come out of the mesh; secrets are the identity's. */
export type MeshType = Exclude<XdsType, 'secret'>;

/** Types of which a proxy is sent everything. */
export type ListedType = 'cluster' | 'listener';

/** The parts of a proxy; `undefined` once its pod is gone. */
export const proxyParts = defineQuery<ProxyKey, readonly Part[] | undefined>('proxy parts', (read, proxy) => {
  const view = read.get(viewOf, proxy);
  if (view === undefined) return undefined;
  const shared: ViewPart = { kind: 'view', view };
  if (proxy.type === 'router') {
    const ingress = read.get(ingressOf, proxy.pod);
    return ingress === undefined ? undefined : [shared, { kind: 'gateway', view, ingress }];
  }
  const inbound = read.get(inboundOf, proxy.pod);
  return inbound === undefined ? undefined : [shared, { kind: 'inbound', ...inboundKey(inbound) }];
});

/** Names of all clusters or listeners of a part. */
export const partNames = defineQuery<{ readonly part: Part; readonly type: ListedType }, readonly string[]>(
  'part names',
  (read, { part, type }) => {
    switch (part.kind) {
      case 'view':
        return type === 'cluster' ? viewClusters(read, part.view) : viewListeners(read, part.view);
      case 'inbound':
        return type === 'cluster' ? inboundClusters(inboundIn(part)) : [virtualInbound];
      case 'gateway':
        return type === 'cluster' ? [] : gatewayListeners(read, part);
    }
  },
);

function viewClusters(read: Read, view: View): readonly string[] {
  const fixed = read.get(fixedClusters, view.type).map((cluster) => cluster.name);
  return [...read.get(outboundClusterNames, view), ...fixed];
}

function viewListeners(read: Read, view: View): readonly string[] {
  return view.type === 'sidecar' ? read.get(outboundListenerNames, view) : [];
}

function inboundIn(part: InboundPart): Inbound {
  return JSON.parse(part.inbound) as Inbound;
}

function inboundClusters(inbound: Inbound): readonly string[] {
  return [...inbound.ports.map((port) => inboundCluster(port.port)), inboundPassthroughCluster];
}

function gatewayListeners(read: Read, { view, ingress }: GatewayPart): readonly string[] {
  const names = read.get(gatewayListenerNames, ingress);
  return names.filter((name) => read.get(gatewayListenerResource, { view, ingress, name }) !== undefined);
}

/** Names a resource of a part. */
export interface PartResourceKey {
  readonly [key: string]: string | Part;
  readonly part: Part;
  readonly type: MeshType;
  readonly name: string;
}

/** One resource of a part; `undefined` if it has none of that name. */
export const partResource = defineQuery<PartResourceKey, Resource | undefined>(
  'part resource',
  (read, { part, type, name }) => {
    switch (part.kind) {
      case 'view':
        return viewResource(read, part.view, { type, name });
      case 'inbound':
        return inboundResource(read, inboundIn(part), { type, name });
      case 'gateway':
        return gatewayResource(read, part, { type, name });
    }
  },
  { equal: (a, b) => a === b || (a !== undefined && b !== undefined && a.version === b.version) },
);

/** The part that has a resource of this name, if any has. */
export function partOf(parts: readonly Part[], type: MeshType, name: string): Part | undefined {
  const kind = kindOf(parts, type, name);
  return parts.find((part) => part.kind === kind);
}

function kindOf(parts: readonly Part[], type: MeshType, name: string): Part['kind'] {
  const gateway = parts.some((part) => part.kind === 'gateway');
  if (gateway && (type === 'listener' || type === 'route')) return 'gateway';
  const own =
    name === virtualInbound ||
    name === inboundPassthroughCluster ||
    name === localCluster ||
    name.startsWith('inbound|');
  return own && !gateway ? 'inbound' : 'view';
}

interface Named {
  readonly type: MeshType;
  readonly name: string;
}

function viewResource(read: Read, view: View, { type, name }: Named): Resource | undefined {
  switch (type) {
    case 'cluster':
      return viewCluster(read, view, name);
    case 'endpoint': {
      const key = clusterKey(view, name);
      return key === undefined ? undefined : read.get(assignment, key);
    }
    case 'listener':
      if (view.type === 'router') return undefined;
      return name === virtualOutbound
        ? read.get(virtualOutboundResource, view)
        : read.get(outboundListenerResource, { view, name });
    case 'route':
      return viewRoute(read, view, name);
  }
}

function clusterKey(view: View, name: string): ClusterKey | undefined {
  const parsed = parseClusterName(name);
  if (parsed?.direction !== 'outbound') return undefined;
  return { view, host: parsed.host, port: parsed.port, subset: parsed.subset };
}

function viewCluster(read: Read, view: View, name: string): Resource | undefined {
  const key = clusterKey(view, name);
  if (key !== undefined) return read.get(outboundClusterResource, key);
  return read.get(fixedClusters, view.type).find((cluster) => cluster.name === name);
}

function viewRoute(read: Read, view: View, name: string): Resource | undefined {
  const colon = name.lastIndexOf(':');
  const port = Number(name.slice(colon + 1));
  if (!Number.isInteger(port) || view.type === 'router') return undefined;
  return read.get(outboundRouteResource, { view, port, host: colon === -1 ? '' : name.slice(0, colon) });
}

/** The oldest service of the workload's first port stands for it. */
function localKeyOf(inbound: Inbound): LocalKey {
  const port = inbound.ports.find(({ services }) => services.length > 0);
  const { host = '', name = '', namespace = '' } = port?.services[0] ?? {};
  return { host, name, namespace, port: port?.servicePort ?? 0 };
}

function inboundResource(read: Read, inbound: Inbound, { type, name }: Named): Resource | undefined {
  if (type === 'endpoint') return name === localCluster ? read.get(localAssignment, localKeyOf(inbound)) : undefined;
  if (type === 'listener')
    return name === virtualInbound ? read.get(inboundListenerResource, inboundKey(inbound)) : undefined;
  const passthrough = type === 'cluster' ? inboundPassthroughCluster : inboundPassthroughRoute;
  const { workload, marksSockets } = inbound;
  if (name === passthrough) {
    return type === 'cluster'
      ? read.get(inboundClusterResource, { port: 0, protocol: 'auto', marksSockets, endpoint: '', services: [] })
      : read.get(inboundRouteResource, { workload, port: 0, servicePort: 0 });
  }
  const port = inbound.ports.find((candidate) => inboundCluster(candidate.port) === name);
  if (port === undefined) return undefined;
  const { protocol, endpoint, services, servicePort } = port;
  return type === 'cluster'
    ? read.get(inboundClusterResource, { port: port.port, protocol, marksSockets, endpoint, services })
    : read.get(inboundRouteResource, { workload, port: port.port, servicePort });
}

function gatewayResource(read: Read, { view, ingress }: GatewayPart, { type, name }: Named): Resource | undefined {
  if (type === 'listener') return read.get(gatewayListenerResource, { view, ingress, name });
  return type === 'route' ? read.get(gatewayRouteResource, { view, ingress, name }) : undefined;
}
