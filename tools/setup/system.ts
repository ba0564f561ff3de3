import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { cacheFolder } from '../../src/local/envoy-binary.ts';
import { SetupError, type Step } from './step.ts';

/** The system's programs that the one-machine runtime starts, each with its Debian package; docs/dependencies.md says why. */
const packagesByTool: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  'iptables-restore': 'iptables',
  'ip6tables-restore': 'iptables',
  unshare: 'util-linux',
  nsenter: 'util-linux',
  setpriv: 'util-linux',
  mount: 'mount',
};

/** Where a system keeps programs for administrators; an ordinary user's PATH may lack them. */
const administratorFolders = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** Installs the system's tools when root on a system with apt-get, else names what is missing and the command. */
export function systemStep(): Step {
  return {
    name: 'system tools',
    progress: canInstall() ? `installing ${missingPackages().join(', ')} with apt-get` : '',
    lock: join(cacheFolder(), '.system-lock'),
    isDone: () => missingPackages().length === 0,
    run: async () => {
      const packages = missingPackages();
      const install = ['install', '-y', '--no-install-recommends', ...packages];
      if (!canInstall()) throw new SetupError(instruction(packages));
      // A list of packages that is missing or old fails at once, and only then is it worth the time to fetch it.
      if (aptGet(install) === undefined) return;
      const failed = aptGet(['update']) ?? aptGet(install);
      if (failed !== undefined) throw new SetupError(`${instruction(packages)}\napt-get said:\n${failed}`);
    },
  };
}

function canInstall(): boolean {
  return process.getuid?.() === 0 && isOnPath('apt-get');
}

function missingPackages(): readonly string[] {
  const missing = Object.entries(packagesByTool).filter(([tool]) => !isOnPath(tool));
  return [...new Set(missing.map(([, debianPackage]) => debianPackage))];
}

function isOnPath(tool: string): boolean {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...administratorFolders];
  return folders.some((folder) => folder !== '' && isExecutable(join(folder, tool)));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function instruction(packages: readonly string[]): string {
  const names = packages.join(' ');
  if (isOnPath('apt-get'))
    return `missing on this system: ${names}; install: sudo apt-get install -y --no-install-recommends ${names}`;
  return `missing on this system: ${names} (names of Debian's packages); install them with your package manager`;
}

/** Runs apt-get; undefined when it succeeded, else the end of what it said. */
function aptGet(args: readonly string[]): string | undefined {
  const result = spawnSync('apt-get', ['-o', 'DPkg::Lock::Timeout=300', '-qq', ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (result.status === 0) return undefined;
  return [result.error?.message, result.stdout, result.stderr].filter(Boolean).join('\n').trim().slice(-2_000);
}
