/** What one connected proxy sees: its parts' catalogues, and the secrets of its identity. */
import type { Demand, Engine } from '../base/engine/index.ts';
import { canonicalJson } from '../base/json.ts';
import { partOf, proxyParts, type MeshType, type Part } from '../compile/proxy.ts';
import type { ProxyKey } from '../model/view.ts';
import type { Resource, XdsType } from '../proto/resource.ts';
import type { ResourceKey, ResourceSource, SourceChange } from '../xds/source.ts';
import type { Catalogue, Follower } from './catalogue.ts';

/** Catalogues of parts, shared by all proxies. */
export interface Catalogues {
  /** The catalogue of a part, made at the first call; it lives while somebody follows it. */
  of(part: Part): Catalogue;
  /** Lets go of a part that nobody follows any more. */
  release(part: Part): void;
}

/** Secrets as one proxy may see them. */
export interface ProxySecrets {
  read(name: string): Resource | undefined;
  subscribe(name: string): void;
  unsubscribe(name: string): void;
  onChange(listener: (name: string) => void): void;
  close(): void;
}

/** What a proxy's source is made of. */
export interface ProxySourceParts {
  readonly engine: Engine;
  readonly proxy: ProxyKey;
  readonly catalogues: Catalogues;
  readonly secrets: ProxySecrets;
  /** Called when something of this proxy changed; the server flushes it when the revision is settled. */
  readonly onDirty: (source: ProxySource) => void;
}

/** The source of one stream. */
export class ProxySource implements ResourceSource, Follower {
  readonly proxy: string;
  readonly #parts: ProxySourceParts;
  readonly #partsDemand: Demand<readonly Part[] | undefined>;
  readonly #named = new Set<string>();
  readonly #dirty = new Map<string, ResourceKey>();
  #current: readonly Part[] = [];
  #listener: ((change: SourceChange) => void) | undefined;

  constructor(parts: ProxySourceParts) {
    const [namespace = '', name = ''] = parts.proxy.pod.split('/');
    this.proxy = `${name}.${namespace}`;
    this.#parts = parts;
    this.#partsDemand = parts.engine.demand(proxyParts, parts.proxy, (outcome) => {
      this.#move(outcome.kind === 'value' ? (outcome.value ?? []) : this.#current);
    });
    const { outcome } = this.#partsDemand;
    this.#attach(outcome.kind === 'value' ? (outcome.value ?? []) : []);
    parts.secrets.onChange((name) => this.#mark('secret', name));
  }

  get generation(): number {
    return this.#parts.engine.revision;
  }

  list(type: XdsType): readonly string[] {
    if (type !== 'cluster' && type !== 'listener') return [];
    return this.#current.flatMap((part) => this.#parts.catalogues.of(part).list(type));
  }

  read(type: XdsType, name: string): Resource | undefined {
    if (type === 'secret') return this.#parts.secrets.read(name);
    return this.#catalogueOf(type, name)?.read(type, name);
  }

  subscribe(type: XdsType, name: string): void {
    if (type === 'secret') {
      this.#parts.secrets.subscribe(name);
      return;
    }
    this.#named.add(`${type} ${name}`);
    this.#catalogueOf(type, name)?.subscribe(type, name, this);
  }

  unsubscribe(type: XdsType, name: string): void {
    if (type === 'secret') {
      this.#parts.secrets.unsubscribe(name);
      return;
    }
    this.#named.delete(`${type} ${name}`);
    this.#catalogueOf(type, name)?.unsubscribe(type, name, this);
  }

  onChange(listener: (change: SourceChange) => void): void {
    this.#listener = listener;
  }

  close(): void {
    this.#detach(this.#current);
    this.#current = [];
    this.#partsDemand.release();
    this.#parts.secrets.close();
    this.#listener = undefined;
  }

  changed(type: MeshType, name: string): void {
    this.#mark(type, name);
  }

  /** Tells the stream what changed since the last flush. */
  flush(): void {
    if (this.#dirty.size === 0) return;
    const changed = [...this.#dirty.values()];
    this.#dirty.clear();
    this.#listener?.({ generation: this.generation, changed });
  }

  #mark(type: XdsType, name: string): void {
    this.#dirty.set(`${type} ${name}`, { type, name });
    this.#parts.onDirty(this);
  }

  #catalogueOf(type: MeshType, name: string): Catalogue | undefined {
    const part = partOf(this.#current, type, name);
    return part === undefined ? undefined : this.#parts.catalogues.of(part);
  }

  /** The proxy sees other parts now: what differs between the old and the new ones is marked by name. */
  #move(next: readonly Part[]): void {
    const before = this.#current;
    const kept = new Set(before.map((part) => canonicalJson(part)));
    if (next.length === before.length && next.every((part) => kept.has(canonicalJson(part)))) return;
    const names = (): readonly ResourceKey[] =>
      (['cluster', 'listener'] as const).flatMap((type) => this.list(type).map((name) => ({ type, name })));
    const old = names();
    // The new ones are followed before the old ones are let go, so that what both share stays computed.
    this.#attach(next);
    this.#detach(before.filter((part) => !next.some((other) => canonicalJson(other) === canonicalJson(part))));
    for (const { type, name } of [...old, ...names()]) this.#mark(type, name);
    for (const key of this.#named) this.#markNamed(key);
  }

  #markNamed(key: string): void {
    const space = key.indexOf(' ');
    this.#mark(key.slice(0, space) as MeshType, key.slice(space + 1));
  }

  #attach(parts: readonly Part[]): void {
    this.#current = parts;
    for (const part of parts) this.#parts.catalogues.of(part).attach(this);
    for (const key of this.#named) {
      const space = key.indexOf(' ');
      const [type, name] = [key.slice(0, space) as MeshType, key.slice(space + 1)];
      this.#catalogueOf(type, name)?.subscribe(type, name, this);
    }
  }

  #detach(parts: readonly Part[]): void {
    for (const part of parts) {
      this.#parts.catalogues.of(part).detach(this);
      this.#parts.catalogues.release(part);
    }
  }
}
