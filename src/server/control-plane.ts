/** The control plane's composition root: what starts, in which order, and how it ends. */
import type { JsonObject } from '../base/json.ts';
import { openAuthority, type Authority } from '../identity/authority.ts';
import { WorkloadSecrets } from '../identity/workload-secrets.ts';
import type { ProxyKey } from '../model/view.ts';
import type { Source } from '../sources/source.ts';
import type { CreateGate } from '../xds/gate.ts';
import { createProxyMemory, type ProxyMemory } from '../xds/proxy-memory.ts';
import { startXdsServer, type Authentication, type ServerCertificate, type XdsServer } from '../xds/server.ts';
import type { Opened } from '../xds/stream.ts';
import { openMesh, type Mesh } from './mesh.ts';
import { serveStatus, type ControlPlaneReport, type ProxyReport } from './status-server.ts';
import { reviewToken, tokenExpiryMs, type ReviewedPod } from './token-review.ts';

/** What a control plane is run with. */
export interface ControlPlaneOptions {
  readonly source: Source;
  /** Unix socket that answers token reviews. */
  readonly reviewSocket: string;
  readonly caFolder: string;
  readonly historyFolder: string;
  /** Unix socket on which its own state is told. */
  readonly statusSocket: string;
  /** Port of ADS. */
  readonly port: number;
  /** See `XdsServerOptions.createGate`. */
  readonly createGate?: CreateGate;
  readonly log: (message: string) => void;
}

/** A running control plane. */
export interface ControlPlane {
  close(): Promise<void>;
}

/** Names under which proxies call the control plane. */
const serverNames = [
  'istiod.istio-system.svc',
  'istiod.istio-system.svc.cluster.local',
  'istiod',
  'istiod.istio-system',
];

/** Life of the server's own certificate, and how long before its end it is replaced, in milliseconds. */
const serverCertificateMs = 86_400_000;
const serverRenewalMs = serverCertificateMs / 2;

/** Starts a control plane: the CA, then the mesh, and only when that is whole the port that serves it. */
export async function runControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { log } = options;
  const authority = await openAuthority({ folder: options.caFolder });
  const workloadSecrets = new WorkloadSecrets({
    authority,
    onFailure: (identity, error) =>
      log(`no new certificate for ${identity.namespace}/${identity.serviceAccount}: ${String(error)}`),
  });
  const mesh = await openMesh({ source: options.source, historyFolder: options.historyFolder, workloadSecrets, log });
  const serving: { xds?: XdsServer } = {};
  const status = await serveStatus(options.statusSocket, () => reportOf(mesh, serving.xds));
  await mesh.synced;
  const server = await startXds(options, authority, mesh);
  serving.xds = server;
  const renewal = setInterval(() => server.setCertificate(serverCertificate(authority)), serverRenewalMs);
  renewal.unref();
  log(`serving ADS on port ${server.port} at generation ${mesh.engine.revision}`);
  return {
    close: async () => {
      clearInterval(renewal);
      await server.close();
      status.close();
      workloadSecrets.close();
      await mesh.close();
    },
  };
}

function startXds(options: ControlPlaneOptions, authority: Authority, mesh: Mesh): Promise<XdsServer> {
  const memories = new Map<string, ProxyMemory>();
  return startXdsServer<ReviewedPod>({
    host: '0.0.0.0',
    port: options.port,
    certificate: serverCertificate(authority),
    authenticate: (token) => authenticate(options.reviewSocket, token),
    open: (pod, node) => openStream({ mesh, memories }, pod, node),
    log: options.log,
    ...(options.createGate === undefined ? {} : { createGate: options.createGate }),
  });
}

async function authenticate(socket: string, token: string): Promise<Authentication<ReviewedPod>> {
  const result = await reviewToken(socket, token);
  if (result.kind === 'refused') return result;
  const expiresAtMs = tokenExpiryMs(token);
  return { kind: 'authenticated', identity: result.pod, ...(expiresAtMs === undefined ? {} : { expiresAtMs }) };
}

function serverCertificate(authority: Authority): ServerCertificate {
  const issued = authority.issueServer({ dnsNames: serverNames, ttlMs: serverCertificateMs });
  return { cert: issued.certificateChainPem, key: issued.privateKeyPem.reveal() };
}

interface StreamWorld {
  readonly mesh: Mesh;
  /** What each pod's proxy refused and holds, by pod UID, kept from one stream to the next. */
  readonly memories: Map<string, ProxyMemory>;
}

/** Memories of pods that are gone are forgotten when there are more than this. */
const mostMemories = 20_000;

function openStream({ mesh, memories }: StreamWorld, pod: ReviewedPod, node: JsonObject | undefined): Opened {
  const claim = claimOf(node);
  if (claim === undefined)
    return {
      kind: 'refused',
      message: 'the first request must carry a node id of the form type~ip~pod.namespace~domain',
    };
  // Who it is was settled by the token; a proxy that says otherwise is misconfigured or lying.
  if (claim.workload !== `${pod.podName}.${pod.namespace}`) {
    return {
      kind: 'refused',
      message: `the node calls itself ${claim.workload}, but its token is of ${pod.podName}.${pod.namespace}`,
    };
  }
  let memory = memories.get(pod.podUid);
  if (memory === undefined) {
    memory = createProxyMemory();
    const oldest = memories.keys().next();
    if (memories.size >= mostMemories && oldest.done !== true) memories.delete(oldest.value);
    memories.set(pod.podUid, memory);
  }
  return { kind: 'open', source: mesh.open(pod, claim.type), memory };
}

/** What a node id says (Istio's form: `sidecar~10.0.0.1~pod.namespace~namespace.svc.cluster.local`). */
function claimOf(
  node: JsonObject | undefined,
): { readonly type: ProxyKey['type']; readonly workload: string } | undefined {
  const id = node?.['id'];
  if (typeof id !== 'string') return undefined;
  const [type, , workload] = id.split('~');
  if ((type !== 'sidecar' && type !== 'router') || workload === undefined) return undefined;
  return { type, workload };
}

function reportOf(mesh: Mesh, xds: XdsServer | undefined): ControlPlaneReport {
  const proxies = [...(xds?.streams ?? [])].flatMap((stream): ProxyReport[] => {
    const status = stream.status();
    if (status === undefined) return [];
    const dot = stream.proxy.lastIndexOf('.');
    return [
      {
        pod: stream.proxy.slice(0, dot),
        namespace: stream.proxy.slice(dot + 1),
        state: status.state,
        reason: status.reason,
        generation: stream.applied(),
        connectedAtMs: stream.connectedAtMs,
        ackedAtMs: stream.ackedAtMs,
      },
    ];
  });
  const counters = xds?.counters;
  return {
    generation: mesh.engine.revision,
    synced: xds !== undefined,
    proxies,
    problems: mesh.problems(),
    counters:
      counters === undefined
        ? {}
        : {
            sentBytes: counters.sentBytes,
            requests: counters.requests,
            acks: counters.acks,
            nacks: counters.nacks,
            streams: counters.streams,
            wokenStreams: counters.wokenStreams,
            queriesRun: mesh.engine.stats().queriesRun,
            cellsAlive: mesh.engine.stats().cellsAlive,
          },
  };
}
