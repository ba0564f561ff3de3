/** Objects that stand for what a case only names: the proxy's pod, and the services and instances of a registry. */
import type { JsonObject } from '../../src/base/json.ts';
import type { ProxyKey } from '../../src/model/view.ts';
import type { KubeObject } from '../../src/schema/index.ts';
import { listAt, numberAt, objectAt, textAt, textsAt } from '../../src/simulate/members.ts';

const standInLabel = 'stand-in';

/** The pod of a case's proxy. */
export function podOf(proxy: JsonObject): { readonly pod: KubeObject; readonly proxy: ProxyKey } {
  const metadata = objectAt(proxy, 'metadata');
  const namespace = textAt(metadata, 'NAMESPACE') || textAt(proxy, 'configNamespace') || 'default';
  const [address = ''] = textsAt(proxy, 'ipAddresses');
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'app',
      namespace,
      labels: { ...(objectAt(proxy, 'labels') as Record<string, string>), [standInLabel]: 'true' },
    },
    spec: { serviceAccountName: textAt(metadata, 'SERVICE_ACCOUNT') || 'default', containers: [] },
    status: { podIP: address, conditions: [{ type: 'Ready', status: 'True' }] },
  };
  return { pod, proxy: { type: proxy['type'] === 'router' ? 'router' : 'sidecar', pod: `${namespace}/app` } };
}

/** Services of a case's registry that have an instance at the proxy select its pod, port by port. */
export function inboundObjects(one: JsonObject, pod: KubeObject): readonly KubeObject[] {
  const instances = listAt(one, 'instances');
  return listAt(one, 'services').map((service) => {
    const host = textAt(service, 'hostname');
    const [name = '', namespace] = host.split('.');
    const mine = instances.filter((instance) => textAt(instance, 'service') === host);
    const ports = listAt(service, 'ports').map((port) => {
      const instance = mine.find((each) => numberAt(each, 'servicePort') === numberAt(port, 'port'));
      return {
        name: `${textAt(port, 'protocol').toLowerCase()}-${textAt(port, 'name')}`,
        port: numberAt(port, 'port') ?? 0,
        // A port without an instance is one that the pod does not have.
        targetPort: numberAt(instance, 'endpointPort') ?? 'absent',
      };
    });
    const spec = { clusterIP: textAt(service, 'address'), selector: { [standInLabel]: 'true' }, ports };
    const metadata = { name, namespace: namespace ?? pod.metadata.namespace ?? '' };
    return { apiVersion: 'v1', kind: 'Service', metadata, spec };
  });
}
