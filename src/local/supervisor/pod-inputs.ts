/** What pods only name, and where it is found: ConfigMaps, Secrets, tokens, and what runs for an image. */
import type { TokenIssuer } from '../../identity/pod-token.ts';
import type { Pod } from '../../schema/index.ts';
import { gatewayAddress } from '../net/pod-network.ts';
import { resolvConfOf } from '../pod/host-files.ts';
import type { ImageCommand, PodInputs } from '../pod/pod-run.ts';
import type { KeyedContent } from '../pod/variables.ts';
import { envoyInside } from '../sandbox/sandbox-script.ts';
import type { Store } from '../store/store.ts';
import { commandFor, type MeshFile } from './mesh-file.ts';
import { systemNamespace } from './system-objects.ts';

/** Image of the proxy: upstream's, which runs from the pinned binary here. */
export const proxyImage = 'envoyproxy/envoy:distroless-v1.40.0';

/** What inputs are made from. */
export interface PodInputParts {
  readonly store: Store;
  readonly tokens: TokenIssuer;
  readonly meshFile: MeshFile;
  /** Paths of the mesh's own that the control plane's pod may mount. */
  readonly systemPaths: readonly string[];
}

/** The inputs of one pod. */
export function podInputs(parts: PodInputParts, pod: Pod): PodInputs {
  const { store, tokens } = parts;
  const { name, namespace = 'default', uid = '' } = pod.metadata;
  const content = (kind: string, wanted: string): KeyedContent | undefined =>
    store.get({ kind, namespace, name: wanted })?.object as KeyedContent | undefined;
  return {
    configMap: (wanted) => content('ConfigMap', wanted),
    secret: (wanted) => content('Secret', wanted),
    token: (audience, expirationSeconds) =>
      Promise.resolve(
        tokens.mint({
          namespace,
          serviceAccount: pod.spec.serviceAccountName ?? 'default',
          podName: name,
          podUid: uid,
          audience: audience ?? 'https://kubernetes.default.svc',
          ttlMs: expirationSeconds * 1_000,
          nowMs: Date.now(),
        }),
      ),
    resolvConf: resolvConfOf(namespace, gatewayAddress),
    command: (image) => imageCommand(parts.meshFile, image),
    systemPaths: isControlPlane(pod) ? parts.systemPaths : [],
  };
}

function imageCommand(meshFile: MeshFile, image: string): ImageCommand | undefined {
  return image === proxyImage ? { command: [envoyInside] } : commandFor(meshFile.images, image);
}

// By its owner, which only this program writes: a user's pod of that label sees nothing of the mesh's own.
function isControlPlane(pod: Pod): boolean {
  const owner = pod.metadata.ownerReferences?.[0];
  return pod.metadata.namespace === systemNamespace && owner?.kind === 'Deployment' && owner.name === 'istiod';
}
