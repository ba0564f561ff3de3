/** Sidecar: what a group of sidecars sees and listens to (https://istio.io/latest/docs/reference/config/networking/sidecar/). */
import { destination } from './destination.ts';
import { serverTls } from './gateway.ts';
import { checkSidecar } from './rules/sidecar.ts';
import { istioKind, type SpecObject } from './kit/kind.ts';
import {
  choice,
  integer,
  list,
  no,
  object,
  port,
  required,
  string,
  withDefault,
  yes,
  type Static,
} from './kit/node.ts';
import { connectionPool, networkingSelector } from './shared.ts';

const sidecarPort = object({
  number: yes('the port; 0 or absent for a unix socket', integer({ min: 0, max: 65_535 })),
  protocol: yes('its protocol', string()),
  name: yes('its name', string()),
  targetPort: no('not used', port(), 'Istio ignores it here too'),
});
const captureMode = choice(['DEFAULT', 'IPTABLES', 'NONE']);

const ingressListener = object({
  port: required(yes('port to listen on', sidecarPort)),
  bind: no('address to listen on', string(), "inbound listeners follow the pod's interception"),
  captureMode: no('how traffic gets there', captureMode, "inbound listeners follow the pod's interception"),
  defaultEndpoint: yes('where the traffic goes: IP and port, or unix:// and a path', string()),
  tls: no('TLS that the sidecar terminates', serverTls, "inbound TLS is the mesh's"),
  connectionPool: no('limits towards the application', connectionPool, 'inbound limits are not set'),
});
/** A port that the sidecar listens on for the application. */
export type IngressListener = Static<typeof ingressListener>;

const egressListener = object({
  port: no('only for this port', sidecarPort, 'the hosts are seen on every port'),
  bind: no('address to listen on', string(), 'listeners follow the services'),
  captureMode: no('how traffic gets there', captureMode, "outbound listeners follow the pod's interception"),
  hosts: required(yes('hosts that are seen, as namespace/host', list(string({ minLength: 1 }), { minItems: 1 }))),
});
/** What the application can call. */
export type EgressListener = Static<typeof egressListener>;

const outboundTrafficPolicy = object({
  mode: withDefault(
    'ALLOW_ANY',
    yes(
      'what becomes of calls to unknown hosts',
      choice(['REGISTRY_ONLY', 'ALLOW_ANY', 'ALLOW_ANY_DYNAMIC_DNS'], {
        ALLOW_ANY_DYNAMIC_DNS: 'resolving unknown hosts at request time',
      }),
    ),
  ),
  egressProxy: yes('service that gets calls to unknown hosts', destination),
});

const spec = object(
  {
    workloadSelector: yes('sidecars that this is for; all of the namespace where it is absent', networkingSelector),
    ingress: yes(
      'ports that the sidecar listens on for the application, in place of the services',
      list(ingressListener),
    ),
    egress: yes('what the application can call', list(egressListener)),
    inboundConnectionPool: no('limits towards the application', connectionPool, 'inbound limits are not set'),
    outboundTrafficPolicy: yes('what becomes of calls to unknown hosts', outboundTrafficPolicy),
  },
  { rules: [checkSidecar] },
);
/** What a Sidecar says. */
export type SidecarSpec = Static<typeof spec>;
/** What a group of sidecars sees. */
export interface Sidecar extends SpecObject<'Sidecar', SidecarSpec> {}

/** The kind. */
export const sidecar = istioKind({
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  kind: 'Sidecar',
  plural: 'sidecars',
  spec,
});
