import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { runScript } from '../sandbox/run-tool.ts';
import { createAddressPool } from './address-pool.ts';

/** Where one pod stands in the network of the sandbox. */
export interface PodNamespaces {
  /** The pod's address, `10.44.x.y`. */
  readonly address: string;
  /** Name of its link in the sandbox's network. */
  readonly link: string;
  /** Folder that holds the namespaces as files: `net`, `uts`, `ipc`. */
  readonly folder: string;
}

/** The network of one machine's mesh: a bridge, and a namespace for each pod. */
export interface PodNetwork {
  /** Makes the namespaces of a pod; `hostname` is what the pod sees as its own name. Throws `tool-failed`, `addresses-exhausted`. */
  attach(id: string, hostname: string): Promise<PodNamespaces>;
  /** Removes them and gives the address back. All processes inside should be gone. */
  detach(namespaces: PodNamespaces): Promise<void>;
}

/** Address of the sandbox on the bridge: gateway, DNS server and the place that probes come from. */
export const gatewayAddress = '10.44.0.1';
/** The bridge's name inside the sandbox. */
export const bridgeName = 'mizzen0';
/** Addresses of pods. */
export const podRange = '10.44.0.0/16';
/** Addresses of services; what happens to them is decided by rules in the sandbox's own network namespace. */
export const serviceRange = '10.96.0.0/16';

/*
 * Pods get /32 addresses and reach each other through the sandbox's own network stack, never bridge port to bridge
 * port: an answer to a rewritten service address must pass the place that rewrote it, and whether bridged packets
 * do depends on a kernel module. Each pod has a route, so the address of a pod that is gone is unreachable at once where
 * asking for its link address would take three seconds. The bridge has a MAC of its own because it would otherwise take that of its lowest
 * port and change it when pods come and go.
 */
const bridgeScript = `
set -e
ip -batch - <<EOF
link set lo up
link add ${bridgeName} address 02:44:00:00:00:01 type bridge
EOF
for f in all default ${bridgeName}; do
  if [ -e /proc/sys/net/ipv6/conf/$f/disable_ipv6 ] && [ $f != all ]; then echo 1 > /proc/sys/net/ipv6/conf/$f/disable_ipv6; fi
  echo 0 > /proc/sys/net/ipv4/conf/$f/send_redirects
  echo 0 > /proc/sys/net/ipv4/conf/$f/rp_filter
done
echo 1 > /proc/sys/net/ipv4/ip_forward
ip -batch - <<EOF
addr add ${gatewayAddress}/32 dev ${bridgeName}
link set ${bridgeName} up
route add unreachable ${podRange}
route add ${serviceRange} dev ${bridgeName}
EOF
`;

/*
 * A device that is born after default/disable_ipv6 is set has no IPv6 address and no route, so every IPv6 destination
 * but ::1 is "unreachable" at once. Ports below 1024 are open to everybody inside, as container runtimes have it.
 */
const attachScript = `
set -e
folder=$1 name=$2 link=$3 address=$4 batch=$5
: > "$folder/net"; : > "$folder/uts"; : > "$folder/ipc"
unshare --net="$folder/net" --uts="$folder/uts" --ipc="$folder/ipc" sh -c '
  set -e
  hostname "$1"
  cd /proc/sys/net
  if [ -e ipv6/conf/default/disable_ipv6 ]; then echo 1 > ipv6/conf/default/disable_ipv6; fi
  echo 0 > ipv4/ip_unprivileged_port_start
  echo 0 > ipv4/conf/all/accept_redirects
  printf %s "$2" | ip -batch -
' sh "$name" "$batch"
ip -batch - <<EOF
link set $link master ${bridgeName} up
route add $address dev ${bridgeName}
EOF
`;

const detachScript = `
ip -force -batch - 2>/dev/null <<EOF
route del $3 dev ${bridgeName}
link del $2
EOF
for n in net uts ipc; do umount -n -l "$1/$n" 2>/dev/null; done
true
`;

/** Sets up the bridge in the network namespace of this process, which must be the sandbox's. `folder` lies on the sandbox's own tmpfs. */
export async function createPodNetwork(folder: string): Promise<PodNetwork> {
  const pool = createAddressPool('10.44');
  if (!existsSync(`/sys/class/net/${bridgeName}`)) await runScript('setting up the bridge', bridgeScript, []);

  async function detach(namespaces: PodNamespaces): Promise<void> {
    await runScript('removing a pod from the network', detachScript, [
      namespaces.folder,
      namespaces.link,
      namespaces.address,
    ]);
    await rm(namespaces.folder, { recursive: true, force: true });
    pool.release(namespaces.address);
  }

  async function attach(id: string, hostname: string): Promise<PodNamespaces> {
    const address = pool.take();
    const [, , high, low] = address.split('.');
    const namespaces: PodNamespaces = Object.freeze({
      address,
      link: `pod${high ?? ''}-${low ?? ''}`,
      folder: `${folder}/${id}`,
    });
    try {
      await mkdir(namespaces.folder, { recursive: true });
      await runScript(`setting up the network of ${id}`, attachScript, [
        namespaces.folder,
        // A host name has at most 63 characters; the kubelet cuts longer pod names as well.
        hostname.slice(0, 63).replace(/[.-]+$/u, ''),
        namespaces.link,
        address,
        podBatch(namespaces),
      ]);
    } catch (error) {
      await detach(namespaces);
      throw error;
    }
    return namespaces;
  }

  return { attach, detach };
}

/** What `ip -batch` does inside a pod's namespace; the far end of its link is made in the namespace of this process. */
function podBatch({ address, link }: PodNamespaces): string {
  return [
    'link set lo up',
    `link add eth0 type veth peer name ${link} netns ${String(process.pid)}`,
    `addr add ${address}/32 dev eth0`,
    'link set eth0 up',
    `route add ${gatewayAddress} dev eth0 scope link`,
    `route add default via ${gatewayAddress} dev eth0`,
    '',
  ].join('\n');
}
