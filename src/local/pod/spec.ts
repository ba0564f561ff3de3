/** Names for the parts of a Pod that the runtime reads; the types are the schema's. */
import type { Container, EnvVar, Probe, Volume } from '../../schema/index.ts';

export type { Container, EnvVar, Pod, PodSpec, Probe, Volume, VolumeMount } from '../../schema/index.ts';

type ItemOf<List> = List extends readonly (infer Item)[] ? Item : never;

type ValueFrom = NonNullable<EnvVar['valueFrom']>;
type Projected = NonNullable<Volume['projected']>;

/** Selects a container's resource. */
export type ResourceFieldRef = NonNullable<ValueFrom['resourceFieldRef']>;
/** Selects a key of a ConfigMap or Secret. */
export type KeyRef = NonNullable<ValueFrom['configMapKeyRef']>;
/** One of a projected volume's sources. */
export type ProjectedSource = ItemOf<NonNullable<Projected['sources']>>;
/** A service account token as a file. */
export type TokenSource = NonNullable<ProjectedSource['serviceAccountToken']>;
/** A ConfigMap or Secret as files. */
export type NamedSource = NonNullable<ProjectedSource['configMap']>;
/** A key of a ConfigMap or Secret shown as a file. */
export type KeyToPath = ItemOf<NonNullable<NamedSource['items']>>;
/** A field of the pod as a file. */
export type DownwardFile = ItemOf<NonNullable<NonNullable<Volume['downwardAPI']>['items']>>;
/** What a probe or a hook asks by HTTP. */
export type HttpGet = NonNullable<Probe['httpGet']>;
/** What a hook does, or a probe asks. */
export type Handler = NonNullable<NonNullable<Container['lifecycle']>['postStart']> & Pick<Probe, 'grpc'>;
