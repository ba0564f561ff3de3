/** What every mesh on one machine has besides the user's objects: the control plane, a gateway, and their namespace. */
import type { KubeObject } from '../../schema/object.ts';

/** Namespace of the control plane and its gateway. */
export const systemNamespace = 'istio-system';

/** Where the control plane's pod finds its things. Paths are the machine's own; applications do not see them. */
export interface SystemPaths {
  /** The program to run as the control plane, with its arguments. */
  readonly command: readonly string[];
  /** Folders that the control plane may see though applications may not. */
  readonly folders: readonly string[];
}

/** Ports of the ingress gateway's Service, and where its proxy listens. */
const gatewayPorts = [
  { name: 'status-port', port: 15_021, targetPort: 15_021 },
  { name: 'http2', port: 80, targetPort: 8_080 },
  { name: 'https', port: 443, targetPort: 8_443 },
] as const;

/** The objects, in the order in which they are needed. */
export function systemObjects(paths: SystemPaths): readonly KubeObject[] {
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: systemNamespace } },
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } },
    serviceAccount('istiod'),
    serviceAccount('istio-ingressgateway-service-account'),
    namespaced('v1', 'ConfigMap', 'istio', { data: { mesh: '' } }),
    namespaced('v1', 'Service', 'istiod', {
      spec: {
        selector: { app: 'istiod' },
        ports: [{ name: 'https-dns', port: 15_012, targetPort: 15_012, protocol: 'TCP' }],
      },
    }),
    controlPlane(paths),
    namespaced('v1', 'Service', 'istio-ingressgateway', {
      spec: {
        type: 'LoadBalancer',
        selector: { app: 'istio-ingressgateway', istio: 'ingressgateway' },
        ports: gatewayPorts.map((port) => ({ ...port, protocol: 'TCP' })),
      },
    }),
    gateway,
  ];
}

function namespaced(apiVersion: string, kind: string, name: string, rest: object): KubeObject {
  return { apiVersion, kind, metadata: { name, namespace: systemNamespace }, ...rest };
}

function serviceAccount(name: string): KubeObject {
  return namespaced('v1', 'ServiceAccount', name, {});
}

function controlPlane(paths: SystemPaths): KubeObject {
  const labels = { app: 'istiod', istio: 'pilot', 'istio.io/rev': 'default' };
  const volumes = paths.folders.map((path, i) => ({ name: `folder-${i}`, hostPath: { path } }));
  return namespaced('apps/v1', 'Deployment', 'istiod', {
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: 'istiod' } },
      template: {
        metadata: { labels, annotations: { 'sidecar.istio.io/inject': 'false' } },
        spec: {
          serviceAccountName: 'istiod',
          containers: [
            {
              name: 'discovery',
              image: 'mizzen/pilot',
              command: paths.command,
              ports: [{ name: 'grpc-xds', containerPort: 15_012 }],
              // The port opens when the sources are in sync, and not before.
              readinessProbe: { tcpSocket: { port: 15_012 }, periodSeconds: 1 },
              volumeMounts: volumes.map(({ name, hostPath }) => ({ name, mountPath: hostPath.path })),
            },
          ],
          volumes,
        },
      },
    },
  });
}

const gateway: KubeObject = namespaced('apps/v1', 'Deployment', 'istio-ingressgateway', {
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: 'istio-ingressgateway', istio: 'ingressgateway' } },
    template: {
      metadata: {
        labels: { app: 'istio-ingressgateway', istio: 'ingressgateway', 'sidecar.istio.io/inject': 'true' },
        annotations: { 'inject.istio.io/templates': 'gateway' },
      },
      spec: {
        serviceAccountName: 'istio-ingressgateway-service-account',
        containers: [
          {
            name: 'istio-proxy',
            image: 'auto',
            ports: [
              { name: 'http2', containerPort: 8_080 },
              { name: 'https', containerPort: 8_443 },
            ],
          },
        ],
      },
    },
  },
});
