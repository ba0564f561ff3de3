/** The inbound listener: what a workload takes, in clear and over mutual TLS. */
import { defineQuery, type Read } from '../../base/engine/index.ts';
import { canonicalJson, type JsonObject } from '../../base/json.ts';
import type { MtlsMode } from '../../model/authentication.ts';
import type { Inbound, InboundPort } from '../../model/inbound.ts';
import { isHttp, type Protocol } from '../../model/protocol.ts';
import { meshSettings, type MeshSettings } from '../../model/settings.ts';
import type { Resource } from '../../proto/resource.ts';
import { compact } from '../any.ts';
import { networkPolicy } from '../authz/network.ts';
import {
  alpn,
  blackHoleCluster,
  inboundBlackHoleChain,
  inboundCatchAllHttpChain,
  inboundCluster,
  inboundPassthroughCluster,
  inboundPassthroughRoute,
  inboundRoute,
  listenerName,
  ports,
  virtualInbound,
} from '../names.ts';
import { assembled, unitOf } from '../resource.ts';
import { meshServerTls } from '../tls.ts';
import { socketAddress } from '../socket-address.ts';
import { httpManager } from './http.ts';
import { inspectionLimit, inspectors, tcpProxy, tcpTo } from './parts.ts';

/** Key of an inbound listener: its whole content, so that equal workloads share it. */
export interface InboundKey {
  readonly [key: string]: string;
  /** Canonical JSON of an {@link Inbound}. */
  readonly inbound: string;
}

/** The key of an inbound side. */
export function inboundKey(inbound: Inbound): InboundKey {
  return { inbound: canonicalJson(inbound) };
}

/** The listener on 15006. */
export const inboundListenerResource = defineQuery<InboundKey, Resource>('inbound listener', (read, key) => {
  const inbound = JSON.parse(key.inbound) as Inbound;
  const settings = read.get(meshSettings, '');
  const context: ChainContext = { read, settings, inbound };
  const chains = [
    blackHole(settings),
    ...inbound.ports.flatMap((port) => portChains(context, port)),
    ...inbound.otherPorts.flatMap((other) => passthroughChains(context, other.mtls, other.port)),
    ...passthroughChains(context, inbound.mtls, undefined),
  ];
  return assembled(
    'listener',
    {
      name: virtualInbound,
      address: socketAddress('0.0.0.0', ports.inbound),
      traffic_direction: 'INBOUND',
      listener_filters: [inspectors.originalDestination, inspectors.tls, inspectors.http],
      ...inspectionLimit(settings),
    },
    chains.map((chain) => unitOf('listener', chain)),
  );
});

interface ChainContext {
  readonly read: Read;
  readonly settings: MeshSettings;
  readonly inbound: Inbound;
}

// A client that dials the proxy's own port would be sent round in circles.
function blackHole(settings: MeshSettings): JsonObject {
  return {
    name: inboundBlackHoleChain,
    filter_chain_match: { destination_port: ports.inbound },
    filters: [tcpTo(blackHoleCluster, settings)],
  };
}

/** One way in: by which transport and application protocol it is known, and how it is handled. */
interface Way {
  readonly transport?: 'tls' | 'raw_buffer';
  readonly alpn?: readonly string[];
  readonly secured: boolean;
  readonly http: boolean;
}

const mtlsHttp: Way = { transport: 'tls', alpn: alpn.meshHttp, secured: true, http: true };
const mtlsTcp: Way = { transport: 'tls', alpn: alpn.meshTcp, secured: true, http: false };
const plainHttp: Way = { transport: 'raw_buffer', alpn: alpn.plainHttp, secured: false, http: true };
const plainTcp: Way = { transport: 'raw_buffer', secured: false, http: false };
const foreignTls: Way = { transport: 'tls', secured: false, http: false };

/** The ways into a port by its mode and protocol, as Istio's sidecars open them. */
function waysOf(mode: MtlsMode, protocol: Protocol): readonly Way[] {
  const kind = isHttp(protocol) ? 'http' : protocol === 'auto' ? 'auto' : 'tcp';
  const ways: Readonly<Record<MtlsMode, Readonly<Record<typeof kind, readonly Way[]>>>> = {
    STRICT: {
      http: [{ transport: 'tls', secured: true, http: true }],
      auto: [mtlsHttp, { transport: 'tls', secured: true, http: false }],
      tcp: [{ transport: 'tls', secured: true, http: false }],
    },
    PERMISSIVE: {
      http: [
        { transport: 'tls', alpn: alpn.mesh, secured: true, http: true },
        { transport: 'raw_buffer', secured: false, http: true },
      ],
      auto: [mtlsHttp, plainHttp, mtlsTcp, plainTcp, foreignTls],
      tcp: [{ transport: 'tls', alpn: alpn.mesh, secured: true, http: false }, plainTcp, foreignTls],
    },
    DISABLE: {
      http: [{ secured: false, http: true }],
      // Envoy does not look again among chains without a transport protocol once one has the connection's.
      auto: [plainHttp, plainTcp, { secured: false, http: false }],
      tcp: [{ secured: false, http: false }],
    },
  };
  return ways[mode][kind];
}

function portChains(context: ChainContext, port: InboundPort): readonly JsonObject[] {
  const name = listenerName('0.0.0.0', port.port);
  return waysOf(port.mtls, port.protocol).map((way) =>
    chain(context, way, {
      name,
      port: port.port,
      http: {
        role: 'inbound',
        statPrefix: `inbound_${name};`,
        routeName: inboundRoute(port.port),
        settings: context.settings,
      },
      cluster: inboundCluster(port.port),
    }),
  );
}

function passthroughChains(context: ChainContext, mode: MtlsMode, port: number | undefined): readonly JsonObject[] {
  return waysOf(mode, 'auto').map((way) =>
    chain(context, way, {
      name: way.http ? inboundCatchAllHttpChain : virtualInbound,
      port,
      http: {
        role: 'inbound',
        statPrefix: inboundPassthroughCluster,
        routeName: inboundPassthroughRoute,
        settings: context.settings,
      },
      cluster: inboundPassthroughCluster,
    }),
  );
}

interface Target {
  readonly name: string;
  readonly port: number | undefined;
  readonly http: Parameters<typeof httpManager>[0];
  readonly cluster: string;
}

function chain({ read, settings, inbound }: ChainContext, way: Way, target: Target): JsonObject {
  const trustDomains = [settings.trustDomain, ...settings.trustDomainAliases];
  const proxy = tcpProxy({ statPrefix: target.cluster, clusters: [{ name: target.cluster, weight: 1 }], settings });
  return compact({
    name: target.name,
    filter_chain_match: compact({
      destination_port: target.port,
      transport_protocol: way.transport,
      application_protocols: way.alpn === undefined ? undefined : [...way.alpn],
    }),
    filters: way.http ? [httpManager(target.http)] : [...read.get(networkPolicy, inbound.workload), proxy],
    transport_socket: way.secured ? meshServerTls(trustDomains) : undefined,
  });
}
