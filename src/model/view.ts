/**
 * Views: what a proxy sees of the mesh. Proxies with equal views share every query, so a resource is compiled and
 * encoded once however many proxies take it.
 */
import { defineQuery, type Read } from '../base/engine/index.ts';
import type { Sidecar } from '../schema/index.ts';
import { covers } from './host.ts';
import {
  allServiceEntries,
  allServices,
  everything,
  ruleSelectorKeys,
  serviceEntriesByHost,
  serviceEntriesByNamespace,
  services,
  servicesByNamespace,
  sidecars,
  sidecarsByNamespace,
  sourceLabelKeys,
  clusterDomain,
} from './inputs.ts';
import { serviceOf, servicesOfEntry, type MeshService } from './service.ts';
import { meshSettings } from './settings.ts';
import { byAge, isVisible, selects } from './visibility.ts';
import { workloadOf } from './workload.ts';

/** Names a connected proxy. The type is what the proxy says it is; its identity is the pod's, by its token. */
export interface ProxyKey {
  readonly [key: string]: string;
  readonly type: 'sidecar' | 'router';
  /** `namespace/name` of the pod. */
  readonly pod: string;
}

/** The key of everything that proxies of one view share. */
export interface View {
  readonly [key: string]: string | Readonly<Record<string, string>>;
  readonly type: 'sidecar' | 'router';
  readonly namespace: string;
  /** `namespace/name` of the Sidecar that scopes it; empty for none. */
  readonly sidecar: string;
  /** `region/zone/subzone`; empty where unknown. */
  readonly locality: string;
  /** Only the labels that some rule asks of its clients. */
  readonly labels: Readonly<Record<string, string>>;
}

/** The view of a proxy, or `undefined` if its pod is gone. */
export const viewOf = defineQuery<ProxyKey, View | undefined>('view', (read, key) => {
  const workload = read.get(workloadOf, key.pod);
  if (workload === undefined) return undefined;
  const inSettings = (read.get(meshSettings, '').localityLb?.failoverPriority ?? []).map(
    (entry) => entry.split('=', 1)[0],
  );
  const asked = new Set([...read.cells(sourceLabelKeys), ...read.cells(ruleSelectorKeys), ...inSettings]);
  return {
    type: key.type,
    namespace: workload.namespace,
    sidecar: key.type === 'sidecar' ? sidecarFor(read, workload.namespace, workload.labels) : '',
    locality: workload.locality,
    labels: Object.fromEntries(Object.entries(workload.labels).filter(([label]) => asked.has(label))),
  };
});

/**
 * Key (`namespace/name`) of the Sidecar that is for a workload; empty for none. Istio: one that selects the workload, else
 * the namespace's own without a selector, else the root namespace's.
 */
export function sidecarFor(read: Read, namespace: string, labels: Readonly<Record<string, string>>): string {
  const own = read.cell(sidecarsByNamespace, namespace).toSorted(byAge);
  const selecting = own.find(
    (sidecar) => hasSelector(sidecar) && selects(sidecar.spec?.workloadSelector?.labels, labels),
  );
  const { rootNamespace } = read.get(meshSettings, '');
  const chosen =
    selecting ??
    own.find((sidecar) => !hasSelector(sidecar)) ??
    read
      .cell(sidecarsByNamespace, rootNamespace)
      .toSorted(byAge)
      .find((sidecar) => !hasSelector(sidecar));
  return chosen === undefined ? '' : `${chosen.metadata.namespace ?? ''}/${chosen.metadata.name}`;
}

function hasSelector(sidecar: Sidecar): boolean {
  return Object.keys(sidecar.spec?.workloadSelector?.labels ?? {}).length > 0;
}

/** A namespace and host pattern of a Sidecar's egress. */
export interface EgressHost {
  /** `*` for any. */
  readonly namespace: string;
  readonly host: string;
}

/** What a view's Sidecar lets it see. */
export interface Scope {
  /** `undefined` lets it see everything that is exported to it. */
  readonly egress: readonly EgressHost[] | undefined;
  readonly allowAny: boolean;
  /** The service that gets what nothing else is known for; `undefined` for the address that was dialled. */
  readonly egressProxy: EgressProxy | undefined;
}

type EgressProxy = NonNullable<NonNullable<NonNullable<Sidecar['spec']>['outboundTrafficPolicy']>['egressProxy']>;

/** The scope of a view. */
export const scopeOf = defineQuery<View, Scope>('scope', (read, view) => {
  const { outboundAllowAny } = read.get(meshSettings, '');
  const sidecar = view.sidecar === '' ? undefined : read.input(sidecars, view.sidecar);
  const mode = sidecar?.spec?.outboundTrafficPolicy?.mode;
  const listeners = sidecar?.spec?.egress ?? [];
  return {
    egress:
      listeners.length === 0
        ? undefined
        : listeners.flatMap((listener) => (listener.hosts ?? []).map((host) => egressHost(host, view.namespace))),
    allowAny: mode === undefined ? outboundAllowAny : mode !== 'REGISTRY_ONLY',
    egressProxy: sidecar?.spec?.outboundTrafficPolicy?.egressProxy,
  };
});

function egressHost(text: string, namespace: string): EgressHost {
  const slash = text.indexOf('/');
  const owner = slash === -1 ? '*' : text.slice(0, slash);
  return { namespace: owner === '.' ? namespace : owner, host: text.slice(slash + 1) };
}

/** True if a scope lets an object of `namespace` with this host through. */
export function inScope(scope: Scope, namespace: string, host: string): boolean {
  return (
    scope.egress === undefined ||
    scope.egress.some(
      (egress) => (egress.namespace === '*' || egress.namespace === namespace) && covers(egress.host, host),
    )
  );
}

/** Every service that a view sees, one a host, sorted by host. */
export const visibleServices = defineQuery<View, readonly MeshService[]>('visible services', (read, view) => {
  const scope = read.get(scopeOf, view);
  const byHost = new Map<string, MeshService>();
  for (const service of candidates(read, scope)) {
    if (!sees(read, view, scope, service)) continue;
    const other = byHost.get(service.host);
    byHost.set(service.host, other === undefined ? service : joined(other, service, view.namespace));
  }
  return [...byHost.values()].toSorted((a, b) => (a.host < b.host ? -1 : 1));
});

// A scope that names its namespaces must not be woken by services of others.
function candidates(read: Read, scope: Scope): readonly MeshService[] {
  const named = scope.egress?.map((egress) => egress.namespace) ?? ['*'];
  if (named.includes('*')) {
    return [
      ...read.cell(allServices, everything).flatMap((service) => serviceOf(service) ?? []),
      ...read.cell(allServiceEntries, everything).flatMap(servicesOfEntry),
    ];
  }
  return [...new Set(named)].flatMap((namespace) => [
    ...read.cell(servicesByNamespace, namespace).flatMap((service) => serviceOf(service) ?? []),
    ...read.cell(serviceEntriesByNamespace, namespace).flatMap(servicesOfEntry),
  ]);
}

function sees(read: Read, view: View, scope: Scope, service: MeshService): boolean {
  const exportTo = service.exportTo ?? read.get(meshSettings, '').serviceExportTo;
  return isVisible(exportTo, service.namespace, view.namespace) && inScope(scope, service.namespace, service.host);
}

/** Of two services with one host the one that counts, with the ports of both where two entries of a namespace share it. */
function joined(a: MeshService, b: MeshService, namespace: string): MeshService {
  const [first, second] = precedes(b, a, namespace) ? [b, a] : [a, b];
  const isOneService =
    first.kind === 'ServiceEntry' &&
    second.kind === 'ServiceEntry' &&
    first.namespace === second.namespace &&
    first.resolution === second.resolution &&
    first.external === second.external;
  if (!isOneService) return first;
  const known = new Set(first.ports.map((port) => port.number));
  const more = second.ports.filter((port) => !known.has(port.number));
  return { ...first, ports: [...first.ports, ...more.map((port) => ({ source: second.source, ...port }))] };
}

// Of two services with one host: the client's own namespace, then Kubernetes, then the older.
function precedes(a: MeshService, b: MeshService, namespace: string): boolean {
  const own = Number(b.namespace === namespace) - Number(a.namespace === namespace);
  if (own !== 0) return own < 0;
  if (a.kind !== b.kind) return a.kind === 'Service';
  return a.creationTimestamp === b.creationTimestamp ? a.source < b.source : a.creationTimestamp < b.creationTimestamp;
}

/** Names a host as a view sees it. */
export interface HostInView {
  readonly [key: string]: string | View;
  readonly view: View;
  readonly host: string;
}

/** The service behind a host for a view; reads nothing but the objects that could be it. */
export const serviceByHost = defineQuery<HostInView, MeshService | undefined>('service by host', (read, key) => {
  const scope = read.get(scopeOf, key.view);
  const found = [
    ...kubernetesCandidate(read, key.host),
    ...read.cell(serviceEntriesByHost, key.host).flatMap(servicesOfEntry),
  ].filter((service) => service.host === key.host && sees(read, key.view, scope, service));
  return found.reduce<MeshService | undefined>(
    (best, service) => (best === undefined ? service : joined(best, service, key.view.namespace)),
    undefined,
  );
});

function kubernetesCandidate(read: Read, host: string): readonly MeshService[] {
  const suffix = `.svc.${clusterDomain}`;
  if (!host.endsWith(suffix)) return [];
  const [name = '', namespace = '', ...rest] = host.slice(0, -suffix.length).split('.');
  if (rest.length > 0) return [];
  const service = read.input(services, `${namespace}/${name}`);
  const found = service === undefined ? undefined : serviceOf(service);
  return found === undefined ? [] : [found];
}
