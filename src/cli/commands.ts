/** The list of commands. Each is loaded when it is asked for, so that a small one starts as fast as Node does. */
import type { Command } from './command.ts';

type Load = () => Promise<Command>;

/** By name, in the order of help. */
const loaders: Readonly<Record<string, Load>> = {
  up: async () => (await import('./commands/up.ts')).up,
  demo: async () => (await import('./commands/demo.ts')).demo,
  status: async () => (await import('./commands/status.ts')).status,
  down: async () => (await import('./commands/down.ts')).down,
  logs: async () => (await import('./commands/logs.ts')).logs,
  exec: async () => (await import('./commands/exec.ts')).exec,
  get: async () => (await import('./commands/get.ts')).get,
  apply: async () => (await import('./commands/apply.ts')).apply,
  delete: async () => (await import('./commands/delete.ts')).deleteCommand,
  validate: async () => (await import('./commands/validate.ts')).validate,
  'explain-api': async () => (await import('./commands/explain-api.ts')).explainApi,
  version: async () => (await import('./commands/version.ts')).version,
  completion: async () => (await import('./commands/completion.ts')).completion,
};

/** Other names of commands; each command says its own too, and a test compares the two. */
const aliases: Readonly<Record<string, string>> = { v: 'validate' };

/** Names that a user may type, aliases left out. */
export const commandNames: readonly string[] = Object.keys(loaders);

/** The command of a name or alias; undefined for none. */
export async function loadCommand(name: string): Promise<Command | undefined> {
  const real = Object.hasOwn(aliases, name) ? (aliases[name] ?? name) : name;
  return Object.hasOwn(loaders, real) ? loaders[real]?.() : undefined;
}

/** Every command, for help. */
export async function loadAllCommands(): Promise<readonly Command[]> {
  return Promise.all(Object.values(loaders).map((load) => load()));
}
