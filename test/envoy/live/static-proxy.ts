/**
 * A proxy's resources as one static bootstrap that runs without a control plane, without interception and without root.
 * What the kernel would tell of the address that a client dialled, the PROXY protocol tells instead; the listeners,
 * filters, routes and clusters are those that every proxy is sent.
 */
import type { Engine } from '../../../src/base/engine/index.ts';
import type { JsonObject, JsonValue } from '../../../src/base/json.ts';
import { everythingOf, resourceJson } from '../../../src/compile/testing/proxy-json.ts';
import type { IssuedCertificate } from '../../../src/identity/authority.ts';
import type { ProxyKey } from '../../../src/model/view.ts';
import { objectAt, textAt } from '../../../src/simulate/members.ts';
import { inline } from '../rendered.ts';

/** Where and as whom a proxy runs. */
export interface StaticProxy {
  readonly proxy: ProxyKey;
  /** Loopback address of its listeners. */
  readonly address: string;
  readonly certificate: IssuedCertificate;
  readonly trustBundlePem: string;
  /** Port of the application on 127.0.0.1 by the port of the workload. */
  readonly applications?: Readonly<Record<string, number>>;
}

const rewritten = 'type.googleapis.com/envoy.extensions.filters.listener';

/** The bootstrap. */
export function staticBootstrap(engine: Engine, parts: StaticProxy): JsonObject {
  const { clusters, listeners, routes } = everythingOf(engine, parts.proxy);
  const inlined = listeners.map((listener) => inline(listener, routes));
  return {
    node: { id: parts.proxy.pod, cluster: 'test' },
    static_resources: {
      clusters: clusters.map((cluster) => fromStatic(localCluster(engine, parts, cluster))),
      listeners: inlined.map((listener) => fromStatic(localListener(parts, listener))),
      secrets: secretsOf(parts),
    },
  };
}

function secretsOf({ certificate, trustBundlePem }: StaticProxy): JsonValue {
  const inlineText = (text: string): JsonObject => ({ inline_string: text });
  return [
    {
      name: 'default',
      tls_certificate: {
        certificate_chain: inlineText(certificate.certificateChainPem),
        private_key: inlineText(certificate.privateKeyPem.reveal()),
      },
    },
    { name: 'ROOTCA', validation_context: { trusted_ca: inlineText(trustBundlePem) } },
  ];
}

function localListener({ address, applications }: StaticProxy, listener: JsonObject): JsonObject {
  const socket = objectAt(objectAt(listener, 'address'), 'socket_address');
  // The inbound side is dialled by other proxies, at the port that they call.
  if (textAt(listener, 'name') === 'virtualInbound') {
    const ports = Object.keys(applications ?? {}).map(Number);
    const at = (port_value: number): JsonObject => ({ socket_address: { address, port_value } });
    const [first = 15_006, ...more] = ports;
    return {
      ...listener,
      address: at(first),
      additional_addresses: more.map((port) => ({ address: at(port) })),
    };
  }
  const isOpen = listener['bind_to_port'] !== false;
  if (!isOpen) return listener;
  const filters = (listener['listener_filters'] ?? []) as readonly JsonObject[];
  const proxyProtocol = {
    name: 'envoy.filters.listener.proxy_protocol',
    typed_config: {
      '@type': `${rewritten}.proxy_protocol.v3.ProxyProtocol`,
      allow_requests_without_proxy_protocol: true,
    },
  };
  return {
    ...listener,
    address: { socket_address: { ...socket, address } },
    listener_filters: [proxyProtocol, ...filters],
  };
}

function localCluster(engine: Engine, { proxy, applications }: StaticProxy, cluster: JsonObject): JsonObject {
  const name = textAt(cluster, 'name');
  const application = applications?.[name.split('|')[1] ?? ''];
  if (name.startsWith('inbound|') && application !== undefined) {
    const { lb_policy: _, upstream_bind_config: __, ...kept } = cluster;
    const endpoint = { address: { socket_address: { address: '127.0.0.1', port_value: application } } };
    return {
      ...kept,
      type: 'STATIC',
      load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint }] }] },
    };
  }
  if (cluster['type'] !== 'EDS') return cluster;
  const assignment = resourceJson(engine, { proxy, type: 'endpoint', name });
  const { eds_cluster_config: _, ...kept } = cluster;
  return { ...kept, type: 'STATIC', load_assignment: assignment ?? { cluster_name: name } };
}

/** Secrets come from the bootstrap, and not from the stream. */
function fromStatic(value: JsonObject): JsonObject {
  return withoutStream(value) as JsonObject;
}

function withoutStream(value: JsonValue | undefined): JsonValue | undefined {
  if (Array.isArray(value)) return value.map((member: JsonValue) => withoutStream(member) ?? null);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => name !== 'sds_config')
      .map(([name, member]) => [name, withoutStream(member)]),
  );
}
