/** A kind of object: its names, its versions and the schema of the whole. */
import type { KubeObject } from '../object.ts';
import {
  map,
  no,
  object,
  required,
  string,
  yes,
  anyJson,
  list,
  boolean,
  integer,
  type Field,
  type ObjectNode,
  type Rule,
  type Schema,
} from './node.ts';

/** A kind that the mesh knows. */
export interface Kind {
  /** API group; empty for Kubernetes' core. */
  readonly group: string;
  /** Versions that are read, the one that is stored first. All have one schema. */
  readonly versions: readonly string[];
  readonly kind: string;
  readonly plural: string;
  readonly shortNames: readonly string[];
  readonly namespaced: boolean;
  /** Istio's kinds report every field without effect; Kubernetes' only when asked to be strict, since most of their fields are the cluster's. */
  readonly reportsUnsupported: boolean;
  /** The whole object, `apiVersion`, `kind` and `metadata` included. */
  readonly schema: ObjectNode;
}

/** What a kind is made from. `fields` stand beside `apiVersion`, `kind` and `metadata`. */
export interface KindParts {
  readonly group: string;
  readonly versions: readonly string[];
  readonly kind: string;
  readonly plural: string;
  readonly shortNames?: readonly string[];
  readonly namespaced?: boolean;
  readonly fields: Readonly<Record<string, Field<unknown, boolean>>>;
  readonly rules?: readonly Rule<never>[];
}

/** An object whose `spec` is there: `normalise` gives every kind that has one an empty one at least. */
export interface SpecObject<Name extends string, Spec> extends KubeObject<Name, Spec> {
  readonly spec: Spec;
}

const text = string();
const anything = anyJson();

/** Kubernetes' object metadata (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/). */
export const objectMeta = object({
  name: yes('name of the object', string({ format: 'dnsSubdomain' })),
  generateName: yes('beginning of a name that the server completes', text),
  namespace: yes('namespace of the object', string({ format: 'dnsLabel' })),
  labels: yes(
    'labels that selectors match',
    map(string({ format: 'labelValue' }), { key: string({ format: 'labelKey' }), nullIsEmpty: true }),
  ),
  annotations: yes('annotations', map(string({ maxLength: 262_144 }), { nullIsEmpty: true })),
  uid: yes('given by the server', text),
  resourceVersion: yes('given by the server', text),
  generation: yes('given by the server', integer()),
  creationTimestamp: yes('given by the server; decides which of two conflicting rules is older', text),
  deletionTimestamp: yes('given by the server', text),
  deletionGracePeriodSeconds: yes('given by the server', integer()),
  finalizers: yes('kept by the server', list(text)),
  ownerReferences: yes(
    'who made the object',
    list(
      object({
        apiVersion: required(yes('version of the owner', text)),
        kind: required(yes('kind of the owner', text)),
        name: required(yes('name of the owner', text)),
        uid: yes('identity of the owner', text),
        controller: yes('the owner manages this object', boolean()),
        blockOwnerDeletion: yes('kept by the server', boolean()),
      }),
    ),
  ),
  managedFields: yes('kept by the server', anything),
  selfLink: yes('kept by the server', text),
});

/** Builds a kind. */
export function defineKind(parts: KindParts, reportsUnsupported: boolean): Kind {
  const { group, versions, kind, plural, shortNames = [], namespaced = true, fields, rules = [] } = parts;
  const schema = object(
    {
      apiVersion: required(yes('group and version', text)),
      kind: required(yes('kind of the object', text)),
      metadata: required(yes('name, namespace, labels and annotations', objectMeta as Schema<unknown>)),
      ...fields,
    },
    { rules: rules as readonly Rule<unknown>[] },
  );
  return Object.freeze({ group, versions, kind, plural, shortNames, namespaced, reportsUnsupported, schema });
}

const statusField = yes('written by the control plane', anything);

/** What one of Istio's kinds is made from. */
export interface IstioParts extends Omit<KindParts, 'fields' | 'namespaced'> {
  readonly spec: ObjectNode;
  /** The object needs a `spec`; else a missing one is an empty one. */
  readonly specRequired?: boolean;
  /** Why the whole kind has no effect yet; absent for kinds that are honoured field by field. */
  readonly missing?: string;
}

/** Builds one of Istio's kinds: a `spec`, and a `status` that is not the user's. */
export function istioKind(parts: IstioParts): Kind {
  const { spec, specRequired = false, missing, ...rest } = parts;
  const schema = spec as Schema<unknown>;
  const specField = missing === undefined ? yes('what is wanted', schema) : no('what is wanted', schema, missing);
  return defineKind(
    { ...rest, fields: { spec: specRequired ? required(specField) : specField, status: statusField } },
    true,
  );
}

/** Builds one of Kubernetes' kinds. */
export function kubernetesKind(parts: KindParts): Kind {
  return defineKind({ ...parts, fields: { ...parts.fields, status: statusField } }, false);
}
