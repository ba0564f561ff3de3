/** Volumes of a pod (https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/volume/). */
import {
  anyObject,
  boolean,
  choice,
  integer,
  intOrString,
  list,
  no,
  object,
  quantity,
  required,
  string,
  yes,
  type Static,
} from '../kit/node.ts';

const mode = integer({ min: 0, max: 0o777 });
const keyToPath = list(
  object({
    key: required(yes('key of the object', string({ minLength: 1 }))),
    path: required(yes('file in the volume', string({ minLength: 1 }))),
    mode: yes('permissions of the file', mode),
  }),
);

/** Selects a field of the pod. */
export const fieldReference = object({
  apiVersion: yes("version of the pod's shape", string()),
  fieldPath: required(yes('field of the pod, such as metadata.name', string({ minLength: 1 }))),
});

/** Selects a container's resource. */
export const resourceReference = object({
  containerName: yes('container that is meant', string()),
  resource: required(yes('resource, such as limits.cpu', string({ minLength: 1 }))),
  divisor: yes('unit of the value', quantity()),
});

const downwardFiles = list(
  object({
    path: required(yes('file in the volume', string({ minLength: 1 }))),
    fieldRef: yes('field of the pod', fieldReference),
    resourceFieldRef: yes('resource of a container', resourceReference),
    mode: yes('permissions of the file', mode),
  }),
);

const configMapSource = object({
  name: yes('the ConfigMap', string()),
  items: yes('keys that become files; all where it is absent', keyToPath),
  defaultMode: yes('permissions of the files', mode),
  optional: yes('the ConfigMap need not be there', boolean()),
});

const projection = object({
  configMap: yes(
    'files of a ConfigMap',
    object({
      name: yes('the ConfigMap', string()),
      items: yes('keys that become files', keyToPath),
      optional: yes('it need not be there', boolean()),
    }),
  ),
  secret: yes(
    'files of a Secret',
    object({
      name: yes('the Secret', string()),
      items: yes('keys that become files', keyToPath),
      optional: yes('it need not be there', boolean()),
    }),
  ),
  downwardAPI: yes('files about the pod', object({ items: yes('the files', downwardFiles) })),
  serviceAccountToken: yes(
    "a token for the pod's account",
    object({
      audience: yes('whom the token is for', string()),
      expirationSeconds: yes('life of the token', integer({ min: 600 })),
      path: required(yes('file in the volume', string({ minLength: 1 }))),
    }),
  ),
  clusterTrustBundle: no('certificates of the cluster', anyObject()),
  podCertificate: no('a certificate for the pod', anyObject()),
});

const elsewhere = 'only a cluster has such a volume';

/** One volume of a pod. */
export const volume = object({
  name: required(yes('name that mounts use', string({ format: 'dnsLabel' }))),
  emptyDir: yes(
    'an empty folder that lives as long as the pod',
    object({
      medium: yes('where it is kept', string()),
      sizeLimit: no('how large it may become', quantity()),
    }),
  ),
  configMap: yes('files of a ConfigMap', configMapSource),
  secret: yes(
    'files of a Secret',
    object({
      secretName: yes('the Secret', string()),
      items: yes('keys that become files; all where it is absent', keyToPath),
      defaultMode: yes('permissions of the files', mode),
      optional: yes('the Secret need not be there', boolean()),
    }),
  ),
  hostPath: yes(
    'a folder or a file of the host',
    object({
      path: required(yes('path on the host', string({ minLength: 1 }))),
      type: yes(
        'what it has to be',
        choice(['', 'DirectoryOrCreate', 'Directory', 'FileOrCreate', 'File', 'Socket', 'CharDevice', 'BlockDevice']),
      ),
    }),
  ),
  projected: yes(
    'files of several sources',
    object({
      defaultMode: yes('permissions of the files', mode),
      sources: yes('the sources', list(projection)),
    }),
  ),
  downwardAPI: yes(
    'files about the pod',
    object({
      defaultMode: yes('permissions of the files', mode),
      items: yes('the files', downwardFiles),
    }),
  ),
  persistentVolumeClaim: no('a claim on storage', anyObject(), elsewhere),
  ephemeral: no('storage as long as the pod', anyObject(), elsewhere),
  csi: no("a driver's volume", anyObject(), elsewhere),
  nfs: no('a network share', anyObject(), elsewhere),
  iscsi: no('a network disk', anyObject(), elsewhere),
  image: no('files of an image', anyObject(), elsewhere),
  fc: no('a network disk', anyObject(), elsewhere),
  flexVolume: no("a driver's volume", anyObject(), elsewhere),
  awsElasticBlockStore: no('a cloud disk', anyObject(), elsewhere),
  azureDisk: no('a cloud disk', anyObject(), elsewhere),
  azureFile: no('a cloud share', anyObject(), elsewhere),
  gcePersistentDisk: no('a cloud disk', anyObject(), elsewhere),
  gitRepo: no('a git repository', anyObject(), elsewhere),
  cephfs: no('a network share', anyObject(), elsewhere),
  glusterfs: no('a network share', anyObject(), elsewhere),
  rbd: no('a network disk', anyObject(), elsewhere),
  vsphereVolume: no('a cloud disk', anyObject(), elsewhere),
});
/** One volume of a pod. */
export type Volume = Static<typeof volume>;

/** Where a container sees a volume. */
export const volumeMount = object({
  name: required(yes('the volume', string({ minLength: 1 }))),
  mountPath: required(yes('path in the container', string({ minLength: 1 }))),
  readOnly: yes('the container cannot write', boolean()),
  subPath: yes('part of the volume', string()),
  subPathExpr: no('part of the volume, with variables', string()),
  mountPropagation: no('how mounts spread', string()),
  recursiveReadOnly: no('mounts below are read-only too', string()),
});
/** Where a container sees a volume. */
export type VolumeMount = Static<typeof volumeMount>;

/** A port by number or name. */
export const portReference = intOrString();
