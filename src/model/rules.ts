/** Which VirtualService and which DestinationRule a client applies to a host. */
import { defineQuery, type Read } from '../base/engine/index.ts';
import type { DestinationRule, VirtualService } from '../schema/index.ts';
import type { ObjectRef } from '../schema/object.ts';
import { overlaps, patternsFor } from './host.ts';
import { fullHosts, meshRoutesByHost, rulesByHost } from './inputs.ts';
import { meshSettings } from './settings.ts';
import { scopeOf, type HostInView, type View } from './view.ts';
import { byAge, isVisible, selects } from './visibility.ts';

/** The VirtualService that a view applies to a host: by the most specific of its hosts, the oldest of several. */
export const routeRuleFor = defineQuery<HostInView, VirtualService | undefined>('route rule', (read, key) => {
  for (const pattern of patternsFor(key.host)) {
    const found = read.cell(meshRoutesByHost, pattern).filter((rule) => appliesTo(read, key.view, rule));
    const oldest = found.toSorted(byAge)[0];
    if (oldest !== undefined) return oldest;
  }
  return undefined;
});

/** Hosts that VirtualServices of a view name, sorted; a service may stand behind them or not. */
export const routedHosts = defineQuery<View, readonly string[]>('routed hosts', (read, view) =>
  read.cells(meshRoutesByHost).filter((host) => read.get(isRouted, { view, host })),
);

const isRouted = defineQuery<HostInView, boolean>('is routed', (read, { view, host }) =>
  read.cell(meshRoutesByHost, host).some((rule) => appliesTo(read, view, rule)),
);

function appliesTo(read: Read, view: View, rule: VirtualService): boolean {
  const namespace = rule.metadata.namespace ?? '';
  const exportTo = rule.spec?.exportTo ?? read.get(meshSettings, '').virtualServiceExportTo;
  if (!isVisible(exportTo, namespace, view.namespace)) return false;
  const { egress } = read.get(scopeOf, view);
  // Unlike a service, a rule for `*.com` is seen by whoever imports `a.com` (Istio).
  const imports = (host: string): boolean =>
    egress?.some((each) => (each.namespace === '*' || each.namespace === namespace) && overlaps(each.host, host)) ??
    true;
  return fullHosts(rule).some(imports);
}

type RuleSpec = NonNullable<DestinationRule['spec']>;
/** Client-side policy of a DestinationRule or a subset. */
export type TrafficPolicy = NonNullable<RuleSpec['trafficPolicy']>;
/** A named subset of a service's endpoints. */
export type Subset = NonNullable<RuleSpec['subsets']>[number];

/** DestinationRules of one host, merged: the oldest one's policy, everybody's subsets. */
export interface MergedRule {
  readonly trafficPolicy: TrafficPolicy | undefined;
  readonly subsets: readonly Subset[];
  readonly namespace: string;
  readonly sources: readonly ObjectRef[];
}

/** Names a host of a service for a client. */
export interface RuleKey {
  readonly [key: string]: string | View;
  readonly view: View;
  readonly host: string;
  /** Namespace of the service. */
  readonly namespace: string;
}

/**
 * The DestinationRule that a client applies to a host: the client's namespace first, then the service's, then the root
 * namespace; in each the most specific host. Rules of one host and namespace are merged.
 */
export const destinationRuleFor = defineQuery<RuleKey, MergedRule | undefined>('destination rule', (read, key) => {
  const { rootNamespace } = read.get(meshSettings, '');
  for (const namespace of new Set([key.view.namespace, key.namespace, rootNamespace])) {
    for (const pattern of patternsFor(key.host)) {
      const rules = read
        .cell(rulesByHost, pattern)
        .filter((rule) => rule.metadata.namespace === namespace && ruleApplies(read, key.view, rule));
      if (rules.length > 0) return merge(rules, namespace);
    }
  }
  return undefined;
});

function ruleApplies(read: Read, view: View, rule: DestinationRule): boolean {
  const namespace = rule.metadata.namespace ?? '';
  const selector = rule.spec?.workloadSelector?.matchLabels;
  // A rule with a selector is its namespace's own affair (Istio).
  if (selector !== undefined) return namespace === view.namespace && selects(selector, view.labels);
  return isVisible(
    rule.spec?.exportTo ?? read.get(meshSettings, '').destinationRuleExportTo,
    namespace,
    view.namespace,
  );
}

function merge(rules: readonly DestinationRule[], namespace: string): MergedRule {
  const sorted = rules.toSorted(
    (a, b) =>
      Number(b.spec?.workloadSelector !== undefined) - Number(a.spec?.workloadSelector !== undefined) || byAge(a, b),
  );
  const subsets = new Map<string, Subset>();
  for (const subset of sorted.flatMap((rule) => rule.spec?.subsets ?? [])) {
    if (!subsets.has(subset.name)) subsets.set(subset.name, subset);
  }
  return {
    trafficPolicy: sorted.find((rule) => rule.spec?.trafficPolicy !== undefined)?.spec?.trafficPolicy,
    subsets: [...subsets.values()],
    namespace,
    sources: sorted.map((rule) => ({ kind: 'DestinationRule', namespace, name: rule.metadata.name })),
  };
}
