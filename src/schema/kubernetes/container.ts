/** Containers of a pod (https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#Container). */
import {
  anyJson,
  anyObject,
  boolean,
  choice,
  integer,
  intOrString,
  list,
  map,
  no,
  object,
  port,
  quantity,
  required,
  string,
  withDefault,
  yes,
  type Static,
} from '../kit/node.ts';
import { fieldReference, resourceReference, volumeMount } from './volume.ts';

const keyReference = {
  name: yes('name of the object', string()),
  key: required(yes('key of the object', string({ minLength: 1 }))),
  optional: yes('it need not be there', boolean()),
} as const;

const envVar = object(
  {
    name: required(yes('name of the variable', string({ minLength: 1, format: 'envName' }))),
    value: yes('its value; $(NAME) stands for another variable', string({ maxLength: 1_048_576 })),
    valueFrom: yes(
      'where its value comes from',
      object(
        {
          configMapKeyRef: yes('a key of a ConfigMap', object(keyReference)),
          secretKeyRef: yes('a key of a Secret', object(keyReference)),
          fieldRef: yes('a field of the pod', fieldReference),
          resourceFieldRef: yes('a resource of a container', resourceReference),
          fileKeyRef: no('a key of a file', anyObject()),
        },
        { exactlyOne: [['configMapKeyRef', 'secretKeyRef', 'fieldRef', 'resourceFieldRef', 'fileKeyRef']] },
      ),
    ),
  },
  { oneOf: [['value', 'valueFrom']] },
);
/** One environment variable. */
export type EnvVar = Static<typeof envVar>;

const envReference = object({
  name: yes('name of the object', string()),
  optional: yes('it need not be there', boolean()),
});
const envFrom = object({
  prefix: yes('stands before each name', string()),
  configMapRef: yes('every key of a ConfigMap', envReference),
  secretRef: yes('every key of a Secret', envReference),
});

const httpGet = object({
  path: yes('path of the request', string()),
  port: required(yes('port, by number or name', intOrString())),
  host: yes('host to call in place of the pod', string()),
  scheme: withDefault('HTTP', yes('HTTP or HTTPS', choice(['HTTP', 'HTTPS']))),
  httpHeaders: yes(
    'headers of the request',
    list(
      object({
        name: required(yes('name of the header', string({ format: 'headerName' }))),
        value: required(yes('its value', string())),
      }),
    ),
  ),
});
const tcpSocket = object({
  port: required(yes('port, by number or name', intOrString())),
  host: yes('host to call in place of the pod', string()),
});
const exec = object({ command: yes('command and arguments', list(string())) });
const grpc = object({
  port: required(yes('port of the health service', port())),
  service: yes('service that is asked for', string()),
});

const probe = object(
  {
    httpGet: yes('an HTTP request has to be answered with 200 to 399', httpGet),
    tcpSocket: yes('a connection has to be accepted', tcpSocket),
    exec: yes('a command has to exit with 0', exec),
    grpc: yes('the gRPC health service has to say SERVING', grpc),
    initialDelaySeconds: withDefault(0, yes('time before the first probe', integer({ min: 0 }))),
    timeoutSeconds: withDefault(1, yes('time that a probe may take', integer({ min: 0 }))),
    periodSeconds: withDefault(10, yes('time between probes', integer({ min: 0 }))),
    successThreshold: withDefault(1, yes('successes in a row that count', integer({ min: 0 }))),
    failureThreshold: withDefault(3, yes('failures in a row that count', integer({ min: 0 }))),
    terminationGracePeriodSeconds: yes('time to end in after a failed probe', integer({ min: 0 })),
  },
  { oneOf: [['httpGet', 'tcpSocket', 'exec', 'grpc']] },
);
/** How a container's state is asked for. */
export type Probe = Static<typeof probe>;

const handler = object(
  {
    httpGet: yes('an HTTP request', httpGet),
    tcpSocket: no('a connection', tcpSocket),
    exec: yes('a command', exec),
    sleep: yes('a pause', object({ seconds: required(yes('length of the pause', integer({ min: 0 }))) })),
  },
  { oneOf: [['httpGet', 'tcpSocket', 'exec', 'sleep']] },
);

const cluster = 'processes of one machine have no such limits';

/** Rights of a container. */
export const securityContext = object({
  runAsUser: yes('user id of the process', integer({ min: 0 })),
  runAsGroup: yes('group id of the process', integer({ min: 0 })),
  runAsNonRoot: no('the process must not be root', boolean()),
  readOnlyRootFilesystem: no('the file system cannot be written', boolean()),
  privileged: no('all rights of the host', boolean(), 'applications have no capabilities'),
  allowPrivilegeEscalation: no('set-user-id programs work', boolean()),
  capabilities: no(
    'single rights',
    object({ add: no('rights to add', list(string())), drop: no('rights to take', list(string())) }),
    'applications have no capabilities',
  ),
  procMount: no('how /proc is seen', string()),
  seLinuxOptions: no('SELinux labels', anyObject()),
  seccompProfile: no('system calls that are allowed', anyObject()),
  appArmorProfile: no('AppArmor profile', anyObject()),
  windowsOptions: no('for Windows', anyObject()),
});

/** Requests and limits. */
export const resources = object({
  requests: no('what the scheduler sets aside', map(quantity()), cluster),
  limits: no('what the container may use', map(quantity()), cluster),
  claims: no('devices', anyJson(), cluster),
});

/** One container. */
export const container = object({
  name: required(yes('name of the container', string({ format: 'dnsLabel' }))),
  image: yes('what a cluster pulls; on one machine mapped to a command', string()),
  imagePullPolicy: no('when a cluster pulls', string(), 'nothing is pulled on one machine'),
  command: yes('program and its first arguments', list(string({ maxLength: 1_048_576 }))),
  args: yes('arguments', list(string({ maxLength: 1_048_576 }))),
  workingDir: yes('folder that the process starts in', string()),
  env: yes('environment variables', list(envVar)),
  envFrom: yes('environment from whole objects', list(envFrom)),
  ports: yes(
    'ports that the container listens on',
    list(
      object({
        containerPort: required(yes('the port', port())),
        name: yes('its name', string({ maxLength: 63 })),
        protocol: withDefault('TCP', yes('TCP, UDP or SCTP', choice(['TCP', 'UDP', 'SCTP']))),
        hostPort: no('the same port on the host', port()),
        hostIP: no('address of the host port', string()),
      }),
    ),
  ),
  volumeMounts: yes('volumes that the container sees', list(volumeMount)),
  readinessProbe: yes('decides whether the pod gets traffic', probe),
  livenessProbe: yes('decides whether the container is started anew', probe),
  startupProbe: yes('holds the other probes back', probe),
  lifecycle: yes(
    'hooks',
    object({
      postStart: yes('after the start', handler),
      preStop: yes('before the end', handler),
      stopSignal: no('signal that ends it', string()),
    }),
  ),
  restartPolicy: yes('Always makes an init container a native sidecar', string()),
  resources: yes('requests and limits', resources),
  securityContext: yes('rights of the process', securityContext),
  terminationMessagePath: no('file with the last words', string()),
  terminationMessagePolicy: no('where the last words come from', string()),
  stdin: no('keep standard input open', boolean()),
  stdinOnce: no('close standard input after one use', boolean()),
  tty: no('give it a terminal', boolean()),
  volumeDevices: no('raw block devices', anyJson()),
  resizePolicy: no('what a resize does', anyJson()),
  restartPolicyRules: no('which exit codes restart it', anyJson()),
});
/** One container. */
export type Container = Static<typeof container>;
