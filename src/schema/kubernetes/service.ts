/** Service (https://kubernetes.io/docs/reference/kubernetes-api/service-resources/service-v1/). */
import { kubernetesKind, type SpecObject } from '../kit/kind.ts';
import {
  anyObject,
  boolean,
  choice,
  integer,
  intOrString,
  list,
  map,
  no,
  object,
  port,
  required,
  string,
  withDefault,
  yes,
  type Static,
} from '../kit/node.ts';

const servicePort = object({
  port: required(yes('port that clients call', port())),
  targetPort: yes('port of the pods, by number or name; the same where it is absent', intOrString()),
  name: yes('name of the port; its beginning tells the protocol', string({ format: 'dnsLabel' })),
  appProtocol: yes('protocol of the port', string()),
  protocol: withDefault('TCP', yes('TCP, UDP or SCTP', choice(['TCP', 'UDP', 'SCTP']))),
  nodePort: no('port on every node', port(), 'gateway ports are published instead'),
});
/** A port of a service. */
export type ServicePort = Static<typeof servicePort>;

const balancer = 'one machine has no load balancer in front';

const spec = object({
  ports: yes('ports of the service', list(servicePort)),
  selector: yes('labels of the pods behind it', map(string({ format: 'labelValue' }))),
  type: withDefault(
    'ClusterIP',
    yes('how it is reached', choice(['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'])),
  ),
  clusterIP: yes('address of the service; None is headless', string()),
  clusterIPs: yes('addresses of the service', list(string())),
  externalName: yes('host that the name stands for', string({ format: 'host' })),
  publishNotReadyAddresses: yes('pods count before they are ready', boolean()),
  ipFamilies: yes('IPv4, IPv6', list(string())),
  ipFamilyPolicy: no('one family or both', string()),
  sessionAffinity: no('a client stays with a pod', choice(['None', 'ClientIP'])),
  sessionAffinityConfig: no('how long a client stays', anyObject()),
  trafficDistribution: no('which pods are preferred', string()),
  internalTrafficPolicy: no('which pods callers inside get', string()),
  externalTrafficPolicy: no('which pods callers outside get', string(), balancer),
  healthCheckNodePort: no("port for a load balancer's check", integer(), balancer),
  allocateLoadBalancerNodePorts: no('node ports for a load balancer', boolean(), balancer),
  externalIPs: no('further addresses', list(string()), balancer),
  loadBalancerIP: no('address of the load balancer', string(), balancer),
  loadBalancerClass: no('which load balancer', string(), balancer),
  loadBalancerSourceRanges: no('who may call the load balancer', list(string()), balancer),
});
/** What a Service says. */
export type ServiceSpec = Static<typeof spec>;

/** A service of the cluster. */
export interface Service extends SpecObject<'Service', ServiceSpec> {
  readonly status?: {
    readonly loadBalancer?: { readonly ingress?: readonly { readonly ip?: string; readonly hostname?: string }[] };
  };
}

function checkService(
  { spec: service }: { readonly spec: ServiceSpec },
  report: { error: (path: string, message: string, fix?: string) => void },
): void {
  if (service.type === 'ExternalName') {
    if (service.externalName === undefined || service.externalName === '') {
      report.error(
        'spec.externalName',
        'is missing; a Service of type ExternalName stands for another host',
        'name the host',
      );
    }
    return;
  }
  const ports = service.ports ?? [];
  if (ports.length === 0 && service.clusterIP !== 'None')
    report.error('spec.ports', 'is empty; a Service needs a port', 'add a port');
  const names = new Set<string>();
  const numbers = new Set<string>();
  for (const [i, { name, port: number, protocol = 'TCP' }] of ports.entries()) {
    if (ports.length > 1 && name === undefined)
      report.error(
        `spec.ports[${i}].name`,
        'is missing; ports of a Service with several have names',
        'name the port, for example http',
      );
    if (name !== undefined && names.has(name))
      report.error(`spec.ports[${i}].name`, `"${name}" is the name of another port of this Service`);
    if (numbers.has(`${protocol}/${number}`))
      report.error(`spec.ports[${i}].port`, `${number} is already a ${protocol} port of this Service`);
    if (name !== undefined) names.add(name);
    numbers.add(`${protocol}/${number}`);
  }
}

/** The kind. */
export const service = kubernetesKind({
  group: '',
  versions: ['v1'],
  kind: 'Service',
  plural: 'services',
  shortNames: ['svc'],
  fields: { spec: required(yes('what is wanted', spec)) },
  rules: [checkService],
});
