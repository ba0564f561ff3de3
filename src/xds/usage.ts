import type { Composite } from './composite.ts';

interface Use {
  count: number;
  /** The longest that any user wants the cluster to stay after it, in milliseconds. */
  drainMs: number;
  idleSinceMs: number;
}

/** Which clusters are in use on a proxy by listeners and routes that it holds or is about to, and which are leaving. */
export interface Usage {
  readonly uses: Map<string, Use>;
  /** Clusters that the view no longer has, and since when. */
  readonly leaving: Map<string, number>;
}

/** Nothing used. */
export function createUsage(): Usage {
  return { uses: new Map(), leaving: new Map() };
}

/** Counts what a listener or route uses, from when it is sent. */
export function retain(usage: Usage, composite: Composite): void {
  for (const [cluster, drainMs] of composite.uses) {
    const use = usage.uses.get(cluster);
    if (use === undefined) usage.uses.set(cluster, { count: 1, drainMs, idleSinceMs: 0 });
    else {
      use.drainMs = use.count === 0 ? drainMs : Math.max(use.drainMs, drainMs);
      use.count++;
    }
  }
}

/** Ends what `retain` began: the proxy acknowledged that it no longer has this listener or route. */
export function release(usage: Usage, composite: Composite, nowMs: number): void {
  for (const cluster of composite.uses.keys()) {
    const use = usage.uses.get(cluster);
    if (use === undefined) continue;
    use.count--;
    if (use.count === 0) use.idleSinceMs = nowMs;
  }
}

/** When a leaving cluster may be removed, not before `floorMs`; undefined while it is in use. */
export function removalMs(usage: Usage, cluster: string, floorMs: number, leastDrainMs: number): number | undefined {
  const use = usage.uses.get(cluster);
  const leftMs = Math.max(usage.leaving.get(cluster) ?? 0, floorMs);
  if (use === undefined) return leftMs + leastDrainMs;
  return use.count > 0 ? undefined : Math.max(leftMs, use.idleSinceMs) + Math.max(leastDrainMs, use.drainMs);
}

/** Forgets a cluster that was removed. */
export function forget(usage: Usage, cluster: string): void {
  usage.leaving.delete(cluster);
  if (usage.uses.get(cluster)?.count === 0) usage.uses.delete(cluster);
}
