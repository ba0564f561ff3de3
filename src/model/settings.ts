import { defineQuery } from '../base/engine/index.ts';
import { parseDuration } from '../base/duration.ts';
import type { MeshConfig } from '../schema/index.ts';
import { meshConfigKey, meshConfigs } from './inputs.ts';

/** Mesh settings with Istio's defaults filled in: what the compiler reads of MeshConfig. */
export interface MeshSettings {
  readonly rootNamespace: string;
  readonly trustDomain: string;
  readonly trustDomainAliases: readonly string[];
  readonly outboundAllowAny: boolean;
  /** Inbound traffic goes to this host, and not to the pod's address. */
  readonly inboundToLocalhost: boolean;
  readonly autoMtls: boolean;
  readonly connectTimeoutMs: number;
  /** 0 turns the limit off (Istio's default). */
  readonly protocolDetectionTimeoutMs: number;
  readonly tcpKeepalive: MeshConfig['tcpKeepalive'] | undefined;
  readonly accessLogFile: string;
  readonly accessLogFormat: string;
  readonly accessLogJson: boolean;
  readonly serviceExportTo: readonly string[];
  readonly virtualServiceExportTo: readonly string[];
  readonly destinationRuleExportTo: readonly string[];
  readonly localityLb: MeshConfig['localityLbSetting'] | undefined;
  readonly h2Upgrade: boolean;
  readonly defaultRetries: MeshConfig['defaultHttpRetryPolicy'] | undefined;
  readonly pathNormalization: 'NONE' | 'BASE' | 'MERGE_SLASHES' | 'DECODE_AND_MERGE_SLASHES';
  readonly numTrustedProxies: number;
  readonly dnsRefreshRateMs: number;
}

/** The mesh settings that are in force. */
export const meshSettings = defineQuery<string, MeshSettings>('mesh settings', (read) =>
  settingsOf(read.input(meshConfigs, meshConfigKey) ?? {}),
);

/** Fills in the defaults (https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1). */
export function settingsOf(config: MeshConfig): MeshSettings {
  const everywhere = ['*'];
  return {
    rootNamespace: config.rootNamespace ?? 'istio-system',
    trustDomain: config.trustDomain ?? 'cluster.local',
    trustDomainAliases: config.trustDomainAliases ?? [],
    outboundAllowAny: (config.outboundTrafficPolicy?.mode ?? 'ALLOW_ANY') !== 'REGISTRY_ONLY',
    inboundToLocalhost: config.inboundTrafficPolicy?.mode === 'LOCALHOST',
    autoMtls: config.enableAutoMtls ?? true,
    connectTimeoutMs: duration(config.connectTimeout, 10_000),
    protocolDetectionTimeoutMs: duration(config.protocolDetectionTimeout, 0),
    tcpKeepalive: config.tcpKeepalive,
    accessLogFile: config.accessLogFile ?? '',
    accessLogFormat: config.accessLogFormat ?? '',
    accessLogJson: config.accessLogEncoding === 'JSON',
    serviceExportTo: config.defaultServiceExportTo ?? everywhere,
    virtualServiceExportTo: config.defaultVirtualServiceExportTo ?? everywhere,
    destinationRuleExportTo: config.defaultDestinationRuleExportTo ?? everywhere,
    localityLb: config.localityLbSetting,
    h2Upgrade: config.h2UpgradePolicy === 'UPGRADE',
    defaultRetries: config.defaultHttpRetryPolicy,
    pathNormalization: normalization(config.pathNormalization?.normalization),
    numTrustedProxies: config.defaultConfig?.gatewayTopology?.numTrustedProxies ?? 0,
    dnsRefreshRateMs: duration(config.dnsRefreshRate, 60_000),
  };
}

function normalization(mode: string | undefined): MeshSettings['pathNormalization'] {
  if (mode === 'NONE' || mode === 'MERGE_SLASHES' || mode === 'DECODE_AND_MERGE_SLASHES') return mode;
  return 'BASE';
}

function duration(text: string | undefined, otherwiseMs: number): number {
  return text === undefined ? otherwiseMs : (parseDuration(text) ?? otherwiseMs);
}
