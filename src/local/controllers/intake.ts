import { hashJson } from '../../base/hash.ts';
import { check, kindOf, normalise, type Pod, type Service } from '../../schema/index.ts';
import { objectKey, refOf, type KubeObject, type Origin, type SourcedObject } from '../../schema/object.ts';
import { refKey, type SourceBatch, type SourceProblem } from '../../sources/source.ts';
import type { Store } from '../store/store.ts';
import { createClusterIps } from './cluster-ip.ts';
import { bareNamespace, builtInNamespaces } from './namespace-objects.ts';
import { isPod } from './pod-state.ts';

/** A pod that is written down itself, not made by a Deployment. */
export interface WrittenPod {
  readonly pod: Pod;
  readonly origin: Origin;
  /** Of what is written: another hash means another pod. */
  readonly hash: string;
}

/** What is written, on its way into the store: what the API server does on admission. */
export interface Intake {
  take(batch: SourceBatch): void;
  /** By `namespace/name`. They become objects only when a controller makes them. */
  readonly pods: ReadonlyMap<string, WrittenPod>;
}

/**
 * Kubernetes' own kinds are checked here, since controllers act on them, and one with an error keeps its last good form;
 * Istio's kinds go on as they are, for the control plane has its own rules for what it accepts.
 */
export function createIntake(store: Store): Intake {
  const pods = new Map<string, WrittenPod>();
  const clusterIps = createClusterIps();
  const told = new Map<string, readonly SourceProblem[]>();
  const written = new Map<string, SourcedObject>();

  const keep = ({ object, origin }: SourcedObject): SourceProblem[] => {
    if (isPod(object)) pods.set(objectKey(object), { pod: object, origin, hash: hashJson(object) });
    else if (isService(object)) {
      const address = addressOf(object, (service, wanted) => clusterIps.assign(service, wanted));
      if (address === undefined) return [taken(object, origin)];
      store.put(withAddress(object, address), origin);
    } else store.put(object.kind === 'Namespace' ? named(object) : object, origin);
    return [];
  };
  const takeIn = (sourced: SourcedObject): void => {
    const ref = refOf(sourced.object);
    written.set(refKey(ref), sourced);
    const problems = problemsOf(sourced);
    const refused = problems.some(({ level }) => level === 'error');
    told.set(refKey(ref), [...problems, ...(refused ? [] : keep({ ...sourced, object: normalised(sourced.object) }))]);
  };

  return {
    pods,
    take(batch) {
      for (const ref of batch.removed) {
        written.delete(refKey(ref));
        told.delete(refKey(ref));
        const key = ref.namespace === '' ? ref.name : `${ref.namespace}/${ref.name}`;
        if (ref.kind === 'Pod') pods.delete(key);
        if (ref.kind === 'Service') clusterIps.release(key);
        store.delete(ref);
      }
      for (const sourced of batch.changed) takeIn(sourced);
      const missing = fillNamespaces(store, written);
      store.setProblems('files', [...batch.problems, ...[...told.values()].flat(), ...missing]);
    },
  };
}

function isService(object: KubeObject): object is Service {
  return object.kind === 'Service';
}

/** Every namespace can be selected by its name. */
function named(namespace: KubeObject): KubeObject {
  const { labels } = bareNamespace(namespace.metadata.name).metadata;
  return { ...namespace, metadata: { ...namespace.metadata, labels: { ...namespace.metadata.labels, ...labels } } };
}

function isChecked(object: KubeObject): boolean {
  return kindOf(object)?.reportsUnsupported === false;
}

function normalised(object: KubeObject): KubeObject {
  return isChecked(object) ? normalise(object) : object;
}

function problemsOf({ object, origin }: SourcedObject): SourceProblem[] {
  if (!isChecked(object)) return [];
  return check(object).map(({ level, path, message, fix }) => ({
    level,
    file: origin.file,
    line: origin.lines?.[path] ?? origin.line,
    column: 1,
    object: refOf(object),
    field: path,
    message: path === '' ? message : `${path}: ${message}`,
    ...(fix === undefined ? {} : { fix }),
  }));
}

/** The service's address: its own wish or a given one; empty where it needs none; undefined where its wish is taken. */
function addressOf(
  service: Service,
  assign: (service: string, wanted?: string) => string | undefined,
): string | undefined {
  const { type, clusterIP } = service.spec;
  if (type === 'ExternalName') return '';
  if (clusterIP === 'None') return 'None';
  return assign(objectKey(service), clusterIP === undefined || clusterIP === '' ? undefined : clusterIP);
}

function withAddress(service: Service, address: string): Service {
  if (address === '') return service;
  const { type = 'ClusterIP' } = service.spec;
  return { ...service, spec: { ...service.spec, type, clusterIP: address, clusterIPs: [address] } };
}

function taken(service: Service, { file, line, lines }: Origin): SourceProblem {
  const message = `spec.clusterIP: ${service.spec.clusterIP ?? ''} is not a free address of 10.96.0.0/16`;
  const at = lines?.['spec.clusterIP'] ?? line;
  const fix = 'leave clusterIP out and let the mesh choose';
  return { level: 'error', file, line: at, column: 1, object: refOf(service), field: 'spec.clusterIP', message, fix };
}

/** Makes the namespaces that are used or built in but nowhere written, and tells of those that a cluster would miss. */
function fillNamespaces(store: Store, written: ReadonlyMap<string, SourcedObject>): SourceProblem[] {
  const used = new Map<string, SourcedObject | undefined>(builtInNamespaces.map((name) => [name, undefined]));
  for (const sourced of written.values()) {
    const { namespace = '' } = sourced.object.metadata;
    if (namespace !== '' && !used.has(namespace)) used.set(namespace, sourced);
  }
  const problems: SourceProblem[] = [];
  for (const [name, first] of used) {
    if (written.has(refKey({ kind: 'Namespace', namespace: '', name }))) continue;
    store.put(bareNamespace(name));
    if (first === undefined) continue;
    const { file, line, lines } = first.origin;
    const message = `the namespace ${name} is written nowhere; a cluster would refuse this object`;
    const fix = `add a Namespace ${name}`;
    problems.push({
      level: 'warning',
      file,
      line: lines?.['metadata.namespace'] ?? line,
      column: 1,
      object: refOf(first.object),
      field: 'metadata.namespace',
      message,
      fix,
    });
  }
  return problems;
}
