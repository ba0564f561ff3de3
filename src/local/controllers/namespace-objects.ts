import type { ConfigMap, Namespace, ServiceAccount } from '../../schema/index.ts';

/** Namespaces that are always there. */
export const builtInNamespaces: readonly string[] = ['default', 'istio-system', 'kube-system'];

/** Name of the ConfigMap with the mesh's root certificate, in every namespace. */
export const rootCertificateName = 'istio-ca-root-cert';

/** A namespace of which nothing is written but its name. */
export function bareNamespace(name: string): Namespace {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: { 'kubernetes.io/metadata.name': name } } };
}

/** What every namespace has besides what is written: the default ServiceAccount and the mesh's root certificate. */
export function namespaceObjects(namespace: string, rootCertificate: string): readonly [ServiceAccount, ConfigMap] {
  const metadata = { name: rootCertificateName, namespace, labels: { 'istio.io/config': 'true' } };
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace } },
    { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'root-cert.pem': rootCertificate } },
  ];
}
