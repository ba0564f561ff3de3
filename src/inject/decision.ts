import type { Pod } from '../schema/index.ts';

/** Whether a pod gets a proxy, of which template, and why. */
export type Decision =
  | { readonly kind: 'inject'; readonly template: 'sidecar' | 'gateway' }
  | { readonly kind: 'skip'; readonly reason: string };

const systemNamespaces: ReadonlySet<string> = new Set([
  'kube-system',
  'kube-public',
  'kube-node-lease',
  'local-path-storage',
]);

/**
 * Istio's rules: host network and system namespaces never; a label of the pod beats its annotation, which beats the
 * namespace's label (https://istio.io/latest/docs/setup/additional-setup/sidecar-injection).
 */
export function decide(pod: Pod, namespaceLabels: Readonly<Record<string, string>>, byDefault: boolean): Decision {
  const { labels = {}, annotations = {}, namespace = '' } = pod.metadata;
  if (pod.spec?.hostNetwork === true) return { kind: 'skip', reason: 'the pod has the network of its host' };
  if (systemNamespaces.has(namespace)) return { kind: 'skip', reason: `${namespace} is a system namespace` };
  const wish = labels['sidecar.istio.io/inject'] ?? annotations['sidecar.istio.io/inject'];
  if (wish !== undefined && !isYes(wish)) return { kind: 'skip', reason: 'sidecar.istio.io/inject says no' };
  const template = annotations['inject.istio.io/templates'] === 'gateway' ? 'gateway' : 'sidecar';
  if (wish !== undefined) return { kind: 'inject', template };
  if (namespaceLabels['istio-injection'] === 'disabled') {
    return { kind: 'skip', reason: `namespace ${namespace} has istio-injection=disabled` };
  }
  const enabled =
    namespaceLabels['istio-injection'] === 'enabled' ||
    namespaceLabels['istio.io/rev'] !== undefined ||
    labels['istio.io/rev'] !== undefined;
  if (enabled || byDefault) return { kind: 'inject', template };
  return { kind: 'skip', reason: `namespace ${namespace} has no label istio-injection=enabled` };
}

function isYes(text: string): boolean {
  return ['true', 'yes', 'y', 'on'].includes(text.toLowerCase());
}
