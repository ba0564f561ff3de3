/** Injection: a pod and the mesh's settings give the pod that runs. */
import type { Container, Pod, Volume } from '../schema/index.ts';
import { parseDuration } from '../base/duration.ts';
import { localityOfLabels } from '../model/workload.ts';
import { bootstrap, proxyPaths, tokenSecretFile } from './bootstrap.ts';
import { exclusionsOf, interceptionRules } from './interception.ts';
import { rewriteProbes, type ProbeTarget } from './probes.ts';
import { refuseReservedUser } from './reserved-user.ts';
import { proxyUser, statusPort, type InjectionSettings } from './settings.ts';
import { userVolumesOf, type UserVolumes } from './user-volumes.ts';

/** Name of the proxy's container, which users may write themselves to change it. */
export const proxyContainer = 'istio-proxy';
const initContainer = 'istio-init';
const tokenAnnotation = 'mizzen.io/token-secret';

/**
 * Injects a pod that {@link decide} says yes to. Injecting twice gives the same as injecting once. Throws
 * `injection-refused` where what the pod asks for would undo the injection.
 */
export function inject(pod: Pod, template: 'sidecar' | 'gateway', settings: InjectionSettings): Pod {
  const spec = pod.spec;
  if (spec === undefined || pod.metadata.annotations?.['sidecar.istio.io/status'] !== undefined) return pod;
  refuseReservedUser(pod, proxyContainer);
  const own = userVolumesOf(pod);
  const rewrites = (pod.metadata.annotations?.['sidecar.istio.io/rewriteAppHTTPProbers'] ?? 'true') === 'true';
  const apps = spec.containers.filter((container) => container.name !== proxyContainer);
  const written = [...(spec.initContainers ?? []), ...spec.containers].find(
    (container) => container.name === proxyContainer,
  );
  const rewritten =
    template === 'sidecar' && rewrites
      ? apps.map(rewriteProbes)
      : apps.map((container) => ({ container, targets: [] }));
  const probes = rewritten.flatMap(({ targets }) => targets);
  const proxy = proxyOf(pod, { template, settings, written, probes, own });
  const others = (spec.initContainers ?? []).filter((container) => container.name !== proxyContainer);
  const containers = rewritten.map(({ container }) => container);
  return {
    ...pod,
    metadata: { ...pod.metadata, labels: labelsOf(pod, settings), annotations: annotationsOf(pod, settings) },
    spec: {
      ...spec,
      ...(template === 'gateway'
        ? { containers: [...containers, proxy] }
        : {
            initContainers: [interceptor(pod, settings), { ...proxy, restartPolicy: 'Always' }, ...others],
            containers,
          }),
      volumes: [...(spec.volumes ?? []), ...proxyVolumes, ...own.volumes],
    },
  };
}

function labelsOf(pod: Pod, settings: InjectionSettings): Readonly<Record<string, string>> {
  const labels = pod.metadata.labels ?? {};
  const app = labels['app.kubernetes.io/name'] ?? labels['app'] ?? workloadName(pod);
  return {
    'security.istio.io/tlsMode': 'istio',
    'service.istio.io/canonical-name': app,
    'service.istio.io/canonical-revision': labels['app.kubernetes.io/version'] ?? labels['version'] ?? 'latest',
    'istio.io/rev': settings.revision,
    ...labels,
  };
}

function annotationsOf(pod: Pod, settings: InjectionSettings): Readonly<Record<string, string>> {
  const status = {
    initContainers: [initContainer, proxyContainer],
    containers: null,
    volumes: proxyVolumes.map((volume) => volume.name),
    imagePullSecrets: null,
    revision: settings.revision,
  };
  return {
    ...pod.metadata.annotations,
    'sidecar.istio.io/status': JSON.stringify(status),
    'mizzen.io/intercept-by': settings.interceptBy,
    [tokenAnnotation]: tokenSecretFile,
  };
}

/** The controller's name without what it appended, as Istio's telemetry names workloads. */
function workloadName(pod: Pod): string {
  const owner = pod.metadata.ownerReferences?.find((reference) => reference.controller === true);
  if (owner === undefined) return pod.metadata.name;
  const hash = pod.metadata.labels?.['pod-template-hash'];
  return hash !== undefined && owner.kind === 'ReplicaSet'
    ? owner.name.replace(new RegExp(`-${hash}$`, 'u'), '')
    : owner.name;
}

// The init container has only what it needs to write rules; it ends before anything of the user's starts.
function interceptor(pod: Pod, settings: InjectionSettings): Container {
  return {
    name: initContainer,
    image: settings.initImage,
    command: ['/bin/sh', '-ec', 'printf %s "$RULES" | iptables-restore --noflush'],
    env: [
      { name: 'RULES', value: interceptionRules(settings.interceptBy, exclusionsOf(pod.metadata.annotations ?? {})) },
    ],
    securityContext: {
      runAsUser: 0,
      runAsGroup: 0,
      runAsNonRoot: false,
      allowPrivilegeEscalation: false,
      privileged: false,
      readOnlyRootFilesystem: true,
      capabilities: { add: ['NET_ADMIN', 'NET_RAW'], drop: ['ALL'] },
    },
  };
}

interface ProxyParts {
  readonly template: 'sidecar' | 'gateway';
  readonly settings: InjectionSettings;
  /** What the user wrote of the proxy's container; it wins. */
  readonly written: Container | undefined;
  readonly probes: readonly ProbeTarget[];
  /** What the pod's annotations mount into it. */
  readonly own: UserVolumes;
}

function proxyOf(pod: Pod, parts: ProxyParts): Container {
  const { settings, template, written } = parts;
  const { image, env = [], volumeMounts = [], ...own } = written ?? { name: proxyContainer };
  const type = template === 'gateway' ? 'router' : 'sidecar';
  const probe = { httpGet: { path: '/healthz/ready', port: statusPort } };
  return {
    image: image === undefined || image === 'auto' ? settings.proxyImage : image,
    args: proxyArguments(
      JSON.stringify(
        bootstrap({ type, settings, probes: parts.probes, locality: localityOfLabels(pod.metadata.labels ?? {}) }),
      ),
      settings,
    ),
    env: [...proxyEnvironment(pod), ...env],
    startupProbe: { ...probe, periodSeconds: 1, failureThreshold: 600, timeoutSeconds: 3 },
    readinessProbe: { ...probe, periodSeconds: 15, failureThreshold: 4, timeoutSeconds: 3 },
    securityContext: proxySecurity(settings),
    ...own,
    name: proxyContainer,
    volumeMounts: [...proxyMounts, ...parts.own.mounts, ...volumeMounts],
  };
}

function proxyArguments(config: string, settings: InjectionSettings): readonly string[] {
  const { concurrency, drainDuration } = settings.mesh.defaultConfig ?? {};
  const drainMs = drainDuration === undefined ? 45_000 : (parseDuration(drainDuration) ?? 45_000);
  return [
    '--disable-hot-restart',
    '--concurrency',
    String(concurrency === undefined || concurrency === 0 ? 2 : concurrency),
    '--drain-time-s',
    String(Math.max(1, Math.round(drainMs / 1_000))),
    '--drain-strategy',
    'immediate',
    '--log-level',
    'warning',
    '--config-yaml',
    config,
  ];
}

function proxyEnvironment(pod: Pod): NonNullable<Container['env']> {
  const field = (name: string, fieldPath: string): NonNullable<Container['env']>[number] => ({
    name,
    valueFrom: { fieldRef: { fieldPath } },
  });
  return [
    field('POD_NAME', 'metadata.name'),
    field('POD_NAMESPACE', 'metadata.namespace'),
    field('INSTANCE_IP', 'status.podIP'),
    field('SERVICE_ACCOUNT', 'spec.serviceAccountName'),
    { name: 'WORKLOAD_NAME', value: workloadName(pod) },
  ];
}

function proxySecurity(settings: InjectionSettings): NonNullable<Container['securityContext']> {
  const base = { allowPrivilegeEscalation: false, privileged: false, readOnlyRootFilesystem: true };
  // Marking its own sockets is the one right that the proxy needs where its user cannot tell it from the application.
  if (settings.interceptBy === 'mark') return { ...base, capabilities: { add: ['NET_ADMIN'], drop: ['ALL'] } };
  return { ...base, runAsUser: proxyUser, runAsGroup: proxyUser, runAsNonRoot: true, capabilities: { drop: ['ALL'] } };
}

const proxyVolumes: readonly Volume[] = [
  { name: 'istio-envoy', emptyDir: { medium: 'Memory' } },
  {
    name: 'istio-token',
    projected: {
      sources: [{ serviceAccountToken: { audience: 'istio-ca', expirationSeconds: 43_200, path: 'istio-token' } }],
    },
  },
  { name: 'istiod-ca-cert', configMap: { name: 'istio-ca-root-cert' } },
  {
    name: 'istio-podinfo',
    downwardAPI: {
      items: [
        { path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } },
        { path: 'token-secret.json', fieldRef: { fieldPath: `metadata.annotations['${tokenAnnotation}']` } },
      ],
    },
  },
];

const directory = (path: string): string => path.slice(0, path.lastIndexOf('/'));

const proxyMounts: NonNullable<Container['volumeMounts']> = [
  { name: 'istio-envoy', mountPath: directory(proxyPaths.adminSocket) },
  { name: 'istio-token', mountPath: directory(proxyPaths.token), readOnly: true },
  { name: 'istiod-ca-cert', mountPath: directory(proxyPaths.rootCertificate), readOnly: true },
  { name: 'istio-podinfo', mountPath: directory(proxyPaths.tokenSecret), readOnly: true },
];
