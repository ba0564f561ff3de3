/** The mesh in which single fields are tried: services of every protocol, clients in two namespaces, a gateway. */
import type { ProxyKey } from '../../../src/model/view.ts';
import type { KubeObject } from '../../../src/schema/object.ts';
import { ingressGateway, objectsOf, service, workload } from '../mesh-fixture.ts';

const pod = (name: string, labels: string, more = ''): string => `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, ${more}labels: { security.istio.io/tlsMode: istio, ${labels} } }
spec: { serviceAccountName: ${name}, containers: [{ name: app, image: none }] }
---
`;

const mixedPorts = [
  ['http-web', 80],
  ['tcp-db', 3306],
  ['tls-store', 443],
  ['grpc-api', 8079],
  ['auto', 9999],
] as const;

const portsText = (targets: boolean): string =>
  mixedPorts
    .map(([name, port]) => `{ name: ${name}, port: ${port}${targets ? `, targetPort: ${port}` : ''} }`)
    .join(', ');

const mixed = `
apiVersion: v1
kind: Service
metadata: { name: mixed }
spec: { clusterIP: 10.96.0.2, selector: { app: mixed }, ports: [${portsText(true)}] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: mixed, labels: { kubernetes.io/service-name: mixed } }
addressType: IPv4
ports: [${portsText(false)}]
endpoints:
${[1, 2, 3]
  .map(
    (i) =>
      `- { addresses: [10.44.1.${i}], conditions: { ready: true }, targetRef: { kind: Pod, name: mixed-v${i}, namespace: default } }`,
  )
  .join('\n')}
---
${pod('mixed-v1', 'app: mixed, version: v1, zone: z1, istio-locality: r1.z1.s1')}
${pod('mixed-v2', 'app: mixed, version: v2, zone: z2, istio-locality: r2.z2.s2')}
${pod('mixed-v3', 'app: mixed, version: v3, zone: z3, istio-locality: r3.z3.s3')}
`;

const outside = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: outside }
spec:
  hosts: [outside.example.com]
  ports: [{ number: 443, name: tls, protocol: TLS }, { number: 80, name: http, protocol: HTTP }]
  resolution: DNS
---
`;

/** Rules that only bite once the object that is tried is there. */
const rules = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: through-x }
spec:
  hosts: [shop.example.com, b.example.com]
  gateways: [x]
  http: [{ route: [{ destination: { host: reviews, port: { number: 9080 } } }] }]
  tls: [{ match: [{ sniHosts: [shop.example.com] }], route: [{ destination: { host: mixed, port: { number: 443 } } }] }]
  tcp: [{ route: [{ destination: { host: mixed, port: { number: 3306 } } }] }]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: front }
spec:
  selector: { istio: ingressgateway }
  servers:
  - { port: { number: 80, name: http, protocol: HTTP }, hosts: ['*'] }
  - { port: { number: 15443, name: tls, protocol: TLS }, hosts: ['*'], tls: { mode: PASSTHROUGH } }
---
`;

/** Everything that stands still while one field is tried. */
export const baseObjects: readonly KubeObject[] = objectsOf(
  [
    service('reviews', '10.96.0.1'),
    workload('reviews', 'v1', '10.44.0.1'),
    workload('reviews', 'v2', '10.44.0.2'),
    mixed,
    outside,
    rules,
    ingressGateway,
    pod('client', 'app: client, zone: z1, istio-locality: r1.z1.s1'),
    pod('far', 'app: far, zone: z2, istio-locality: r2.z2.s2', 'namespace: other, '),
  ].join('\n---\n'),
);

/** A client, a client of another namespace, two servers and a gateway. */
export const proxies: readonly ProxyKey[] = [
  { type: 'sidecar', pod: 'default/client' },
  { type: 'sidecar', pod: 'other/far' },
  { type: 'sidecar', pod: 'default/reviews-v1' },
  { type: 'sidecar', pod: 'default/mixed-v1' },
  { type: 'router', pod: 'istio-system/istio-ingressgateway-1' },
];
