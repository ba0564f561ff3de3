import type { Pod } from './spec.ts';

/** The files of /etc that a pod has of its own, as the kubelet writes them. */
export function hostFiles(pod: Pod, address: string, resolvConf: string): Readonly<Record<string, string>> {
  const hostname = pod.spec?.hostname ?? pod.metadata.name;
  const subdomain = pod.spec?.subdomain;
  const full =
    subdomain === undefined
      ? ''
      : `${hostname}.${subdomain}.${pod.metadata.namespace ?? 'default'}.svc.cluster.local\t`;
  const aliases = (pod.spec?.hostAliases ?? []).map((alias) => `${alias.ip}\t${(alias.hostnames ?? []).join('\t')}`);
  const hosts = [
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    `${address}\t${full}${hostname}`,
    ...aliases,
  ];
  return { hosts: `${hosts.join('\n')}\n`, hostname: `${hostname}\n`, 'resolv.conf': resolvConf };
}

/** The text of /etc/resolv.conf in a namespace, as the kubelet writes it for `dnsPolicy: ClusterFirst`. */
export function resolvConfOf(namespace: string, nameserver: string): string {
  return `nameserver ${nameserver}\nsearch ${namespace}.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n`;
}
