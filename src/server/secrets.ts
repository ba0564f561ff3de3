/** Secrets that a proxy may ask for: its own certificate and roots, and the credentials that its Gateways name. */
import { defineQuery, type Demand, type Engine } from '../base/engine/index.ts';
import { rootSecret, workloadSecret } from '../compile/names.ts';
import { gatewaySecrets } from '../identity/gateway-secret.ts';
import type { WorkloadIdentity } from '../identity/workload-identity.ts';
import type { WorkloadSecrets } from '../identity/workload-secrets.ts';
import { pods, secrets } from '../model/inputs.ts';
import type { Resource } from '../proto/resource.ts';
import type { Pod, Secret } from '../schema/index.ts';
import type { Violation } from '../schema/object.ts';
import type { ProxySecrets } from './proxy-source.ts';

/** A credential's Secret and the one beside it that may hold the authority for clients. */
interface Credential {
  readonly secret: Secret | undefined;
  readonly ca: Secret | undefined;
}

const credential = defineQuery<string, Credential>('credential', (read, key) => ({
  secret: read.input(secrets, key),
  ca: read.input(secrets, `${key}-cacert`),
}));

/** True for pods that are gateways, by what the injector made of them and not by what the proxy says. */
const isGateway = defineQuery<string, boolean>('is gateway', (read, pod) => gatewayPod(read.input(pods, pod)));

function gatewayPod(pod: Pod | undefined): boolean {
  const injected = pod?.metadata.annotations?.['sidecar.istio.io/status'] !== undefined;
  return injected && (pod.spec?.containers ?? []).some((container) => container.name === 'istio-proxy');
}

/** What the secrets of one proxy are made of. */
export interface ProxySecretParts {
  readonly engine: Engine;
  readonly workloadSecrets: WorkloadSecrets;
  readonly identity: WorkloadIdentity;
  /** `namespace/name` of the pod. */
  readonly pod: string;
  readonly onViolations: (secret: string, violations: readonly Violation[]) => void;
  readonly onClose: () => void;
}

const scheme = 'kubernetes://';

/** The secrets of one proxy. A credential is read in the proxy's own namespace, and for gateways alone. */
export function proxySecrets(parts: ProxySecretParts): ProxySecrets {
  const { engine, workloadSecrets, identity } = parts;
  const demands = new Map<string, Demand<Credential>>();
  const listeners = new Set<(name: string) => void>();
  const tell = (name: string): void => {
    for (const listener of listeners) listener(name);
  };
  const stopRenewals = workloadSecrets.onRenew((renewed) => {
    if (renewed.namespace === identity.namespace && renewed.serviceAccount === identity.serviceAccount)
      tell(workloadSecret);
  });
  return {
    read: (name) => {
      if (name === workloadSecret) return workloadSecrets.secretsOf(identity).workload;
      if (name === rootSecret) return workloadSecrets.secretsOf(identity).roots;
      return readCredential(parts, name);
    },
    subscribe: (name) => {
      const key = credentialKey(parts, name);
      if (key === undefined || demands.has(name)) return;
      const demand = engine.demand(credential, key, () => tell(name));
      // A first look, so that only what changes from here on is told.
      if (demand.outcome.kind === 'value') demands.set(name, demand);
    },
    unsubscribe: (name) => {
      demands.get(name)?.release();
      demands.delete(name);
    },
    onChange: (listener) => void listeners.add(listener),
    close: () => {
      for (const demand of demands.values()) demand.release();
      stopRenewals();
      parts.onClose();
    },
  };
}

/** Key of the Secret behind a name; `undefined` where this proxy may not have it. */
function credentialKey({ engine, pod }: ProxySecretParts, name: string): string | undefined {
  if (!name.startsWith(scheme)) return undefined;
  const outcome = engine.peek(isGateway, pod);
  if (outcome.kind === 'failure' || !outcome.value) return undefined;
  const own = pod.slice(0, pod.indexOf('/'));
  const bare = name.slice(scheme.length).replace(/-cacert$/u, '');
  return bare.includes('/') ? undefined : `${own}/${bare}`;
}

function readCredential(parts: ProxySecretParts, name: string): Resource | undefined {
  const key = credentialKey(parts, name);
  if (key === undefined) return undefined;
  const outcome = parts.engine.peek(credential, key);
  if (outcome.kind === 'failure' || outcome.value.secret === undefined) return undefined;
  const { resources, violations } = gatewaySecrets(outcome.value.secret, outcome.value.ca, Date.now());
  parts.onViolations(key, violations);
  return resources.find((resource) => resource.name === name);
}
