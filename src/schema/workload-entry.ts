/** WorkloadEntry: a workload outside the cluster (https://istio.io/latest/docs/reference/config/networking/workload-entry/). */
import { checkEndpoint } from './rules/service-entry.ts';
import { istioKind, type SpecObject } from './kit/kind.ts';
import { integer, map, no, object, port, string, yes, type Static } from './kit/node.ts';

/** Fields of a workload outside the cluster. */
export const workloadFields = {
  address: yes('IP address, host name, or unix:// and a path', string({ maxLength: 256 })),
  ports: yes(
    "ports of the workload by the service port's name",
    map(port(), {
      maxItems: 128,
      key: string({ minLength: 1, maxLength: 62, pattern: '[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?' }),
    }),
  ),
  labels: yes(
    'labels of the workload',
    map(string({ format: 'labelValue' }), { maxItems: 256, key: string({ format: 'labelKey' }) }),
  ),
  network: no('network that it is in', string({ maxLength: 2_048 }), 'every workload is reached directly'),
  locality: yes('region/zone/subzone', string({ maxLength: 2_048 })),
  weight: yes('share of the traffic among its like', integer({ min: 0, max: 4_294_967_295 })),
  serviceAccount: yes('identity that it has', string({ maxLength: 253 })),
} as const;

/** An endpoint in a ServiceEntry. */
export const workloadEndpoint = object(workloadFields, { rules: [checkEndpoint] });
/** An endpoint that is written out. */
export type WorkloadEndpoint = Static<typeof workloadEndpoint>;

const spec = object(workloadFields, { rules: [checkEndpoint] });
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
  missing: 'workloads outside the cluster are not read',
});
