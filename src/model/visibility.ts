/** Who may see an object: `exportTo` of Istio's kinds. */
import { byText } from '../base/order.ts';

/** True if an object of `namespace` with this `exportTo` is visible in `viewer`. `.` is its own namespace, `~` nobody. */
export function isVisible(exportTo: readonly string[], namespace: string, viewer: string): boolean {
  return exportTo.some((target) => target === '*' || target === viewer || (target === '.' && namespace === viewer));
}

/** True if every label of `selector` is on the workload. An empty selector selects everything. */
export function selects(
  selector: Readonly<Record<string, string>> | undefined,
  labels: Readonly<Record<string, string>>,
): boolean {
  return selector === undefined || Object.entries(selector).every(([key, value]) => labels[key] === value);
}

/** Oldest first; equally old ones by namespace and name. Istio gives the older of two conflicting objects the right. */
export function byAge(a: Dated, b: Dated): number {
  const [x, y] = [a.metadata, b.metadata];
  return (
    byText(x.creationTimestamp ?? '', y.creationTimestamp ?? '') ||
    byText(x.name, y.name) ||
    byText(x.namespace ?? '', y.namespace ?? '')
  );
}

interface Dated {
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly creationTimestamp?: string };
}
