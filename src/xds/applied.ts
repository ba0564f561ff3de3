import type { XdsType } from '../proto/resource.ts';
import { keyOf, type ResourceKey } from './source.ts';

interface Pending {
  /** The first generation whose content of this name the proxy has not acknowledged. */
  first: number;
  /** The newest generation that changed this name. */
  latest: number;
}

/** Which names keep a proxy from having applied which generations. */
export interface Applied {
  readonly pending: Map<string, Pending>;
  /** Acknowledged, but what they must warm with is not: name and the generation that was read. */
  readonly warming: Map<string, ResourceKey & { readonly generation: number }>;
}

/** Nothing pending. */
export function createApplied(): Applied {
  return { pending: new Map(), warming: new Map() };
}

/** A name changed in `generation`; `sinceStart` where the proxy is not known to have had any form of it. */
export function touch(applied: Applied, key: ResourceKey, generation: number): void {
  const id = keyOf(key.type, key.name);
  const pending = applied.pending.get(id);
  if (pending === undefined) applied.pending.set(id, { first: generation, latest: generation });
  else pending.latest = Math.max(pending.latest, generation);
}

/** The proxy has the content that was read of this name at `generation`, warm. */
export function settle(applied: Applied, key: ResourceKey, generation: number): void {
  const id = keyOf(key.type, key.name);
  applied.warming.delete(id);
  const pending = applied.pending.get(id);
  if (pending === undefined) return;
  if (pending.latest <= generation) applied.pending.delete(id);
  else pending.first = Math.max(pending.first, generation + 1);
}

/** The view no longer has this name, or the proxy no longer asks for it. */
export function drop(applied: Applied, type: XdsType, name: string): void {
  applied.pending.delete(keyOf(type, name));
  applied.warming.delete(keyOf(type, name));
}

/** The newest generation of which everything is applied, given that the view is at `generation`; 0 for none. */
export function appliedGeneration(applied: Applied, generation: number): number {
  let least = generation;
  for (const pending of applied.pending.values()) least = Math.min(least, pending.first - 1);
  return Math.max(0, least);
}
