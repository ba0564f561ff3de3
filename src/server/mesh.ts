/** The control plane put together: sources → acceptance → engine → catalogues → streams. */
import { createEngine, type Engine } from '../base/engine/index.ts';
import { canonicalJson } from '../base/json.ts';
import type { Part } from '../compile/proxy.ts';
import { openAcceptedStore } from '../history/accepted-store.ts';
import type { WorkloadIdentity } from '../identity/workload-identity.ts';
import type { WorkloadSecrets } from '../identity/workload-secrets.ts';
import { putMeshConfig, putObject, removeObject } from '../model/load.ts';
import { meshSettings } from '../model/settings.ts';
import type { ProxyKey } from '../model/view.ts';
import { objectKey, refOf, type ObjectRef, type Violation } from '../schema/object.ts';
import { refKey, type Source, type SourceBatch } from '../sources/source.ts';
import { Acceptance, type AcceptedChange } from './acceptance.ts';
import { Catalogue } from './catalogue.ts';
import type { Problem } from './problem.ts';
import { ProxySource, type Catalogues } from './proxy-source.ts';
import { proxySecrets } from './secrets.ts';
import type { ReviewedPod } from './token-review.ts';

/** What a mesh is computed from and kept in. */
export interface MeshOptions {
  readonly source: Source;
  /** Folder of the accepted forms. */
  readonly historyFolder: string;
  readonly workloadSecrets: WorkloadSecrets;
  /** Told what an operator should see. */
  readonly log: (message: string) => void;
}

/** The mesh as the control plane keeps it: computed, and open to proxies. */
export interface Mesh {
  readonly engine: Engine;
  /** Resolves when everything that the source had at the start is computed; nothing is served before. */
  readonly synced: Promise<void>;
  /** What one proxy sees, for the pod that its token belongs to. */
  open(pod: ReviewedPod, type: ProxyKey['type']): ProxySource;
  problems(): readonly Problem[];
  /** Pods that should have a proxy, as `namespace/name`. */
  expectedProxies(): readonly string[];
  close(): Promise<void>;
}

/** Starts to follow the source. */
export async function openMesh(options: MeshOptions): Promise<Mesh> {
  const history = openAcceptedStore(options.historyFolder, (error) => options.log(`history: ${String(error)}`));
  const recorded = await history.load();
  for (const name of recorded.unreadable) options.log(`history: ${name} cannot be read and is left out`);
  const mesh = new RunningMesh(options, new Acceptance(history, recorded.objects));
  return {
    engine: mesh.engine,
    synced: mesh.start(),
    open: (pod, type) => mesh.open(pod, type),
    problems: () => mesh.problems(),
    expectedProxies: () => mesh.expectedProxies(),
    close: async () => {
      await options.source.stop();
      await history.flush();
    },
  };
}

class RunningMesh {
  readonly engine = createEngine();
  readonly #options: MeshOptions;
  readonly #acceptance: Acceptance;
  readonly #catalogues: Catalogues;
  readonly #dirty = new Set<ProxySource>();
  readonly #seen = new Set<string>();
  readonly #injected = new Set<string>();
  readonly #failures = new Map<string, string>();
  readonly #users = new Map<string, number>();
  readonly #secretProblems = new Map<string, readonly Violation[]>();

  constructor(options: MeshOptions, acceptance: Acceptance) {
    this.#options = options;
    this.#acceptance = acceptance;
    this.#catalogues = shareCatalogues(this.engine, (cell, message) => {
      if (this.#failures.get(cell) !== message) options.log(`${cell}: ${message}`);
      this.#failures.set(cell, message);
    });
  }

  start(): Promise<void> {
    const { source } = this.#options;
    source.start((batch) => this.#take(batch));
    return source.synced.then(() => {
      // A form that was recorded for an object which is gone by now must not come back.
      const gone = this.#acceptance.unseen(this.#seen);
      this.#change({ put: [], removed: gone, meshConfig: undefined });
    });
  }

  open(pod: ReviewedPod, type: ProxyKey['type']): ProxySource {
    const { namespace, serviceAccount } = pod;
    const outcome = this.engine.peek(meshSettings, '');
    const trustDomain = outcome.kind === 'value' ? outcome.value.trustDomain : 'cluster.local';
    const identity: WorkloadIdentity = { trustDomain, namespace, serviceAccount };
    const podKey = `${namespace}/${pod.podName}`;
    this.#use(identity, 1);
    const secrets = proxySecrets({
      engine: this.engine,
      workloadSecrets: this.#options.workloadSecrets,
      identity,
      pod: podKey,
      onViolations: (secret, violations) => void this.#secretProblems.set(secret, violations),
      onClose: () => this.#use(identity, -1),
    });
    const onDirty = (source: ProxySource): void => {
      this.#dirty.add(source);
      // Renewed secrets come outside of any change of the mesh.
      if (this.engine.settled) setImmediate(() => this.#flush());
    };
    return new ProxySource({
      engine: this.engine,
      proxy: { type, pod: podKey },
      catalogues: this.#catalogues,
      secrets,
      onDirty,
    });
  }

  problems(): readonly Problem[] {
    return [...this.#acceptance.problems, ...secretProblemsOf(this.#secretProblems)];
  }

  expectedProxies(): readonly string[] {
    return [...this.#injected].toSorted();
  }

  #take(batch: SourceBatch): void {
    for (const { object } of batch.changed) {
      this.#seen.add(refKey(refOf(object)));
      if (object.kind === 'Pod' && isInjected(object.metadata.annotations)) this.#injected.add(objectKey(object));
    }
    for (const ref of batch.removed) {
      this.#seen.delete(refKey(ref));
      if (ref.kind === 'Pod') this.#injected.delete(keyOf(ref));
    }
    this.#change(this.#acceptance.take(batch));
  }

  /** In one turn: no stream may see a new form before it is told of it, nor parts of two revisions. */
  #change(change: AcceptedChange): void {
    apply(this.engine, change);
    this.engine.settle();
    this.#flush();
  }

  #flush(): void {
    const sources = [...this.#dirty];
    this.#dirty.clear();
    for (const source of sources) source.flush();
  }

  /** A key is forgotten with the last stream of its identity. */
  #use(identity: WorkloadIdentity, by: 1 | -1): void {
    const key = `${identity.trustDomain}/${identity.namespace}/${identity.serviceAccount}`;
    const left = (this.#users.get(key) ?? 0) + by;
    this.#users.set(key, left);
    if (left > 0) return;
    this.#users.delete(key);
    this.#options.workloadSecrets.release(identity);
  }
}

function isInjected(annotations: Readonly<Record<string, string>> | undefined): boolean {
  return annotations?.['sidecar.istio.io/status'] !== undefined;
}

function secretProblemsOf(found: ReadonlyMap<string, readonly Violation[]>): readonly Problem[] {
  return [...found].flatMap(([secret, violations]) =>
    violations.map((violation) => ({
      level: violation.level,
      object: `Secret ${secret}`,
      file: '',
      line: 0,
      field: violation.path,
      message: violation.message,
      ...(violation.fix === undefined ? {} : { fix: violation.fix }),
    })),
  );
}

function apply(engine: Engine, change: AcceptedChange): void {
  engine.transact((transaction) => {
    for (const ref of change.removed) removeObject(transaction, { kind: ref.kind, key: keyOf(ref) });
    for (const object of change.put) putObject(transaction, object);
    if (change.meshConfig !== undefined) putMeshConfig(transaction, change.meshConfig);
  });
}

function keyOf(ref: ObjectRef): string {
  return ref.namespace === '' ? ref.name : `${ref.namespace}/${ref.name}`;
}

function shareCatalogues(engine: Engine, onFailure: (cell: string, message: string) => void): Catalogues {
  const byPart = new Map<string, Catalogue>();
  return {
    of: (part: Part) => {
      const key = canonicalJson(part);
      let catalogue = byPart.get(key);
      if (catalogue === undefined) {
        catalogue = new Catalogue(engine, part, onFailure);
        byPart.set(key, catalogue);
      }
      return catalogue;
    },
    release: (part: Part) => {
      const key = canonicalJson(part);
      const catalogue = byPart.get(key);
      if (catalogue?.isUnused !== true) return;
      catalogue.close();
      byPart.delete(key);
    },
  };
}
