/** What the parts of a DestinationRule must satisfy. */
import { memberPath } from '../kit/path.ts';
import { isIp } from '../kit/address.ts';
import { hostComplaint } from '../kit/formats.ts';
import type { Report } from '../kit/node.ts';
import { complain, namespaceOf, warnEmptySelector } from './names.ts';

/** Checks the hash of a load balancer. */
export function checkConsistentHash(
  hash: {
    readonly minimumRingSize?: number;
    readonly ringHash?: object;
    readonly maglev?: { readonly tableSize?: number };
  },
  report: Report,
): void {
  const { minimumRingSize = 0, ringHash, maglev } = hash;
  if (minimumRingSize !== 0) {
    if (ringHash !== undefined || maglev !== undefined)
      report.error('minimumRingSize', 'excludes ringHash and maglev', 'use ringHash.minimumRingSize');
    else report.warning('minimumRingSize', 'is the old form', 'use ringHash.minimumRingSize');
  }
  if (maglev === undefined) return;
  const { tableSize = 65_537 } = maglev;
  if (tableSize === 0 || tableSize >= 5_000_011) report.error('maglev.tableSize', 'must be 1 to 5,000,010');
  else if (!isPrime(tableSize))
    report.error('maglev.tableSize', `${tableSize} is no prime`, 'use a prime such as 65537');
}

function isPrime(value: number): boolean {
  if (value < 4) return value > 0;
  if (value % 2 === 0) return false;
  for (let factor = 3; factor * factor <= value; factor += 2) if (value % factor === 0) return false;
  return true;
}

/** What the rules of locality settings look at. */
export interface Locality {
  readonly distribute?: readonly { readonly from?: string; readonly to?: Readonly<Record<string, number>> }[];
  readonly failover?: readonly { readonly from?: string; readonly to?: string }[];
  readonly failoverPriority?: readonly string[];
}

/** Checks locality weights and failover. */
export function checkLocality(locality: Locality, report: Report): void {
  const { distribute = [], failover = [], failoverPriority = [] } = locality;
  if (distribute.length > 0 && (failover.length > 0 || failoverPriority.length > 0))
    report.error('distribute', 'excludes failover and failoverPriority', 'keep one of them');
  const sources = distribute.map(({ from = '' }) => from);
  checkOverlaps(sources, (i) => `distribute[${i}].from`, report);
  for (const [i, { from = '', to = {} }] of distribute.entries()) {
    checkLocalityName(from, `distribute[${i}].from`, report);
    const targets = Object.keys(to);
    for (const target of targets) checkLocalityName(target, memberPath(`distribute[${i}].to`, target), report);
    checkOverlaps(targets, () => `distribute[${i}].to`, report);
    const sum = Object.values(to).reduce((total, weight) => total + weight, 0);
    if (Object.values(to).includes(0))
      report.error(`distribute[${i}].to`, 'has a weight of 0', 'leave that locality out');
    if (sum !== 100) report.error(`distribute[${i}].to`, `has weights whose sum is ${sum}`, 'make the sum 100');
  }
  for (const [i, { from = '', to = '' }] of failover.entries()) {
    if (from === to)
      report.error(`failover[${i}]`, `goes from ${JSON.stringify(from)} to itself`, 'name another region');
    for (const [name, region] of [
      ['from', from],
      ['to', to],
    ] as const) {
      if (region.includes('*') || region.includes('/'))
        report.error(
          `failover[${i}].${name}`,
          `${JSON.stringify(region)} is no region`,
          'name the region without zone or wildcard',
        );
    }
  }
}

function checkLocalityName(name: string, at: string, report: Report): void {
  const parts = name.split('/');
  if (name === '' || parts.includes(''))
    report.error(at, 'has an empty part', 'write region/zone/subzone, or region/*');
  else if (parts.slice(0, -1).some((part) => part.includes('*')) || (parts.at(-1) !== '*' && name.includes('*')))
    report.error(at, `${JSON.stringify(name)} has a wildcard that is not its end`, 'write region/*');
}

function checkOverlaps(names: readonly string[], at: (i: number) => string, report: Report): void {
  for (const [i, name] of names.entries()) {
    const same = names.find((other, j) => j < i && (covers(other, name) || covers(name, other)));
    if (same !== undefined)
      report.error(at(i), `${JSON.stringify(name)} and ${JSON.stringify(same)} overlap`, 'keep one of them');
  }
}

function covers(pattern: string, name: string): boolean {
  return pattern === name || pattern === '*' || (pattern.endsWith('/*') && name.startsWith(pattern.slice(0, -1)));
}

/** Fields of which a policy needs one at least. */
export interface Policy {
  readonly loadBalancer?: { readonly localityLbSetting?: Locality };
  readonly connectionPool?: object;
  readonly outlierDetection?: object;
  readonly tls?: object;
  readonly portLevelSettings?: readonly (Policy & { readonly port?: { readonly number?: number } })[];
  readonly tunnel?: { readonly targetHost: string };
  readonly proxyProtocol?: object;
  readonly retryBudget?: object;
}

/** Checks a traffic policy. */
export function checkTrafficPolicy(policy: Policy, report: Report): void {
  if (Object.values(policy).every((value) => value === undefined))
    report.error('', 'says nothing', 'set loadBalancer, connectionPool, outlierDetection or tls');
  if (policy.tunnel !== undefined && policy.proxyProtocol !== undefined)
    report.error('proxyProtocol', 'excludes tunnel', 'take one of them away');
  const host = policy.tunnel?.targetHost ?? '';
  if (host !== '' && !isIp(host)) complain(report, 'tunnel.targetHost', host, hostComplaint(host, false));
  warnFailover(policy, 'loadBalancer', report);
  const ports = new Set<number>();
  for (const [i, { port, ...rest }] of (policy.portLevelSettings ?? []).entries()) {
    const at = `portLevelSettings[${i}]`;
    const number = port?.number;
    if (number === undefined)
      report.error(`${at}.port`, 'is missing: port that the policy is for', 'write port: {number: 80}');
    else if (ports.has(number))
      report.warning(`${at}.port.number`, `${number} has a policy already, which is the one that counts`);
    if (number !== undefined) ports.add(number);
    if (Object.values(rest).every((value) => value === undefined))
      report.error(at, 'says nothing', 'set loadBalancer, connectionPool, outlierDetection or tls');
    warnFailover(rest, `${at}.loadBalancer`, report);
  }
}

function warnFailover({ loadBalancer, outlierDetection }: Policy, at: string, report: Report): void {
  const { failover = [], failoverPriority = [] } = loadBalancer?.localityLbSetting ?? {};
  if ((failover.length > 0 || failoverPriority.length > 0) && outlierDetection === undefined) {
    report.warning(
      `${at}.localityLbSetting`,
      'fails over only where endpoints are found to be unhealthy',
      'add outlierDetection',
    );
  }
}

/** Checks limits of a connection pool. */
export function checkConnectionPool(
  pool: {
    readonly tcp?: object;
    readonly http?: { readonly h2UpgradePolicy?: string; readonly useClientProtocol?: boolean };
  },
  report: Report,
): void {
  if (pool.tcp === undefined && pool.http === undefined) report.error('', 'says nothing', 'set tcp or http');
  if (pool.http?.h2UpgradePolicy === 'UPGRADE' && pool.http.useClientProtocol === true)
    report.error('http.useClientProtocol', 'excludes h2UpgradePolicy: UPGRADE', 'keep one of them');
}

/** Checks when endpoints are left out. */
export function checkOutlierDetection(
  outlier: {
    readonly consecutiveErrors?: number;
    readonly splitExternalLocalOriginErrors?: boolean;
    readonly consecutiveLocalOriginFailures?: number;
  },
  report: Report,
): void {
  if ((outlier.consecutiveErrors ?? 0) !== 0)
    report.warning('consecutiveErrors', 'is the old form', 'use consecutive5xxErrors or consecutiveGatewayErrors');
  if ((outlier.consecutiveLocalOriginFailures ?? 0) > 0 && outlier.splitExternalLocalOriginErrors !== true) {
    report.error(
      'consecutiveLocalOriginFailures',
      'counts only where connection failures are counted apart',
      'set splitExternalLocalOriginErrors: true',
    );
  }
}

/** Checks a DestinationRule as a whole. */
export function checkDestinationRule(
  object: {
    readonly metadata?: unknown;
    readonly spec: {
      readonly subsets?: readonly { readonly name: string }[];
      readonly exportTo?: readonly string[];
      readonly workloadSelector?: { readonly matchLabels?: Readonly<Record<string, string>> };
    };
  },
  report: Report,
): void {
  const { subsets = [], exportTo = [], workloadSelector } = object.spec;
  const names = new Set<string>();
  for (const [i, { name }] of subsets.entries()) {
    if (names.has(name))
      report.error(
        `spec.subsets[${i}].name`,
        `${JSON.stringify(name)} is the name of another subset`,
        'give it another name',
      );
    names.add(name);
  }
  warnEmptySelector(workloadSelector?.matchLabels, workloadSelector !== undefined, {
    path: 'spec.workloadSelector',
    report,
  });
  const own = namespaceOf(object.metadata);
  if (workloadSelector !== undefined && exportTo.some((target) => target !== '.' && (own === '' || target !== own))) {
    report.error(
      'spec.exportTo',
      'goes beyond the own namespace, which a rule with a workloadSelector must not',
      'write ["."]',
    );
  }
}
