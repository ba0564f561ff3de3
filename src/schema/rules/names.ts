/** Rules for hosts, gateways, namespaces and sockets as Istio writes them. */
import { isIp } from '../kit/address.ts';
import { hostComplaint, isLabel, type Complaint } from '../kit/formats.ts';
import type { Report } from '../kit/node.ts';

/** Adds a complaint about a text to a report. */
export function complain(report: Report, path: string, text: string, complaint: Complaint): void {
  if (complaint !== undefined) report.error(path, `${JSON.stringify(text)} ${complaint.message}`, complaint.fix);
}

/** Complains about a host of a rule: a name, maybe with a wildcard in front, or an address. */
export function ruleHostComplaint(host: string): Complaint {
  return isIp(host) ? undefined : hostComplaint(host, true);
}

/** Checks `[namespace/]host` of a Gateway, or `namespace/host` of a Sidecar. */
export function checkScopedHost(text: string, path: string, report: Report, place: 'gateway' | 'sidecar'): void {
  const slash = text.indexOf('/');
  if (slash < 0) {
    if (place === 'sidecar')
      report.error(
        path,
        `${JSON.stringify(text)} has no namespace`,
        `write it as ./${text} for the own namespace, or */${text}`,
      );
    else complain(report, path, text, hostComplaint(text, true));
    return;
  }
  const namespace = text.slice(0, slash);
  const host = text.slice(slash + 1);
  const special = namespace === '*' || namespace === '.' || (place === 'sidecar' && namespace === '~');
  if (!special && !isLabel(namespace)) {
    report.error(
      path,
      `${JSON.stringify(namespace)} before the "/" is no namespace`,
      'write a name, "." for the own namespace or "*" for all',
    );
  }
  if (special && namespace === '~') {
    if (host !== '*') report.error(path, '"~" stands for no namespace and takes no host', 'write ~/*');
  } else if (host !== '*' && namespace !== '~') {
    complain(report, path, text, hostComplaint(host, true));
  }
}

/** Checks the names of gateways: `mesh`, a name, or `namespace/name`. */
export function checkGatewayNames(names: readonly string[], path: string, report: Report): void {
  for (const [i, name] of names.entries()) {
    const at = `${path}[${i}]`;
    const slash = name.indexOf('/');
    if (slash < 0) {
      complain(report, at, name, hostComplaint(name, false));
      const [gateway = '', namespace = ''] = name.split('.');
      if (namespace !== '')
        report.warning(
          at,
          `${JSON.stringify(name)} names the gateway in the old form`,
          `write ${namespace}/${gateway}`,
        );
      continue;
    }
    if (!isLabel(name.slice(0, slash)))
      report.error(at, `${JSON.stringify(name)}: what stands before the "/" is no namespace`, 'write namespace/name');
    if (!isLabel(name.slice(slash + 1)))
      report.error(
        at,
        `${JSON.stringify(name)}: what stands behind the "/" is no name of a gateway`,
        'write namespace/name',
      );
  }
}

/** An object whose `spec` says who sees it. */
export interface Exported {
  readonly metadata?: unknown;
  readonly spec: { readonly exportTo?: readonly string[] };
}

/** Checks `exportTo`; `~` (nobody) is for ServiceEntries only. */
export function checkExportTo({ metadata, spec }: Exported, report: Report, nobodyAllowed: boolean): void {
  const targets = spec.exportTo ?? [];
  const own = namespaceOf(metadata);
  const seen = new Set<string>();
  for (const [i, target] of targets.entries()) {
    const at = `spec.exportTo[${i}]`;
    const name = target === '.' && own !== '' ? own : target;
    if (seen.has(name)) report.error(at, `${JSON.stringify(target)} is there twice`);
    seen.add(name);
    if (target === '~' && !nobodyAllowed)
      report.error(at, '"~" (nobody) is for ServiceEntries only', 'write "." for the own namespace');
    else if (!['*', '.', '~'].includes(target) && !isLabel(target))
      report.error(
        at,
        `${JSON.stringify(target)} is no namespace`,
        'write a name, "." for the own namespace or "*" for all',
      );
  }
  for (const all of ['*', '~']) {
    if (targets.includes(all) && targets.length > 1)
      report.error(
        'spec.exportTo',
        `"${all}" stands alone: the other entries say something else`,
        `keep "${all}" or the others`,
      );
  }
}

/** Namespace in an object's metadata; empty where there is none. */
export function namespaceOf(metadata: unknown): string {
  if (typeof metadata !== 'object' || metadata === null || !('namespace' in metadata)) return '';
  return typeof metadata.namespace === 'string' ? metadata.namespace : '';
}

/** Name in an object's metadata; empty where there is none. */
export function nameOf(metadata: unknown): string {
  if (typeof metadata !== 'object' || metadata === null || !('name' in metadata)) return '';
  return typeof metadata.name === 'string' ? metadata.name : '';
}

/** Beginning of an address that is a unix socket. */
export const unixPrefix = 'unix://';

/** Complains about the path of a unix socket: absolute and no folder, or abstract (`@name`). */
export function unixComplaint(address: string): Complaint {
  const path = address.slice(unixPrefix.length);
  if (path === '') return { message: 'names no socket' };
  if (path.startsWith('@')) return undefined;
  if (!path.startsWith('/')) return { message: 'is no absolute path', fix: 'write it as unix:///path/to/socket' };
  return path.endsWith('/') ? { message: 'is a folder, not a socket', fix: 'take the last "/" away' } : undefined;
}

/** Warns about a selector that is there but selects by nothing. */
export function warnEmptySelector(
  labels: Readonly<Record<string, string>> | undefined,
  present: boolean,
  at: { readonly path: string; readonly report: Report },
): void {
  if (present && Object.keys(labels ?? {}).length === 0)
    at.report.warning(at.path, 'has no labels, so it selects every workload of the namespace');
}

/** True if every host that the first pattern names is one of the second's. `*.a.com` is part of `*.com`. */
export function isPartOf(host: string, pattern: string): boolean {
  if (pattern === '*' || host === pattern) return true;
  if (!pattern.startsWith('*')) return false;
  const suffix = pattern.slice(1);
  return host.startsWith('*') ? host.slice(1).endsWith(suffix) : host.endsWith(suffix);
}
