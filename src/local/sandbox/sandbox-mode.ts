import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { runTool, toolPath } from './run-tool.ts';
import { unshareOptions } from './sandbox-script.ts';

/** Whether and how this machine can hold a sandbox. */
export type SandboxMode =
  | { readonly kind: 'root' | 'user' }
  | {
      readonly kind: 'refused';
      /** What stands in the way. */
      readonly message: string;
      /** The one line that helps. */
      readonly fix: string;
    };

/** How an attempt to make the namespaces and what goes into them went. */
export interface Attempt {
  readonly ok: boolean;
  /** What the tools said; empty where it went well. */
  readonly said: string;
}

/** What is asked of the machine before a sandbox is entered. */
export interface SandboxFacts {
  /** As `process.platform` has it. */
  readonly platform: string;
  readonly uid: number;
  /** Tools that are not there. */
  readonly missingTools: readonly string[];
  /** The attempt as root; undefined where this process is not root. */
  readonly asRoot: Attempt | undefined;
  /** The attempt in a user namespace; undefined where the one as root went well. */
  readonly asUser: Attempt | undefined;
  /** The kernel's switches as their files have them; undefined where there is no such file. */
  readonly apparmorRestrictsUserNamespaces: string | undefined;
  readonly unprivilegedUserNamespaces: string | undefined;
  readonly mostUserNamespaces: string | undefined;
  /** True inside a container of Docker or Podman. */
  readonly isContainer: boolean;
  /** True where CAP_SYS_ADMIN is among the effective capabilities. */
  readonly hasSysAdmin: boolean;
}

/** Tools that the sandbox and its pods are made with, and the Debian package of each. */
export const sandboxTools: Readonly<Record<string, string>> = {
  unshare: 'util-linux',
  nsenter: 'util-linux',
  setpriv: 'util-linux',
  mount: 'mount',
  umount: 'mount',
  pivot_root: 'util-linux',
  hostname: 'hostname',
  mkfifo: 'coreutils',
  ip: 'iproute2',
  'iptables-restore': 'iptables',
};

/** What an attempt does: everything that a sandbox needs the kernel to allow, each step named where it fails. */
const attemptScript = `
step() { what=$1; shift; said=$("$@" 2>&1) || { echo "$what: $said"; exit 1; }; }
step 'a tmpfs' mount -n -t tmpfs mizzen /run
step 'a process file system' mount -n -t proc proc /proc
step 'the loopback link' ip link set lo up
step 'a bridge' ip link add mizzen0 type bridge
step 'a pair of links' ip link add v0 type veth peer name v1
step 'redirection' iptables-restore <<EOF
*nat
-A OUTPUT -p tcp -j REDIRECT --to-ports 15001
COMMIT
EOF
`;

/** Asks the machine, by trying. 30 ms where all is well. */
export async function readSandboxFacts(): Promise<SandboxFacts> {
  const uid = process.getuid?.() ?? -1;
  const missingTools = Object.keys(sandboxTools).filter((tool) => !isInstalled(tool));
  const canTry = process.platform === 'linux' && missingTools.length === 0;
  const asRoot = canTry && uid === 0 ? await tryNamespaces([]) : undefined;
  const asUser = canTry && asRoot?.ok !== true ? await tryNamespaces(['--user', '--map-root-user']) : undefined;
  return {
    platform: process.platform,
    uid,
    missingTools,
    asRoot,
    asUser,
    apparmorRestrictsUserNamespaces: readSwitch('/proc/sys/kernel/apparmor_restrict_unprivileged_userns'),
    unprivilegedUserNamespaces: readSwitch('/proc/sys/kernel/unprivileged_userns_clone'),
    mostUserNamespaces: readSwitch('/proc/sys/user/max_user_namespaces'),
    isContainer: existsSync('/.dockerenv') || existsSync('/run/.containerenv'),
    hasSysAdmin: hasSysAdmin(readSwitch('/proc/self/status') ?? ''),
  };
}

async function tryNamespaces(user: readonly string[]): Promise<Attempt> {
  const result = await runTool('unshare', [...user, ...unshareOptions, 'sh', '-c', attemptScript]);
  return { ok: result.code === 0, said: `${result.stdout}\n${result.stderr}`.trim().slice(0, 500) };
}

function isInstalled(tool: string): boolean {
  return toolPath()
    .split(':')
    .some((folder) => {
      try {
        accessSync(`${folder}/${tool}`, constants.X_OK);
        return true;
      } catch {
        // Not in this folder: the answer that was asked for.
        return false;
      }
    });
}

function readSwitch(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : undefined;
}

const sysAdminBit = 21n;

/** True where `/proc/PID/status` shows CAP_SYS_ADMIN as effective (capabilities(7)). */
export function hasSysAdmin(status: string): boolean {
  const mask = /^CapEff:\s*([0-9a-f]+)$/mu.exec(status)?.[1] ?? '0';
  return ((BigInt(`0x${mask}`) >> sysAdminBit) & 1n) === 1n;
}

/** Says how a sandbox can be entered, or why not and what helps. Pure. */
export function sandboxModeOf(facts: SandboxFacts): SandboxMode {
  if (facts.platform !== 'linux') {
    const where = facts.platform === 'darwin' ? 'macOS' : facts.platform;
    const fix =
      'use a Linux machine or a virtual one (on macOS: limactl start, then the same command in lima), or a Kubernetes cluster';
    return { kind: 'refused', message: `a mesh on one machine needs Linux namespaces, and this is ${where}`, fix };
  }
  if (facts.missingTools.length > 0) return missingTools(facts);
  if (facts.asRoot?.ok === true) return { kind: 'root' };
  if (facts.asUser?.ok === true) return { kind: 'user' };
  return refusal(facts);
}

function missingTools({ missingTools: tools, uid }: SandboxFacts): SandboxMode {
  const packages = [...new Set(tools.map((tool) => sandboxTools[tool] ?? tool))].toSorted().join(' ');
  return {
    kind: 'refused',
    message: `this machine lacks ${tools.join(', ')}`,
    fix: `${uid === 0 ? '' : 'sudo '}apt-get install -y ${packages}`,
  };
}

function refusal(facts: SandboxFacts): SandboxMode {
  const said =
    facts.asUser?.said === undefined || facts.asUser.said === '' ? (facts.asRoot?.said ?? '') : facts.asUser.said;
  const refused = (why: string, fix: string): SandboxMode => ({
    kind: 'refused',
    message: `${why}${said === '' ? '' : ` (${said.replaceAll('\n', '; ')})`}`,
    fix,
  });
  if (/^(?:a bridge|a pair of links|redirection): /u.test(said) && !/not permitted|permission denied/iu.test(said))
    return refused(
      'the kernel lacks a part that a mesh on one machine needs',
      'sudo modprobe -a bridge veth nf_tables nft_chain_nat xt_REDIRECT',
    );
  if (facts.isContainer) {
    const rights = facts.hasSysAdmin
      ? 'although it has CAP_SYS_ADMIN: a seccomp or AppArmor profile stands in the way'
      : 'as Docker does by default (seccomp, no CAP_SYS_ADMIN)';
    return refused(
      `this container may not make namespaces, ${rights}`,
      'docker run --privileged …, or --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined as a user',
    );
  }
  if (facts.uid === 0 && !facts.hasSysAdmin)
    return refused(
      'root may not make namespaces here: it has no CAP_SYS_ADMIN',
      'start this with CAP_SYS_ADMIN and CAP_NET_ADMIN',
    );
  if (facts.mostUserNamespaces === '0')
    return refused(
      'the kernel allows no user namespaces (user.max_user_namespaces is 0)',
      'sudo sysctl -w user.max_user_namespaces=15000',
    );
  if (facts.unprivilegedUserNamespaces === '0')
    return refused(
      'the kernel allows user namespaces to root alone (kernel.unprivileged_userns_clone is 0)',
      'sudo sysctl -w kernel.unprivileged_userns_clone=1',
    );
  if (facts.apparmorRestrictsUserNamespaces === '1') {
    return refused(
      'AppArmor keeps user namespaces from ordinary users, as Ubuntu has it since 23.10 (kernel.apparmor_restrict_unprivileged_userns is 1)',
      'sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or run this as root',
    );
  }
  const fix =
    facts.uid === 0
      ? 'check that the kernel has mount, network, process and IPC namespaces'
      : 'run this as root (sudo)';
  return refused('the namespaces that a mesh on one machine needs cannot be made', fix);
}

/** Asks the machine how a sandbox can be entered. */
export async function sandboxMode(facts?: SandboxFacts): Promise<SandboxMode> {
  return sandboxModeOf(facts ?? (await readSandboxFacts()));
}
