import type { Chains, RuleSet } from './service-rules.ts';

/** Where the kernel's own chains lead to ours. */
const jumps = {
  nat: ['-A PREROUTING -j MIZZEN-PREROUTING', '-A OUTPUT -j MIZZEN-SERVICES', '-A POSTROUTING -j MIZZEN-POSTROUTING'],
  filter: ['-A FORWARD -j MIZZEN-FORWARD', '-A OUTPUT -j MIZZEN-OUTPUT'],
} as const;

/**
 * The input of `iptables-restore --noflush` that leads from the rules before to these, each table at once: our chains are
 * emptied and filled, those that are not used any more go, and everything else in the tables stays. `before` is undefined
 * the first time, when the kernel's chains have to be joined with ours.
 */
export function restoreText(rules: RuleSet, before: RuleSet | undefined): string {
  return (['nat', 'filter'] as const).map((table) => tableText(table, rules[table], before?.[table])).join('');
}

function tableText(table: 'nat' | 'filter', chains: Chains, before: Chains | undefined): string {
  const stale = [...(before?.keys() ?? [])].filter((name) => !chains.has(name));
  const lines = [
    `*${table}`,
    ...[...chains.keys(), ...stale].map((name) => `:${name} - [0:0]`),
    ...(before === undefined ? jumps[table] : []),
    ...[...chains].flatMap(([name, rules]) => rules.map((rule) => `-A ${name} ${rule}`)),
    ...stale.map((name) => `-X ${name}`),
    'COMMIT',
  ];
  return `${lines.join('\n')}\n`;
}
