/** WorkloadEntry: a workload outside the cluster (https://istio.io/latest/docs/reference/config/networking/workload-entry/). */
import { istioKind, type SpecObject } from './kit/kind.ts';
import {
  integer,
  map,
  no,
  object,
  port,
  string,
  yes,
  type Field,
  type ObjectNode,
  type Phantom,
  type Static,
  type StaticObject,
} from './kit/node.ts';

const fields = {
  address: yes('IP address, host name, or unix:// and a path', string({ maxLength: 256 })),
  ports: yes(
    "ports of the workload by the service port's name",
    map(port(), {
      maxItems: 128,
      key: string({ minLength: 1, maxLength: 63, pattern: '[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?' }),
    }),
  ),
  labels: yes('labels of the workload', map(string(), { maxItems: 256 })),
  network: yes('network that it is in', string({ maxLength: 2_048 })),
  locality: yes('region/zone/subzone', string({ maxLength: 2_048 })),
  weight: yes('share of the traffic among its like', integer({ min: 0, max: 4_294_967_295 })),
  serviceAccount: yes('identity that it has', string({ maxLength: 253 })),
} as const;

/** An endpoint in a ServiceEntry. */
export const workloadEndpoint = object(fields);
/** An endpoint that is written out. */
export type WorkloadEndpoint = Static<typeof workloadEndpoint>;

function unsupported<F extends Readonly<Record<string, Field<unknown, boolean>>>>(
  all: F,
): ObjectNode & Phantom<StaticObject<F>> {
  return object(
    Object.fromEntries(
      Object.entries(all).map(([name, field]) => [name, no(field.text, field.schema)]),
    ) as unknown as F,
  );
}

const spec = unsupported(fields);
/** What a WorkloadEntry says. */
export type WorkloadEntrySpec = Static<typeof spec>;
/** A workload outside the cluster. */
export interface WorkloadEntry extends SpecObject<'WorkloadEntry', WorkloadEntrySpec> {}

/** The kind. */
export const workloadEntry = istioKind({
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  kind: 'WorkloadEntry',
  plural: 'workloadentries',
  shortNames: ['we'],
  spec,
  specRequired: true,
});
