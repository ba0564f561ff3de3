/** Which kind of connections a workload takes: PeerAuthentication. */
import { defineQuery } from '../base/engine/index.ts';
import type { PeerAuthentication } from '../schema/index.ts';
import { peerAuthenticationsByNamespace } from './inputs.ts';
import { meshSettings } from './settings.ts';
import { byAge, selects } from './visibility.ts';

/** Mutual TLS as a server demands it. */
export type MtlsMode = 'DISABLE' | 'PERMISSIVE' | 'STRICT';

/** Names all workloads of a namespace with equal labels. */
export interface WorkloadKey {
  readonly [key: string]: string | Readonly<Record<string, string>>;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** The mode of a workload, and of those ports that have another one. */
export interface MtlsPolicy {
  readonly mode: MtlsMode;
  /** By the workload's port number. */
  readonly ports: Readonly<Record<string, MtlsMode>>;
}

/** Mutual TLS of a workload. Precedence: port, workload, namespace, root namespace; PERMISSIVE where nobody says. */
export const mtlsPolicyOf = defineQuery<WorkloadKey, MtlsPolicy>('mtls policy', (read, key) => {
  const { rootNamespace } = read.get(meshSettings, '');
  const own = read.cell(peerAuthenticationsByNamespace, key.namespace).toSorted(byAge);
  const forWorkload = own.find(
    (policy) => hasSelector(policy) && selects(policy.spec?.selector?.matchLabels, key.labels),
  );
  const forNamespace = own.find((policy) => !hasSelector(policy));
  const forMesh =
    key.namespace === rootNamespace
      ? undefined
      : read
          .cell(peerAuthenticationsByNamespace, rootNamespace)
          .toSorted(byAge)
          .find((policy) => !hasSelector(policy));
  const mode = modeOf(forWorkload) ?? modeOf(forNamespace) ?? modeOf(forMesh) ?? 'PERMISSIVE';
  const ports = Object.entries(forWorkload?.spec?.portLevelMtls ?? {}).map(([port, mtls]) => [
    port,
    setMode(mtls.mode) ?? mode,
  ]);
  return { mode, ports: Object.fromEntries(ports) as Record<string, MtlsMode> };
});

/** The mode of one port. */
export function portMode(policy: MtlsPolicy, port: number): MtlsMode {
  return policy.ports[String(port)] ?? policy.mode;
}

function hasSelector(policy: PeerAuthentication): boolean {
  return Object.keys(policy.spec?.selector?.matchLabels ?? {}).length > 0;
}

function modeOf(policy: PeerAuthentication | undefined): MtlsMode | undefined {
  return setMode(policy?.spec?.mtls?.mode);
}

function setMode(mode: string | undefined): MtlsMode | undefined {
  return mode === 'DISABLE' || mode === 'PERMISSIVE' || mode === 'STRICT' ? mode : undefined;
}
