import type { Resource, XdsType } from '../proto/resource.ts';

/** A resource by type and name. */
export interface ResourceKey {
  readonly type: XdsType;
  readonly name: string;
}

/** What one revision changed for a source: names whose resource is another one now, appeared or is gone. */
export interface SourceChange {
  readonly generation: number;
  readonly changed: readonly ResourceKey[];
}

/**
 * What one proxy sees of the mesh. All answers belong to one revision, `generation`. A change is told in the same turn
 * in which it becomes visible, before any other call: a stream never sees parts of two revisions.
 */
export interface ResourceSource {
  /** Names the proxy in status: `pod.namespace`. */
  readonly proxy: string;
  readonly generation: number;
  /** All names of a type that the proxy takes whole (clusters and listeners). */
  list(type: XdsType): readonly string[];
  /**
   * The resource, computed when need be: the answer is final for this revision, `undefined` means that the view has no
   * such resource. The same object as long as it is the same content, however many proxies read it.
   */
  read(type: XdsType, name: string): Resource | undefined;
  /** Demands a resource that is asked for by name (endpoints, routes, secrets). */
  subscribe(type: XdsType, name: string): void;
  unsubscribe(type: XdsType, name: string): void;
  onChange(listener: (change: SourceChange) => void): void;
  close(): void;
}

/** The part of a source that the gate reads. */
export type GateSource = Pick<ResourceSource, 'generation' | 'list' | 'read' | 'subscribe' | 'unsubscribe'>;

/** All types, in the order in which what is new must reach a proxy: what is used before what uses it. */
export const typeOrder: readonly XdsType[] = Object.freeze(['cluster', 'endpoint', 'secret', 'listener', 'route']);

/** Types that a proxy takes whole, by an empty list of names or `*`. */
export function isListType(type: XdsType): boolean {
  return type === 'cluster' || type === 'listener';
}

/** One key of a map over types and names; names hold no control characters. */
export function keyOf(type: XdsType, name: string): string {
  return `${type}\n${name}`;
}
