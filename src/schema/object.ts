/** The Kubernetes object as every part of the mesh passes it on: plain frozen JSON in the API server's shape. */

/** Metadata fields that the mesh reads; the rest is kept by the source and not passed on. */
export interface ObjectMeta {
  readonly name: string;
  /** Empty for cluster-scoped kinds. A source fills in the default namespace before it passes an object on. */
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly generation?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
}

/** The controller that made an object. */
export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid?: string;
  readonly controller?: boolean;
}

/** An object of any kind. Typed kinds narrow `kind` and `spec`. */
export interface KubeObject<Kind extends string = string, Spec = unknown> {
  readonly apiVersion: string;
  readonly kind: Kind;
  readonly metadata: ObjectMeta;
  readonly spec?: Spec;
}

/** Names an object without its content. */
export interface ObjectRef {
  readonly kind: string;
  /** Empty for cluster-scoped kinds. */
  readonly namespace: string;
  readonly name: string;
}

/** Where an object was written. */
export interface Origin {
  /** Path of the file relative to the mesh's folder, or the name of the source (`kubernetes`). */
  readonly file: string;
  /** Line of the object's first key, counted from 1. */
  readonly line: number;
  /** Line of each field by its path (`spec.http[0].route[0].destination.host`), counted from 1. */
  readonly lines?: Readonly<Record<string, number>>;
}

/** An object together with the place it came from. The place is kept apart so that a moved line wakes nobody. */
export interface SourcedObject {
  readonly object: KubeObject;
  readonly origin: Origin;
}

/** One thing that is wrong with, or worth knowing about, a field. */
export interface Violation {
  readonly level: 'error' | 'warning';
  /** Path of the field, as Kubernetes writes it (`spec.http[0].route[0].weight`); empty for the whole object. */
  readonly path: string;
  /** What is wrong and why. */
  readonly message: string;
  /** How to mend it; absent where the message says it all. */
  readonly fix?: string;
}

/** Key of an object within its kind: `namespace/name`, or the name alone for cluster-scoped kinds. */
export function objectKey(object: KubeObject): string {
  const { namespace, name } = object.metadata;
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`;
}

/** The reference of an object. */
export function refOf(object: KubeObject): ObjectRef {
  return { kind: object.kind, namespace: object.metadata.namespace ?? '', name: object.metadata.name };
}

/** The reference as people read it: `VirtualService default/reviews`. */
export function refText(ref: ObjectRef): string {
  return ref.namespace === '' ? `${ref.kind} ${ref.name}` : `${ref.kind} ${ref.namespace}/${ref.name}`;
}
