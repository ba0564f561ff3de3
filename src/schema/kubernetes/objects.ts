/** The small kinds of Kubernetes: Namespace, ServiceAccount, ConfigMap, Secret, EndpointSlice, Node. */
import { kubernetesKind } from '../kit/kind.ts';
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
} from '../kit/node.ts';
import type { KubeObject } from '../object.ts';

const largeText = string({ maxLength: 1_048_576 });
const contentKey = string({ minLength: 1, maxLength: 253, pattern: '[-._a-zA-Z0-9]+' });

/** A namespace. */
export interface Namespace extends KubeObject<'Namespace'> {
  readonly status?: { readonly phase?: 'Active' | 'Terminating' };
}

/** The kind. */
export const namespace = kubernetesKind({
  group: '',
  versions: ['v1'],
  kind: 'Namespace',
  plural: 'namespaces',
  shortNames: ['ns'],
  namespaced: false,
  fields: {
    spec: no('what keeps it alive', object({ finalizers: no('who has to agree to its end', list(string())) })),
  },
});

/** An identity of pods. */
export interface ServiceAccount extends KubeObject<'ServiceAccount'> {
  readonly automountServiceAccountToken?: boolean;
}

/** The kind. */
export const serviceAccount = kubernetesKind({
  group: '',
  versions: ['v1'],
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  shortNames: ['sa'],
  fields: {
    automountServiceAccountToken: yes('applications see a token', boolean()),
    secrets: no('secrets of the account', anyJson()),
    imagePullSecrets: no('credentials of a registry', anyJson(), 'nothing is pulled on one machine'),
  },
});

/** Settings as text. */
export interface ConfigMap extends KubeObject<'ConfigMap'> {
  readonly data?: Readonly<Record<string, string>>;
  readonly binaryData?: Readonly<Record<string, string>>;
  readonly immutable?: boolean;
}

/** The kind. */
export const configMap = kubernetesKind({
  group: '',
  versions: ['v1'],
  kind: 'ConfigMap',
  plural: 'configmaps',
  shortNames: ['cm'],
  fields: {
    data: yes('text by key', map(largeText, { key: contentKey, nullIsEmpty: true })),
    binaryData: yes(
      'bytes by key, as base64',
      map(string({ maxLength: 1_500_000, format: 'base64' }), { key: contentKey }),
    ),
    immutable: no('it must not change', boolean()),
  },
});

/** Settings that nobody should see. */
export interface Secret extends KubeObject<'Secret'> {
  readonly type?: string;
  /** Base64. */
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
  readonly immutable?: boolean;
}

/** The kind. */
export const secret = kubernetesKind({
  group: '',
  versions: ['v1'],
  kind: 'Secret',
  plural: 'secrets',
  fields: {
    type: yes('what the keys mean', string()),
    data: yes('bytes by key, as base64', map(string({ maxLength: 1_500_000, format: 'base64' }), { key: contentKey })),
    stringData: yes('text by key', map(largeText, { key: contentKey })),
    immutable: no('it must not change', boolean()),
  },
});

/** One endpoint of a slice. */
export interface Endpoint {
  readonly addresses: readonly string[];
  readonly conditions?: { readonly ready?: boolean; readonly serving?: boolean; readonly terminating?: boolean };
  readonly targetRef?: {
    readonly kind?: string;
    readonly name?: string;
    readonly namespace?: string;
    readonly uid?: string;
  };
  readonly hostname?: string;
  readonly nodeName?: string;
  readonly zone?: string;
}

/** Endpoints of a service. */
export interface EndpointSlice extends KubeObject<'EndpointSlice'> {
  readonly addressType: 'IPv4' | 'IPv6' | 'FQDN';
  readonly endpoints: readonly Endpoint[];
  readonly ports?: readonly {
    readonly name?: string;
    readonly port?: number;
    readonly protocol?: string;
    readonly appProtocol?: string;
  }[];
}

/** The kind. */
export const endpointSlice = kubernetesKind({
  group: 'discovery.k8s.io',
  versions: ['v1'],
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  fields: {
    addressType: required(yes('kind of the addresses', choice(['IPv4', 'IPv6', 'FQDN']))),
    endpoints: required(
      yes(
        'the endpoints',
        list(
          object({
            addresses: required(
              yes('addresses of the endpoint', list(string({ minLength: 1 }), { minItems: 1, maxItems: 100 })),
            ),
            conditions: yes(
              'state of the endpoint',
              object({
                ready: withDefault(true, yes('it gets traffic', boolean())),
                serving: yes('it would answer', boolean()),
                terminating: yes('it is going', boolean()),
              }),
            ),
            targetRef: yes(
              'pod behind it',
              object({
                kind: yes('kind of the object', string()),
                name: yes('its name', string()),
                namespace: yes('its namespace', string()),
                uid: yes('its identity', string()),
                apiVersion: yes('its version', string()),
                resourceVersion: yes('its state', string()),
                fieldPath: yes('part that is meant', string()),
              }),
            ),
            hostname: yes('name within the service', string()),
            nodeName: yes('node that it is on', string()),
            zone: yes('zone that it is in', string()),
            deprecatedTopology: no('topology in the old form', map(string())),
            hints: no('zones that should use it', anyObject()),
          }),
        ),
      ),
    ),
    ports: yes(
      'ports of the endpoints',
      list(
        object({
          name: yes("name of the service's port", string()),
          port: yes('port of the endpoint', integer({ min: 1, max: 65_535 })),
          protocol: yes('TCP, UDP or SCTP', string()),
          appProtocol: yes('protocol of the port', string()),
        }),
        { maxItems: 20_000 },
      ),
    ),
  },
});

/** A machine. */
export interface Node extends KubeObject<'Node'> {
  readonly status?: { readonly addresses?: readonly { readonly type: string; readonly address: string }[] };
}

/** The kind. */
export const node = kubernetesKind({
  group: '',
  versions: ['v1'],
  kind: 'Node',
  plural: 'nodes',
  shortNames: ['no'],
  namespaced: false,
  fields: { spec: no('how the machine is used', anyObject()) },
});
