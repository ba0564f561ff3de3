/** What `get` shows of each kind besides name and age. */
import type { KubeObject, SourcedObject } from '../schema/object.ts';

/** A column: its head and what stands in it. */
export interface Column {
  readonly head: string;
  readonly cell: (sourced: SourcedObject) => string;
  /** Shown with `-o wide` only. */
  readonly wide?: boolean;
}

type Fields = Readonly<Record<string, unknown>>;

/** The columns of a kind between NAME and AGE. */
export function columnsOf(kind: string): readonly Column[] {
  return Object.hasOwn(columns, kind) ? (columns[kind] ?? []) : [];
}

/** A value at a path of an object; undefined where there is none. */
function at(object: KubeObject, ...path: readonly (string | number)[]): unknown {
  let value: unknown = object;
  for (const step of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Fields)[step];
  }
  return value;
}

function text(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.map(text).join(',');
  if (typeof value === 'string') return value === '' ? '-' : value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : '-';
}

function list(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? (value as readonly Fields[]) : [];
}

function plain(head: string, ...path: readonly string[]): Column {
  return { head, cell: ({ object }) => text(at(object, ...path)) };
}

function portsOf(object: KubeObject): string {
  return text(
    list(at(object, 'spec', 'ports')).map(
      ({ port, protocol }) => `${text(port)}/${protocol === undefined ? 'TCP' : text(protocol)}`,
    ),
  );
}

function readyContainers(object: KubeObject): string {
  const spec = list(at(object, 'spec', 'containers'));
  const sidecars = list(at(object, 'spec', 'initContainers')).filter(({ restartPolicy }) => restartPolicy === 'Always');
  const names = new Set([...spec, ...sidecars].map(({ name }) => name));
  return `${statuses(object).filter(({ name, ready }) => names.has(name) && ready === true).length}/${names.size}`;
}

function statuses(object: KubeObject): readonly Fields[] {
  return [...list(at(object, 'status', 'initContainerStatuses')), ...list(at(object, 'status', 'containerStatuses'))];
}

function podPhase(object: KubeObject): string {
  if (object.metadata.deletionTimestamp !== undefined) return 'Terminating';
  for (const { state } of statuses(object)) {
    const reason = (state as { readonly waiting?: Fields } | undefined)?.waiting?.['reason'];
    if (typeof reason === 'string' && reason !== 'PodInitializing' && reason !== 'ContainerCreating') return reason;
  }
  return text(at(object, 'status', 'phase'));
}

function restarts(object: KubeObject): string {
  return String(statuses(object).reduce((sum, { restartCount }) => sum + Number(restartCount ?? 0), 0));
}

const dataCount: Column = {
  head: 'DATA',
  cell: ({ object }) => String(Object.keys((at(object, 'data') as Fields | undefined) ?? {}).length),
};

const columns: Readonly<Record<string, readonly Column[]>> = {
  Pod: [
    { head: 'READY', cell: ({ object }) => readyContainers(object) },
    { head: 'STATUS', cell: ({ object }) => podPhase(object) },
    { head: 'RESTARTS', cell: ({ object }) => restarts(object) },
    { ...plain('IP', 'status', 'podIP'), wide: true },
  ],
  Deployment: [
    {
      head: 'READY',
      cell: ({ object }) =>
        `${Number(at(object, 'status', 'readyReplicas') ?? 0)}/${Number(at(object, 'spec', 'replicas') ?? 1)}`,
    },
  ],
  Service: [
    { head: 'TYPE', cell: ({ object }) => text(at(object, 'spec', 'type') ?? 'ClusterIP') },
    plain('CLUSTER-IP', 'spec', 'clusterIP'),
    { head: 'PORTS', cell: ({ object }) => portsOf(object) },
  ],
  EndpointSlice: [
    { head: 'PORTS', cell: ({ object }) => text(list(at(object, 'ports')).map(({ port }) => port)) },
    {
      head: 'ENDPOINTS',
      cell: ({ object }) => text(list(at(object, 'endpoints')).flatMap(({ addresses }) => addresses)),
    },
  ],
  ConfigMap: [dataCount],
  VirtualService: [plain('GATEWAYS', 'spec', 'gateways'), plain('HOSTS', 'spec', 'hosts')],
  DestinationRule: [plain('HOST', 'spec', 'host')],
  Gateway: [
    {
      head: 'SERVERS',
      cell: ({ object }) =>
        text(
          list(at(object, 'spec', 'servers')).map(({ port }) => {
            const { number, protocol } = (port ?? {}) as Fields;
            return `${text(number)}/${text(protocol)}`;
          }),
        ),
    },
  ],
  ServiceEntry: [
    plain('HOSTS', 'spec', 'hosts'),
    plain('LOCATION', 'spec', 'location'),
    plain('RESOLUTION', 'spec', 'resolution'),
  ],
  PeerAuthentication: [plain('MODE', 'spec', 'mtls', 'mode')],
  AuthorizationPolicy: [{ head: 'ACTION', cell: ({ object }) => text(at(object, 'spec', 'action') ?? 'ALLOW') }],
};
