/** Doors of the mesh's gateways, inside the sandbox: a Unix socket a published port leads to a ready pod. */
import type { EndpointSlice, Service } from '../../schema/index.ts';
import type { Place } from '../relay/dial.ts';
import { openDoor } from '../relay/publish.ts';
import type { Store } from '../store/store.ts';
import { placesOf } from './places.ts';
import { systemNamespace } from './system-objects.ts';

/** A published port of a gateway's Service. */
export interface PublishedPort {
  /** `namespace/name` of the Service. */
  readonly gateway: string;
  readonly port: number;
  /** Port on this machine's loopback. */
  readonly hostPort: number;
}

/** The gateway that every mesh on one machine has, and those of its ports that are for people. */
export const publishedGateway = `${systemNamespace}/istio-ingressgateway`;
export const publishedPorts: readonly { readonly port: number; readonly wished: number }[] = [
  { port: 80, wished: 8_080 },
  { port: 443, wished: 8_443 },
];

/** Path of the door behind a port. */
export function doorOf(stateFolder: string, port: number): string {
  return `${placesOf(stateFolder).gatewaySocket}.${port}`;
}

/** Opens the doors. */
export async function openGatewayDoors(stateFolder: string, store: Store): Promise<{ close(): Promise<void> }> {
  const doors = await Promise.all(
    publishedPorts.map(({ port }) =>
      openDoor(doorOf(stateFolder, port), () => targetOf(store, publishedGateway, port)),
    ),
  );
  return {
    close: async () => {
      await Promise.all(doors.map((door) => door.close()));
    },
  };
}

/** A ready endpoint behind a Service's port. */
export function targetOf(store: Store, gateway: string, wanted: number): Place | undefined {
  const [namespace = '', name = ''] = gateway.split('/', 2);
  const service = store.get({ kind: 'Service', namespace, name })?.object as Service | undefined;
  const port = service?.spec.ports?.find((candidate) => candidate.port === wanted);
  if (port === undefined) return undefined;
  const targets = (store.list('EndpointSlice', namespace) as readonly EndpointSlice[])
    .filter((slice) => slice.metadata.labels?.['kubernetes.io/service-name'] === name)
    .flatMap((slice): Place[] => {
      const number = slice.ports?.find((candidate) => (candidate.name ?? '') === (port.name ?? ''))?.port;
      if (number === undefined) return [];
      const ready = slice.endpoints.filter((endpoint) => endpoint.conditions?.ready !== false);
      return ready.flatMap(({ addresses }) => addresses.map((host): Place => ({ kind: 'tcp', host, port: number })));
    });
  return targets[Math.floor(Math.random() * targets.length)];
}
