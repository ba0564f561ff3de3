/** What a mesh could leave behind on a machine, taken before and after to be compared. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A machine at one moment, by subject; each entry stands for itself. */
export type Machine = Readonly<
  Record<'processes' | 'namespaces' | 'links' | 'rules' | 'mounts' | 'files', ReadonlySet<string>>
>;

/** Looks at the machine. Subjects that this user may not see are empty both times. */
export function readMachine(): Machine {
  const processes = readProcesses();
  return {
    processes: new Set(processes.map(({ pid, command }) => `${pid} ${command}`)),
    namespaces: new Set(processes.flatMap(({ namespaces }) => namespaces)),
    links: linesOf('ip', ['-o', 'link']),
    rules: new Set(
      [...linesOf('iptables-save', []), ...linesOf('ip6tables-save', [])]
        .filter((line) => !line.startsWith('#'))
        .map(withoutCounters),
    ),
    mounts: mountPoints(),
    files: new Set(
      [...readdirSync(tmpdir()), ...readdirSync('/run'), ...readdirSync('/dev/shm')].filter(
        (name) => name.includes('mizzen') || name.includes('envoy'),
      ),
    ),
  };
}

/** What is there after and was not before, as lines to read. */
export function leftBehind(
  before: Machine,
  after: Machine,
  isOurs: (subject: keyof Machine, entry: string) => boolean,
): readonly string[] {
  return (Object.keys(after) as (keyof Machine)[]).flatMap((subject) =>
    [...after[subject]]
      .filter((entry) => !before[subject].has(entry) && isOurs(subject, entry))
      .map((entry) => `${subject}: ${entry}`),
  );
}

interface Process {
  readonly pid: string;
  readonly command: string;
  readonly namespaces: readonly string[];
}

function readProcesses(): readonly Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/u.test(name))
    .flatMap((pid) => {
      try {
        const command = readFileSync(join('/proc', pid, 'cmdline'), 'utf8')
          .replaceAll('\0', ' ')
          .trim();
        return command === '' ? [] : [{ pid, command, namespaces: namespacesOf(pid) }];
      } catch {
        // It ended while we looked.
        return [];
      }
    });
}

function namespacesOf(pid: string): readonly string[] {
  try {
    return ['net', 'mnt', 'pid', 'user', 'uts', 'ipc'].map((kind) => readlinkSync(join('/proc', pid, 'ns', kind)));
  } catch {
    // Another user's process; its namespaces are not ours to see.
    return [];
  }
}

function linesOf(command: string, args: readonly string[]): ReadonlySet<string> {
  const result = spawnSync(command, args, { encoding: 'utf8' });
  return new Set(result.status === 0 ? result.stdout.split('\n').filter((line) => line !== '') : []);
}

function withoutCounters(line: string): string {
  return line.replace(/\[\d+:\d+\]/u, '');
}

function mountPoints(): ReadonlySet<string> {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return new Set(lines.flatMap((line) => line.split(' ')[4] ?? []));
}
