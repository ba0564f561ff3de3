/** Pod, and the template of a Deployment (https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/). */
import { kubernetesKind, objectMeta, type SpecObject } from '../kit/kind.ts';
import {
  anyJson,
  anyObject,
  boolean,
  choice,
  integer,
  list,
  map,
  no,
  object,
  required,
  string,
  withDefault,
  yes,
  type Static,
} from '../kit/node.ts';
import { container } from './container.ts';
import { volume } from './volume.ts';

const scheduling = 'one machine has no scheduler';

/** What a pod is made of. */
export const podSpec = object({
  containers: required(yes('containers of the pod', list(container, { minItems: 1 }))),
  initContainers: yes('containers that run first, one after the other', list(container)),
  volumes: yes('volumes of the pod', list(volume)),
  serviceAccountName: withDefault('default', yes('identity of the pod', string())),
  serviceAccount: yes('identity of the pod; the old form', string()),
  automountServiceAccountToken: yes('the application sees a token', boolean()),
  restartPolicy: withDefault(
    'Always',
    yes('what becomes of a container that ends', choice(['Always', 'OnFailure', 'Never'])),
  ),
  terminationGracePeriodSeconds: withDefault(30, yes('time between SIGTERM and SIGKILL', integer({ min: 0 }))),
  hostAliases: yes(
    'further lines of /etc/hosts',
    list(
      object({
        ip: required(yes('the address', string({ format: 'ip' }))),
        hostnames: yes('its names', list(string())),
      }),
    ),
  ),
  nodeName: yes('node that the pod is on', string()),
  hostname: yes('name that the pod gives itself', string()),
  subdomain: yes("name of the headless service that makes the pod's name", string()),
  securityContext: yes(
    'rights of every process',
    object({
      runAsUser: yes('user id', integer({ min: 0 })),
      runAsGroup: yes('group id', integer({ min: 0 })),
      runAsNonRoot: no('no process may be root', boolean()),
      fsGroup: yes('group of the volumes', integer({ min: 0 })),
      fsGroupChangePolicy: no('when the group is set', string()),
      supplementalGroups: no('further groups', list(integer({ min: 0 }))),
      supplementalGroupsPolicy: no('where further groups come from', string()),
      sysctls: no(
        'kernel settings',
        list(object({ name: required(no('setting', string())), value: required(no('value', string())) })),
      ),
      seLinuxOptions: no('SELinux labels', anyObject()),
      seLinuxChangePolicy: no('how the labels are set', string()),
      seccompProfile: no('system calls that are allowed', anyObject()),
      appArmorProfile: no('AppArmor profile', anyObject()),
      windowsOptions: no('for Windows', anyObject()),
    }),
  ),
  dnsPolicy: no('where names are looked up', string(), 'names are looked up in the mesh'),
  dnsConfig: no('settings of the resolver', anyObject(), 'names are looked up in the mesh'),
  hostNetwork: no('the pod has the network of the host', boolean(), 'every pod has a network of its own'),
  hostPID: no('the pod sees the processes of the host', boolean()),
  hostIPC: no('the pod shares memory with the host', boolean()),
  hostUsers: no('the pod has the users of the host', boolean()),
  hostnameOverride: no('name that the pod gives itself', string()),
  shareProcessNamespace: no("containers see each other's processes", boolean()),
  setHostnameAsFQDN: no('the full name is the host name', boolean()),
  enableServiceLinks: no('variables for every service', boolean(), 'no such variables are set'),
  activeDeadlineSeconds: no('time that the pod may live', integer({ min: 0 })),
  imagePullSecrets: no(
    'credentials of a registry',
    list(object({ name: no('the Secret', string()) })),
    'nothing is pulled on one machine',
  ),
  nodeSelector: no('labels of the node', map(string()), scheduling),
  affinity: no('where the pod likes to be', anyObject(), scheduling),
  tolerations: no('taints that are no hindrance', anyJson(), scheduling),
  topologySpreadConstraints: no('how pods are spread', anyJson(), scheduling),
  schedulerName: no('who places the pod', string(), scheduling),
  schedulingGates: no('what holds the pod back', anyJson(), scheduling),
  priorityClassName: no('who goes first', string(), scheduling),
  priority: no('who goes first', integer(), scheduling),
  preemptionPolicy: no('who may be pushed aside', string(), scheduling),
  runtimeClassName: no('which runtime runs it', string(), scheduling),
  overhead: no('what the runtime itself needs', anyObject(), scheduling),
  readinessGates: no('further conditions of readiness', anyJson()),
  ephemeralContainers: no('containers for debugging', anyJson()),
  resourceClaims: no('devices', anyJson(), scheduling),
  resources: no('limits of the whole pod', anyObject(), scheduling),
  os: no('operating system', anyObject(), scheduling),
});
/** What a pod is made of. */
export type PodSpec = Static<typeof podSpec>;

/** A pod that is made later, by a Deployment. */
export const podTemplate = object({
  metadata: yes('labels and annotations of the pod', objectMeta),
  spec: required(yes('what the pod is made of', podSpec)),
});
/** A pod that is made later. */
export type PodTemplate = Static<typeof podTemplate>;

/** What the mesh reads of a pod's state, as the kubelet writes it. */
export interface PodStatus {
  readonly phase?: 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown';
  readonly podIP?: string;
  readonly podIPs?: readonly { readonly ip: string }[];
  readonly hostIP?: string;
  readonly startTime?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly conditions?: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason?: string;
    readonly message?: string;
    readonly lastTransitionTime?: string;
  }[];
  readonly containerStatuses?: readonly ContainerStatus[];
  readonly initContainerStatuses?: readonly ContainerStatus[];
}

/** State of one container. */
export interface ContainerStatus {
  readonly name: string;
  readonly ready: boolean;
  readonly started?: boolean;
  readonly restartCount: number;
  readonly image?: string;
  readonly state?: {
    readonly waiting?: { readonly reason?: string; readonly message?: string };
    readonly running?: { readonly startedAt?: string };
    readonly terminated?: {
      readonly exitCode: number;
      readonly signal?: number;
      readonly reason?: string;
      readonly message?: string;
    };
  };
  readonly lastState?: ContainerStatus['state'];
}

/** A pod. */
export interface Pod extends SpecObject<'Pod', PodSpec> {
  readonly status?: PodStatus;
}

/** The kind. */
export const pod = kubernetesKind({
  group: '',
  versions: ['v1'],
  kind: 'Pod',
  plural: 'pods',
  shortNames: ['po'],
  fields: { spec: required(yes('what the pod is made of', podSpec)) },
});
