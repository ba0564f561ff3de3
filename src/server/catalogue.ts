/** The cells behind one part of proxies' configurations, demanded once however many proxies share the part. */
import type { Demand, Engine, Outcome } from '../base/engine/index.ts';
import { partNames, partResource, type ListedType, type MeshType, type Part } from '../compile/proxy.ts';
import type { Resource } from '../proto/resource.ts';

/** Who is told of changes of a part. */
export interface Follower {
  /** A name of a type that is sent whole appeared, changed or is gone. */
  changed(type: MeshType, name: string): void;
}

/** Told what went wrong in a query: a fault of this program or of an object that no check caught. */
export type FailureListener = (cell: string, message: string) => void;

interface Named {
  readonly demand: Demand<Resource | undefined>;
  readonly followers: Set<Follower>;
}

/** One part's cells. */
export class Catalogue {
  readonly #engine: Engine;
  readonly #part: Part;
  readonly #onFailure: FailureListener;
  readonly #followers = new Set<Follower>();
  readonly #names: Readonly<Record<ListedType, Demand<readonly string[]>>>;
  readonly #listed: Readonly<Record<ListedType, Map<string, Demand<Resource | undefined>>>> = {
    cluster: new Map(),
    listener: new Map(),
  };
  readonly #named = new Map<string, Named>();

  constructor(engine: Engine, part: Part, onFailure: FailureListener) {
    this.#engine = engine;
    this.#part = part;
    this.#onFailure = onFailure;
    this.#names = { cluster: this.#demandNames('cluster'), listener: this.#demandNames('listener') };
    for (const type of ['cluster', 'listener'] as const)
      this.#follow(type, this.#valueOf(this.#names[type].outcome, []));
  }

  get isUnused(): boolean {
    return this.#followers.size === 0;
  }

  attach(follower: Follower): void {
    this.#followers.add(follower);
  }

  detach(follower: Follower): void {
    this.#followers.delete(follower);
    for (const key of this.#named.keys()) this.#drop(key, follower);
  }

  /** Names of a type that is sent whole. */
  list(type: ListedType): readonly string[] {
    return [...this.#listed[type].keys()];
  }

  read(type: MeshType, name: string): Resource | undefined {
    const listed =
      type === 'cluster' || type === 'listener'
        ? this.#listed[type].get(name)
        : this.#named.get(`${type} ${name}`)?.demand;
    const outcome = listed?.outcome ?? this.#engine.peek(partResource, { part: this.#part, type, name });
    return this.#valueOf(outcome, undefined);
  }

  subscribe(type: MeshType, name: string, follower: Follower): void {
    const key = `${type} ${name}`;
    let named = this.#named.get(key);
    if (named === undefined) {
      const followers = new Set<Follower>();
      named = {
        followers,
        demand: this.#demand(type, name, () => {
          for (const each of followers) each.changed(type, name);
        }),
      };
      this.#named.set(key, named);
    }
    named.followers.add(follower);
  }

  unsubscribe(type: MeshType, name: string, follower: Follower): void {
    this.#drop(`${type} ${name}`, follower);
  }

  close(): void {
    for (const type of ['cluster', 'listener'] as const) {
      this.#names[type].release();
      for (const demand of this.#listed[type].values()) demand.release();
    }
    for (const { demand } of this.#named.values()) demand.release();
  }

  #drop(key: string, follower: Follower): void {
    const named = this.#named.get(key);
    if (named === undefined) return;
    named.followers.delete(follower);
    if (named.followers.size > 0) return;
    named.demand.release();
    this.#named.delete(key);
  }

  #demandNames(type: ListedType): Demand<readonly string[]> {
    return this.#engine.demand(partNames, { part: this.#part, type }, (outcome) =>
      this.#rename(type, this.#valueOf(outcome, this.list(type))),
    );
  }

  #rename(type: ListedType, names: readonly string[]): void {
    const known = this.#listed[type];
    const wanted = new Set(names);
    for (const [name, demand] of known) {
      if (wanted.has(name)) continue;
      demand.release();
      known.delete(name);
      this.#tell(type, name);
    }
    for (const name of this.#follow(type, names)) this.#tell(type, name);
  }

  /** Demands the names that are new, and gives them back. */
  #follow(type: ListedType, names: readonly string[]): readonly string[] {
    const known = this.#listed[type];
    const added = names.filter((name) => !known.has(name));
    for (const name of added)
      known.set(
        name,
        this.#demand(type, name, () => this.#tell(type, name)),
      );
    return added;
  }

  #tell(type: MeshType, name: string): void {
    for (const follower of this.#followers) follower.changed(type, name);
  }

  #demand(type: MeshType, name: string, onChange: () => void): Demand<Resource | undefined> {
    const demand = this.#engine.demand(partResource, { part: this.#part, type, name }, onChange);
    // A first look, so that only what changes from here on is told.
    this.#valueOf(demand.outcome, undefined);
    return demand;
  }

  // What cannot be computed is left out and told; the rest of the mesh goes on.
  #valueOf<V>(outcome: Outcome<V>, otherwise: V): V {
    if (outcome.kind === 'value') return outcome.value;
    this.#onFailure(this.#part.kind, outcome.message);
    return otherwise;
  }
}
