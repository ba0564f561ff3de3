/** ServiceEntry: a service that Kubernetes does not know (https://istio.io/latest/docs/reference/config/networking/service-entry/). */
import { checkExportTo, type Exported } from './rules/names.ts';
import { checkServiceEntry } from './rules/service-entry.ts';
import { istioKind, type SpecObject } from './kit/kind.ts';
import {
  choice,
  list,
  object,
  port,
  required,
  string,
  withDefault,
  yes,
  type Report,
  type Static,
} from './kit/node.ts';
import { exportTo, networkingSelector } from './shared.ts';
import { workloadEndpoint } from './workload-entry.ts';

const servicePort = object({
  number: required(yes('port that clients call', port())),
  name: required(yes('name of the port', string({ minLength: 1, maxLength: 256 }))),
  protocol: yes('HTTP, HTTPS, GRPC, GRPC-WEB, HTTP2, MONGO, TCP or TLS', string({ maxLength: 256 })),
  targetPort: yes('port of the endpoints, where it is another', port()),
});
/** A port of a service. */
export type ServiceEntryPort = Static<typeof servicePort>;

const spec = object(
  {
    hosts: required(yes('names of the service', list(string({ minLength: 1 }), { minItems: 1, maxItems: 256 }))),
    addresses: yes('virtual addresses and ranges of the service', list(string({ maxLength: 64 }), { maxItems: 256 })),
    ports: yes('ports of the service', list(servicePort, { maxItems: 256 })),
    location: withDefault(
      'MESH_EXTERNAL',
      yes('in the mesh or outside it', choice(['MESH_EXTERNAL', 'MESH_INTERNAL'])),
    ),
    resolution: withDefault(
      'NONE',
      yes(
        'how endpoints are found',
        choice(['NONE', 'STATIC', 'DNS', 'DNS_ROUND_ROBIN', 'DYNAMIC_DNS'], {
          DYNAMIC_DNS: 'resolving names at request time',
        }),
      ),
    ),
    endpoints: yes('endpoints that are written out', list(workloadEndpoint, { maxItems: 4_096 })),
    workloadSelector: yes('labels of the workloads behind it', networkingSelector),
    subjectAltNames: yes('names of which the server has to prove one', list(string())),
    exportTo: withDefault(['*'], yes('namespaces that see it', exportTo)),
  },
  { rules: [checkServiceEntry] },
);
/** What a ServiceEntry says. */
export type ServiceEntrySpec = Static<typeof spec>;
/** A service that Kubernetes does not know. */
export interface ServiceEntry extends SpecObject<'ServiceEntry', ServiceEntrySpec> {}

/** The kind. */
export const serviceEntry = istioKind({
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  kind: 'ServiceEntry',
  plural: 'serviceentries',
  shortNames: ['se'],
  spec,
  specRequired: true,
  rules: [(object: Exported, report: Report) => checkExportTo(object, report, true)],
});
