/**
 * Acceptance: between what a source gives and what the mesh is computed from. An object's accepted form is its newest valid
 * form, else the form that was accepted before, else it is left out. Bad configuration never costs the good.
 */
import { parse } from 'yaml';
import type { AcceptedStore } from '../history/accepted-store.ts';
import { check, checkMeshConfig, kindOf, normalise, type ConfigMap, type MeshConfig } from '../schema/index.ts';
import { refOf, type KubeObject, type ObjectRef, type SourcedObject, type Violation } from '../schema/object.ts';
import { refKey, type SourceBatch } from '../sources/source.ts';
import { ofSource, ofViolation, type Problem } from './problem.ts';

/** What a batch changes in the accepted mesh. */
export interface AcceptedChange {
  readonly put: readonly KubeObject[];
  readonly removed: readonly ObjectRef[];
  /** The new mesh settings, if the batch had any. */
  readonly meshConfig: MeshConfig | undefined;
}

/** Name of the ConfigMap with the mesh settings in the root namespace. */
const meshConfigMap = { kind: 'ConfigMap', namespace: 'istio-system', name: 'istio' };

/** The largest text of mesh settings that is read, in bytes. */
const largestMeshConfig = 1_048_576;

/** Keeps the accepted forms and the list of problems. */
export class Acceptance {
  readonly #store: AcceptedStore;
  /** Accepted Istio objects; others are taken as the API server gives them. */
  readonly #accepted = new Map<string, KubeObject>();
  readonly #problems = new Map<string, readonly Problem[]>();
  #sourceProblems: readonly Problem[] = [];

  constructor(store: AcceptedStore, recorded: readonly KubeObject[]) {
    this.#store = store;
    for (const object of recorded) this.#accepted.set(refKey(refOf(object)), object);
  }

  /** Everything that is wrong now. */
  get problems(): readonly Problem[] {
    return [...this.#sourceProblems, ...[...this.#problems.values()].flat()];
  }

  /** Judges a batch. What is refused keeps its accepted form, which may come from before a restart. */
  take(batch: SourceBatch): AcceptedChange {
    this.#sourceProblems = batch.problems.map(ofSource);
    const removed = batch.removed.map((ref) => this.#forget(ref));
    const put = batch.changed.flatMap((sourced) => this.#judge(sourced) ?? []);
    return { put, removed, meshConfig: this.#meshConfig(batch) };
  }

  /** Recorded objects that the source no longer has: they went while nobody looked. */
  unseen(seen: ReadonlySet<string>): readonly ObjectRef[] {
    const gone = [...this.#accepted].filter(([key]) => !seen.has(key)).map(([, object]) => refOf(object));
    for (const ref of gone) this.#forget(ref);
    return gone;
  }

  #forget(ref: ObjectRef): ObjectRef {
    const key = refKey(ref);
    this.#problems.delete(key);
    if (this.#accepted.delete(key)) this.#store.remove(ref);
    return ref;
  }

  #judge({ object, origin }: SourcedObject): KubeObject | undefined {
    const ref = refOf(object);
    const key = refKey(ref);
    if (!isIstio(object)) return object;
    const violations = check(object);
    const refused = violations.some((violation) => violation.level === 'error');
    const before = this.#accepted.get(key);
    const problems = violations.map((violation) => ofViolation(ref, origin, violation));
    if (problems.length === 0) this.#problems.delete(key);
    else this.#problems.set(key, refused ? problems.map((problem) => withConsequence(problem, before)) : problems);
    if (refused) return before;
    const accepted = normalise(object);
    this.#accepted.set(key, accepted);
    this.#store.save(accepted);
    return accepted;
  }

  #meshConfig(batch: SourceBatch): MeshConfig | undefined {
    const key = refKey(meshConfigMap);
    if (batch.removed.some((ref) => refKey(ref) === key)) return {};
    const found = batch.changed.find((sourced) => refKey(refOf(sourced.object)) === key);
    if (found === undefined) return undefined;
    const { config, violations } = readMeshConfig((found.object as ConfigMap).data?.['mesh'] ?? '');
    const problems = violations.map((violation) =>
      ofViolation(meshConfigMap, found.origin, {
        ...violation,
        path: `data.mesh${violation.path === '' ? '' : `: ${violation.path}`}`,
      }),
    );
    if (problems.length === 0) this.#problems.delete(key);
    else this.#problems.set(key, problems);
    return violations.some((violation) => violation.level === 'error') ? undefined : config;
  }
}

function isIstio(object: KubeObject): boolean {
  return object.apiVersion.includes('.istio.io/') && kindOf(object) !== undefined;
}

function withConsequence(problem: Problem, before: KubeObject | undefined): Problem {
  if (problem.level !== 'error') return problem;
  const consequence = before === undefined ? 'the object is left out' : 'its last good form serves';
  return { ...problem, message: `${problem.message} (${consequence})` };
}

/** Mesh settings out of the text of the ConfigMap. */
export function readMeshConfig(text: string): {
  readonly config: MeshConfig;
  readonly violations: readonly Violation[];
} {
  if (text.length > largestMeshConfig) {
    return {
      config: {},
      violations: [{ level: 'error', path: '', message: 'the mesh settings are larger than 1 MiB' }],
    };
  }
  try {
    const value: unknown = parse(text, { maxAliasCount: 0 }) ?? {};
    const violations = checkMeshConfig(value);
    return { config: value as MeshConfig, violations };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { config: {}, violations: [{ level: 'error', path: '', message: `not YAML: ${message}` }] };
  }
}
