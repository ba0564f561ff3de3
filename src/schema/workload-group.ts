/** WorkloadGroup: what workloads outside the cluster have in common (https://istio.io/latest/docs/reference/config/networking/workload-group/). */
import { istioKind, type SpecObject } from './kit/kind.ts';
import { integer, list, map, object, port, required, string, yes, type Report, type Static } from './kit/node.ts';
import { checkEndpoint, type EndpointParts } from './rules/service-entry.ts';
import { labels } from './shared.ts';
import { workloadFields } from './workload-entry.ts';

const seconds = integer({ min: 0, max: 2_147_483_647 });
const headerName = string({ minLength: 1, pattern: '[-_A-Za-z0-9]+' });

const probe = object(
  {
    initialDelaySeconds: yes('time before the first probe', seconds),
    timeoutSeconds: yes('time that a probe may take', seconds),
    periodSeconds: yes('time between probes', seconds),
    successThreshold: yes('successes in a row that count', seconds),
    failureThreshold: yes('failures in a row that count', seconds),
    httpGet: yes(
      'an HTTP request',
      object({
        path: yes('path of the request', string()),
        port: required(yes('port of the request', port())),
        host: yes('host to call', string()),
        scheme: yes('HTTP or HTTPS', string({ pattern: '(?:HTTPS?)?' })),
        httpHeaders: yes(
          'headers of the request',
          list(object({ name: yes('name of the header', headerName), value: yes('its value', string()) })),
        ),
      }),
    ),
    tcpSocket: yes(
      'a connection',
      object({ host: yes('host to call', string()), port: required(yes('port to call', port())) }),
    ),
    exec: yes(
      'a command',
      object({ command: required(yes('command and arguments', list(string({ minLength: 1 }), { minItems: 1 }))) }),
    ),
    grpc: yes(
      'the gRPC health service',
      object({ port: yes('port to call', port()), service: yes('service that is asked for', string()) }),
    ),
  },
  { exactlyOne: [['httpGet', 'tcpSocket', 'exec', 'grpc']] },
);

/** The address of a template is filled in later, so that it may be missing. */
function checkTemplate(template: EndpointParts, report: Report): void {
  if ((template.address ?? '') !== '') checkEndpoint(template, report);
}

const spec = object({
  metadata: yes(
    'labels and annotations of the workloads',
    object({ labels: yes('labels', labels), annotations: yes('annotations', map(string(), { maxItems: 256 })) }),
  ),
  template: required(yes('what each workload is like', object(workloadFields, { rules: [checkTemplate] }))),
  probe: yes('how the health of a workload is asked for', probe),
});
/** What a WorkloadGroup says. */
export type WorkloadGroupSpec = Static<typeof spec>;
/** What workloads outside the cluster have in common. */
export interface WorkloadGroup extends SpecObject<'WorkloadGroup', WorkloadGroupSpec> {}

/** The kind. */
export const workloadGroup = istioKind({
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  kind: 'WorkloadGroup',
  plural: 'workloadgroups',
  shortNames: ['wg'],
  spec,
  specRequired: true,
  missing: 'workloads outside the cluster are not read',
});
