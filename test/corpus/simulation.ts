/** Suite `simulation`: calls are pushed through the resources of a proxy, and Istio says where they come out. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Engine } from '../../src/base/engine/index.ts';
import { deepEqual, type JsonObject, type JsonValue } from '../../src/base/json.ts';
import { everythingOf, resourceJson } from '../../src/compile/testing/proxy-json.ts';
import { loadMesh } from '../../src/model/load.ts';
import type { ProxyKey } from '../../src/model/view.ts';
import { kindOf, normalise, type KubeObject, type MeshConfig } from '../../src/schema/index.ts';
import { listAt, numberAt, objectAt, textAt, textsAt } from '../../src/simulate/members.ts';
import type { ProxyResources, SimulatedRequest } from '../../src/simulate/request.ts';
import { simulate } from '../../src/simulate/simulate.ts';
import { failed, passed, unsupported, type CorpusCase, type Outcome } from './case.ts';
import { readJson, recordOf, textOf } from './json.ts';
import { inboundObjects, podOf } from './stand-in.ts';
import { documentsOf } from './yaml.ts';

/** The cases of the suite. */
export function simulationCases(folder: string): readonly CorpusCase[] {
  return readdirSync(join(folder, 'cases'))
    .filter((file) => file.endsWith('.json'))
    .toSorted()
    .map((file) => {
      const one = readJson(join(folder, 'cases', file)) as JsonObject;
      const kind = textOf(one, 'kind');
      return { name: textOf(one, 'name'), kind, run: () => unsupportedReason(one) ?? judged(one, runCase(kind, one)) };
    });
}

function judged(one: JsonObject, outcome: Outcome): Outcome {
  return outcome.kind === 'failed' && one['upstreamIssue'] !== undefined && one['upstreamIssue'] !== null
    ? unsupported('upstream calls its own expectation a defect')
    : outcome;
}

/** What a case needs that is not there. */
function unsupportedReason(one: JsonObject): Outcome | undefined {
  const [feature] = Object.keys(objectAt(one, 'features'));
  if (feature !== undefined && !alwaysSo.has(feature)) return unsupported(`there is no switch ${feature}`);
  const text = `${textOf(one, 'config')}\n${textOf(one, 'kubeConfig')}`;
  if (text.includes('gateway.networking.k8s.io')) return unsupported('the Gateway API is not read');
  if (text.includes('internal.istio.io/')) return unsupported('internal annotations cannot be written by users');
  if (objectAt(objectAt(one, 'proxy'), 'metadata')['DNS_AUTO_ALLOCATE'] === true)
    return unsupported('no addresses are allocated');
  if (text.includes('kind: Ingress\n')) return unsupported('Ingress is not read');
  const mode = textAt(objectAt(objectAt(one, 'meshConfig'), 'outboundTrafficPolicy'), 'mode');
  if (mode === 'ALLOW_ANY_DYNAMIC_DNS') return unsupported('unknown hosts are not resolved at request time');
  if (objectAt(one, 'meshConfig')['extensionProviders'] !== undefined)
    return unsupported('there are no extension providers');
  return undefined;
}

/** Switches whose other position is how it always is here. */
const alwaysSo: ReadonlySet<string> = new Set(['EnableIPAutoallocate']);

interface Loaded {
  readonly engine: Engine;
  readonly proxy: ProxyKey;
}

function load(one: JsonObject, proxyOverride: JsonObject = {}): Loaded {
  const { pod, proxy } = podOf({ ...objectAt(one, 'proxy'), ...proxyOverride });
  const written = [textOf(one, 'config'), textOf(one, 'kubeConfig')]
    .flatMap((text) => documentsOf(text))
    .map((document) => recordOf(document, 'document') as unknown as KubeObject);
  const objects = [...written, ...(listAt(one, 'internalConfigs') as unknown as KubeObject[])]
    .filter((object) => kindOf(object) !== undefined)
    .map((object) => normalise({ ...object, metadata: { namespace: 'default', ...object.metadata } }));
  const mesh = objectAt(one, 'meshConfig') as MeshConfig;
  return { engine: loadMesh([...objects, ...inboundObjects(one, pod), pod], mesh), proxy };
}

function runCase(kind: string, one: JsonObject): Outcome {
  switch (kind) {
    case 'calls':
      return runCalls(load(one), one);
    case 'routes':
      return runRoutes(load(one), one);
    case 'inboundClusters':
      return runInboundClusters(load(one), one);
    case 'listenerShape':
      return unsupported('headless services have a listener an endpoint');
    case 'localityFailover':
      return runFailover(one);
    default:
      return unsupported(`kind ${kind} has no runner`);
  }
}

function outcomeOf(troubles: readonly string[]): Outcome {
  return troubles.length === 0 ? passed : failed(troubles.join('; '));
}

function runCalls({ engine, proxy }: Loaded, one: JsonObject): Outcome {
  const resources: ProxyResources = everythingOf(engine, proxy);
  return outcomeOf(listAt(one, 'calls').flatMap((call) => callTrouble(resources, call)));
}

/** Upstream loads these cases without a cluster domain, so that its short names end early. */
function callTrouble(resources: ProxyResources, one: JsonObject): readonly string[] {
  const verdict = simulate(resources, requestOf(objectAt(one, 'call')));
  const expected = objectAt(one, 'expect');
  const actual: Readonly<Record<string, string>> = {
    error: verdict.error ?? '',
    listenerMatched: verdict.listener ?? '',
    filterChainMatched: verdict.chain ?? '',
    routeConfigMatched: verdict.routeConfig ?? '',
    virtualHostMatched: verdict.virtualHost ?? '',
    routeMatched: verdict.route ?? '',
    clusterMatched: verdict.cluster ?? '',
  };
  return Object.entries(actual).flatMap(([name, got]) => {
    const isCompared = name === 'error' || expected['strictMatch'] === true || expected[name] !== undefined;
    const wanted = textAt(expected, name);
    if (!isCompared || wanted === got || got === `${wanted}.svc.cluster.local`) return [];
    return [
      `${textAt(one, 'name')}: ${name} is ${got || 'none'}, not ${wanted || 'none'} (${verdict.reasons.join(', ')})`,
    ];
  });
}

function requestOf(call: JsonObject): SimulatedRequest {
  const address = textAt(call, 'address');
  const authority = textAt(call, 'mtlsSecretConfigName');
  const headers = Object.entries(objectAt(call, 'headers')).map(([name]) => [
    name.toLowerCase(),
    textsAt(objectAt(call, 'headers'), name)[0] ?? '',
  ]);
  return {
    address: address === '1.3.3.7' ? undefined : address,
    port: numberAt(call, 'port') ?? 0,
    protocol: protocolOf(textAt(call, 'protocol')),
    tls: tlsOf(textAt(call, 'tls')),
    alpn: textAt(call, 'alpn'),
    sni: textAt(call, 'sni'),
    ...(authority === '' ? {} : { authority }),
    direction: textAt(call, 'callMode') === 'inbound' ? 'inbound' : 'outbound',
    method: 'GET',
    path: textAt(call, 'path'),
    host: textAt(call, 'hostHeader'),
    headers: Object.fromEntries(headers) as Record<string, string>,
  };
}

function protocolOf(text: string): SimulatedRequest['protocol'] {
  return text === 'http2' || text === 'tcp' ? text : 'http';
}

function tlsOf(text: string): SimulatedRequest['tls'] {
  return text === 'tls' || text === 'mtls' ? text : 'plaintext';
}

function runRoutes({ engine, proxy }: Loaded, one: JsonObject): Outcome {
  const route = resourceJson(engine, { proxy, type: 'route', name: textOf(one, 'routeName') });
  const hosts = listAt(route, 'virtual_hosts');
  const expected = one['expectVirtualHosts'];
  if (expected === null || expected === undefined)
    return route === undefined ? failed('there is no such route') : passed;
  return outcomeOf(
    Object.entries(objectAt(one, 'expectVirtualHosts')).flatMap(([domain, wanted]) => {
      const found = hosts.find((host) => textsAt(host, 'domains').includes(domain));
      const clusters = found === undefined ? null : clustersOf(found);
      return deepEqual(clusters, wanted ?? null)
        ? []
        : [`${domain}: ${JSON.stringify(clusters)}, not ${JSON.stringify(wanted)}`];
    }),
  );
}

function clustersOf(host: JsonObject): readonly string[] {
  return listAt(host, 'routes')
    .flatMap((route) => {
      const action = objectAt(route, 'route');
      const weighted = listAt(objectAt(action, 'weighted_clusters'), 'clusters').map((each) => textAt(each, 'name'));
      return [...weighted, textAt(action, 'cluster')].filter((name) => name !== '');
    })
    .toSorted();
}

function runInboundClusters({ engine, proxy }: Loaded, one: JsonObject): Outcome {
  const resources = everythingOf(engine, proxy);
  const clusters = resources.clusters.filter((cluster) => textAt(cluster, 'name').startsWith('inbound'));
  const endpoints = Object.fromEntries(clusters.map((cluster) => [textAt(cluster, 'name'), addressesOf(cluster)]));
  const services = Object.fromEntries(clusters.map((cluster) => [textAt(cluster, 'name'), servicesOf(cluster)]));
  const wantedServices = Object.entries(objectAt(one, 'expectTelemetryServices')).filter(
    ([, wanted]) => !isEmpty(wanted),
  );
  return outcomeOf([
    ...(deepEqual(endpoints, one['expectClusters'] ?? {})
      ? []
      : [`clusters ${JSON.stringify(endpoints)}, not ${JSON.stringify(one['expectClusters'])}`]),
    ...wantedServices
      .filter(([name, wanted]) => !deepEqual(services[name], wanted))
      .map(([name, wanted]) => `${name} serves ${JSON.stringify(services[name])}, not ${JSON.stringify(wanted)}`),
    ...listAt(one, 'calls').flatMap((call) => callTrouble(resources, call)),
  ]);
}

function isEmpty(value: JsonValue | undefined): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0);
}

function addressesOf(cluster: JsonObject): readonly string[] {
  return listAt(objectAt(cluster, 'load_assignment'), 'endpoints').flatMap((locality) =>
    listAt(locality, 'lb_endpoints').map((endpoint) => {
      const address = objectAt(objectAt(endpoint, 'endpoint'), 'address');
      const socket = objectAt(address, 'socket_address');
      return `${textAt(socket, 'address')}:${numberAt(socket, 'port_value') ?? 0}`;
    }),
  );
}

function servicesOf(cluster: JsonObject): readonly string[] {
  const istio = objectAt(objectAt(objectAt(cluster, 'metadata'), 'filter_metadata'), 'istio');
  return listAt(istio, 'services')
    .map((service) => textAt(service, 'host'))
    .toSorted();
}

/** The failover settings of the case become a DestinationRule, since that is how a user would write them. */
function runFailover(one: JsonObject): Outcome {
  const failover = objectAt(one, 'failover');
  const proxy = {
    labels: {
      ...objectAt(failover, 'proxyLabels'),
      'istio-locality': textAt(failover, 'proxyLocality').replaceAll('/', '.'),
    },
  };
  const name = textOf(one, 'cluster');
  const setting = { failoverPriority: textsAt(failover, 'failoverPriority') };
  const rule = {
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata: { name: 'failover', namespace: 'default' },
    spec: {
      host: name.split('|')[3] ?? '',
      trafficPolicy: { outlierDetection: {}, loadBalancer: { localityLbSetting: setting } },
    },
  };
  const { engine, proxy: key } = load({ ...one, internalConfigs: [rule] }, proxy);
  const cluster = resourceJson(engine, { proxy: key, type: 'cluster', name }) ?? {};
  const priorities = listAt(objectAt(cluster, 'load_assignment'), 'endpoints').flatMap((locality) =>
    addressesOf({ load_assignment: { endpoints: [locality] } }).map((address) => [
      address.replace(/:\d+$/u, ''),
      numberAt(locality, 'priority') ?? 0,
    ]),
  );
  const wanted = one['expectPriorities'];
  const found = Object.fromEntries(priorities) as JsonObject;
  const [type, wantedType] = [textAt(cluster, 'type'), textAt(objectAt(one, 'expectCluster'), 'type')];
  return outcomeOf([
    ...(deepEqual(found, wanted) ? [] : [`priorities ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`]),
    ...(type === wantedType ? [] : [`type ${type}, not ${wantedType}`]),
  ]);
}
