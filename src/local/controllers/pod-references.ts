import type { Container, PodSpec } from '../../schema/index.ts';
import type { ObjectRef } from '../../schema/object.ts';

/** Something a pod needs by name. */
export interface PodReference {
  readonly ref: ObjectRef;
  /** The field that names it, below the pod's spec. */
  readonly field: string;
  /** Where the pod is not made without it, as in Kubernetes; the others keep a container waiting. */
  readonly refuses: boolean;
}

type Named = { readonly name?: string; readonly optional?: boolean } | undefined;
type Found = readonly [kind: 'ConfigMap' | 'Secret', named: Named, field: string];

/** What a pod refers to by name and cannot do without. Pure. */
export function podReferences(spec: PodSpec, namespace: string): readonly PodReference[] {
  const account = { kind: 'ServiceAccount', namespace, name: spec.serviceAccountName ?? 'default' };
  const found: Found[] = (spec.volumes ?? []).flatMap(({ configMap, secret }, i): Found[] => [
    ['ConfigMap', configMap, `volumes[${i}].configMap.name`],
    ['Secret', secret && { ...secret, name: secret.secretName ?? '' }, `volumes[${i}].secret.secretName`],
  ]);
  for (const kind of ['initContainers', 'containers'] as const) {
    for (const [i, container] of (spec[kind] ?? []).entries()) found.push(...environment(container, `${kind}[${i}]`));
  }
  return [
    { ref: account, field: 'serviceAccountName', refuses: true },
    ...found.flatMap(([kind, named, field]) =>
      named?.name === undefined || named.name === '' || named.optional === true
        ? []
        : [{ ref: { kind, namespace, name: named.name }, field, refuses: false }],
    ),
  ];
}

function environment(container: Container, at: string): Found[] {
  return [
    ...(container.envFrom ?? []).flatMap(({ configMapRef, secretRef }, i): Found[] => [
      ['ConfigMap', configMapRef, `${at}.envFrom[${i}].configMapRef.name`],
      ['Secret', secretRef, `${at}.envFrom[${i}].secretRef.name`],
    ]),
    ...(container.env ?? []).flatMap(({ valueFrom }, i): Found[] => [
      ['ConfigMap', valueFrom?.configMapKeyRef, `${at}.env[${i}].valueFrom.configMapKeyRef.name`],
      ['Secret', valueFrom?.secretKeyRef, `${at}.env[${i}].valueFrom.secretKeyRef.name`],
    ]),
  ];
}

/** Names of the ConfigMaps and Secrets whose change a running pod can see, as `Kind/name`. */
export function mountedNames(spec: PodSpec): ReadonlySet<string> {
  const names = (spec.volumes ?? []).flatMap(({ configMap, secret, projected }) => [
    ...(configMap?.name === undefined ? [] : [`ConfigMap/${configMap.name}`]),
    ...(secret?.secretName === undefined ? [] : [`Secret/${secret.secretName}`]),
    ...(projected?.sources ?? []).flatMap((source) => [
      ...(source.configMap?.name === undefined ? [] : [`ConfigMap/${source.configMap.name}`]),
      ...(source.secret?.name === undefined ? [] : [`Secret/${source.secret.name}`]),
    ]),
  ]);
  return new Set(names);
}
