/** A small mesh for tests that need a compiled one: two services, a client and a gateway. */
import { parseAllDocuments } from 'yaml';
import type { KubeObject } from '../../src/schema/object.ts';

/** Objects of a YAML text; namespaces default to `default`. */
export function objectsOf(text: string): readonly KubeObject[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as KubeObject | null)
    .filter((object) => object !== null)
    .map((object) => ({ ...object, metadata: { namespace: 'default', ...object.metadata } }));
}

/** One workload: Service, pod and its endpoint. */
export function workload(app: string, version: string, address: string, port = 9080): string {
  return `
apiVersion: v1
kind: Pod
metadata: { name: ${app}-${version}, labels: { app: ${app}, version: ${version}, security.istio.io/tlsMode: istio } }
spec: { serviceAccountName: bookinfo-${app}, containers: [{ name: ${app}, image: none, ports: [{ containerPort: ${port} }] }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ${app}-${version}, labels: { kubernetes.io/service-name: ${app} } }
addressType: IPv4
ports: [{ name: http, port: ${port} }]
endpoints: [{ addresses: [${address}], conditions: { ready: true }, targetRef: { kind: Pod, name: ${app}-${version}, namespace: default } }]
---
`;
}

/** A Service with one HTTP port. */
export function service(app: string, address: string, port = 9080, name = 'http'): string {
  return `
apiVersion: v1
kind: Service
metadata: { name: ${app} }
spec: { clusterIP: ${address}, selector: { app: ${app} }, ports: [{ name: ${name}, port: ${port} }] }
---
`;
}

/** The ingress gateway's pod and Service. */
export const ingressGateway = `
apiVersion: v1
kind: Pod
metadata: { name: istio-ingressgateway-1, namespace: istio-system, labels: { istio: ingressgateway } }
spec: { serviceAccountName: istio-ingressgateway-service-account, containers: [{ name: istio-proxy, image: auto }] }
---
apiVersion: v1
kind: Service
metadata: { name: istio-ingressgateway, namespace: istio-system }
spec: { clusterIP: 10.96.9.9, selector: { istio: ingressgateway }, ports: [{ name: http2, port: 80, targetPort: 8080 }, { name: https, port: 443, targetPort: 8443 }] }
---
`;
