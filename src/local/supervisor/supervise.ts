/** The supervisor's composition root: what API server, controllers, kubelet, kube-proxy and DNS are to a cluster. */
import { statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { dirname, join } from 'node:path';
import { openAuthority } from '../../identity/authority.ts';
import { openTokenIssuer, type TokenIssuer } from '../../identity/pod-token.ts';
import { decide } from '../../inject/decision.ts';
import { inject } from '../../inject/inject.ts';
import type { InjectionSettings } from '../../inject/settings.ts';
import type { ConfigMap, EndpointSlice, MeshConfig, Pod, Service } from '../../schema/index.ts';
import { readMeshConfig } from '../../server/acceptance.ts';
import { createFileSource } from '../../sources/files.ts';
import { knownScope } from '../../sources/known-scope.ts';
import type { Source } from '../../sources/source.ts';
import { controlSocketName, type MeshStatus } from '../control/protocol.ts';
import { serveControl } from '../control/server.ts';
import { createControllers, type Controllers } from '../controllers/controllers.ts';
import { createZone, type Zone } from '../dns/zone.ts';
import { startDnsServer, type DnsServer } from '../dns/dns-server.ts';
import { gatewayAddress } from '../net/pod-network.ts';
import { createDnsForward } from '../relay/dns-relay.ts';
import type { PodInputs } from '../pod/pod-run.ts';
import { createPodRuntime, type PodRuntime } from '../pod/runtime.ts';
import { envoyInside } from '../sandbox/sandbox-script.ts';
import { serveStore } from '../store/serve-store.ts';
import { createStore, type Store } from '../store/store.ts';
import { startEgress } from './egress.ts';
import { askIstiod } from './istiod-client.ts';
import { meshControl } from './mesh-control.ts';
import { readMeshFile, type MeshFile } from './mesh-file.ts';
import { meshStatus } from './mesh-status.ts';
import type { SupervisorOptions } from './options.ts';
import { istiodFolder, istiodStatusSocket, placesOf, storeFolder, storeSocket } from './places.ts';
import { podInputs, proxyImage } from './pod-inputs.ts';
import { followRules } from './follow-rules.ts';
import { openGatewayDoors } from './gateways.ts';
import { systemNamespace, systemObjects } from './system-objects.ts';
import { answerTokenReview } from './token-reviews.ts';

/** A running supervisor. */
export interface Supervisor {
  /** Begins the end: pods first, in order. */
  stop(): void;
  /** Exit code, once everything has ended. */
  readonly stopped: Promise<number>;
}

type Log = (message: string) => void;

/** Brings a mesh up inside the sandbox. */
export async function supervise(options: SupervisorOptions, log: Log): Promise<Supervisor> {
  const places = placesOf(options.stateFolder);
  for (const folder of [storeFolder, istiodFolder, places.history])
    await mkdir(folder, { recursive: true, mode: 0o700 });
  const meshFile = readMeshFile(options.folder);
  const store = createStore({ now: () => new Date(), newUid: randomUUID });
  const tokens = await openTokenIssuer({ folder: places.tokens });
  const authority = await openAuthority({ folder: places.ca });
  const runtime = await createPodRuntime({
    kind: options.mode,
    stateFolder: options.stateFolder,
    visible: [options.folder, options.programFolder, ...meshFile.manifests],
  });
  const world: World = {
    options,
    store,
    runtime,
    tokens,
    meshFile,
    rootCertificate: authority.trustBundlePem,
    latest: { files: [] },
  };
  // What pods need comes before pods: tokens are reviewed, names answered, services reached.
  const parts: Part[] = [
    await serveStore(store, {
      socketPath: storeSocket,
      reviewToken: (review) => Promise.resolve(answerTokenReview(tokens, store, review)),
    }),
    await startDns(store, places.dnsSocket),
    followRules(store, log),
    startEgress(envoyInside, places.relaySocket, log),
    await openGatewayDoors(options.stateFolder, store),
  ];
  const controllers = startControllers(world);
  const source = followFiles(world, controllers);
  return running({ world, log, controllers, source, parts });
}

/** Something that ends with the mesh. */
interface Part {
  close(): Promise<void> | void;
}

/** What the parts of a mesh work with. */
interface World {
  readonly options: SupervisorOptions;
  readonly store: Store;
  readonly runtime: PodRuntime;
  readonly tokens: TokenIssuer;
  readonly meshFile: MeshFile;
  readonly rootCertificate: string;
  /** Files of the newest batch. */
  readonly latest: { files: readonly string[] };
}

interface Started {
  readonly world: World;
  readonly log: Log;
  readonly controllers: Controllers;
  readonly source: Source;
  readonly parts: readonly Part[];
}

async function running({ world, log, controllers, source, parts }: Started): Promise<Supervisor> {
  const { options, store, runtime, meshFile } = world;
  const startedAt = new Date().toISOString();
  const { promise: stopped, resolve: markStopped } = Promise.withResolvers<number>();
  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    log('stopping');
    void end().then(() => markStopped(0));
  };
  const status = async (): Promise<MeshStatus> =>
    meshStatus({
      options,
      meshFile,
      store,
      startedAt,
      stopping,
      istiod: await askIstiod(),
      changedFiles: world.latest.files,
    });
  const control = await serveControl(
    meshControl({ store, runtime, status, stop }),
    join(options.stateFolder, controlSocketName),
  );
  const end = async (): Promise<void> => {
    await source.stop();
    await controllers.stop(3_000);
    for (const part of [control, ...parts]) {
      await Promise.resolve(part.close()).catch((error: unknown) => log(`while stopping: ${String(error)}`));
    }
  };
  return { stop, stopped };
}

function startControllers(world: World): Controllers {
  const { store, runtime, tokens, meshFile, options } = world;
  return createControllers<PodInputs>({
    store,
    runner: runtime,
    inputsOf: (pod) => podInputs({ store, tokens, meshFile, systemPaths: systemFolders(options) }, pod),
    random: Math.random,
    inject: (pod) => injected(world, pod),
    rootCertificate: () => world.rootCertificate,
  });
}

/** Folders that only the control plane's pod sees. */
function systemFolders(options: SupervisorOptions): readonly string[] {
  const places = placesOf(options.stateFolder);
  return [storeFolder, istiodFolder, places.ca, places.history];
}

function injected(world: World, pod: Pod): Pod {
  const { store, options } = world;
  const namespace = store.get({ kind: 'Namespace', namespace: '', name: pod.metadata.namespace ?? 'default' });
  const decision = decide(pod, namespace?.object.metadata.labels ?? {}, false);
  if (decision.kind === 'skip') return pod;
  const settings: InjectionSettings = {
    interceptBy: options.mode === 'root' ? 'owner' : 'mark',
    discoveryAddress: `istiod.${systemNamespace}.svc:15012`,
    proxyImage,
    initImage: 'mizzen/init',
    revision: 'default',
    mesh: meshConfigOf(store),
    injectByDefault: false,
  };
  return inject(pod, decision.template, settings);
}

// The control plane reports what is wrong with the settings; the injector only needs those that it can read.
function meshConfigOf(store: Store): MeshConfig {
  const map = store.get({ kind: 'ConfigMap', namespace: systemNamespace, name: 'istio' })?.object as
    | ConfigMap
    | undefined;
  const { config, violations } = readMeshConfig(map?.data?.['mesh'] ?? '');
  return violations.some((violation) => violation.level === 'error') ? {} : config;
}

function startDns(store: Store, outsideSocket: string): Promise<DnsServer> {
  let zone: Zone | undefined;
  const end = store.watch((line) => {
    if ('object' in line && (line.object.kind === 'Service' || line.object.kind === 'EndpointSlice')) zone = undefined;
  });
  const now = (): Zone =>
    (zone ??= createZone(
      store.list('Service') as readonly Service[],
      store.list('EndpointSlice') as readonly EndpointSlice[],
    ));
  return startDnsServer({ address: gatewayAddress, zone: now, forward: createDnsForward(outsideSocket) }).then(
    (server) => ({
      ...server,
      close: async () => {
        end();
        await server.close();
      },
    }),
  );
}

function followFiles({ options, meshFile, latest }: World, controllers: Controllers): Source {
  const places = placesOf(options.stateFolder);
  const command = [
    process.execPath,
    options.controlPlane ?? `${options.programFolder}/src/server/main.ts`,
    '--store',
    storeSocket,
    '--ca',
    places.ca,
    '--history',
    places.history,
    '--status',
    istiodStatusSocket,
  ];
  const origin = { file: 'mizzen', line: 1 };
  const own = systemObjects({ command, folders: systemFolders(options) });
  controllers.take({ changed: own.map((object) => ({ object, origin })), removed: [], problems: [] });
  const base = statSync(options.folder).isDirectory() ? options.folder : dirname(options.folder);
  const source = createFileSource({ roots: meshFile.manifests, base, scopeOf: knownScope });
  source.start((batch) => {
    if (batch.changed.length > 0) latest.files = [...new Set(batch.changed.map(({ origin: { file } }) => file))];
    controllers.take(batch);
  });
  return source;
}
