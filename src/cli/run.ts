import { MizzenError } from '../base/error.ts';
import type { Command } from './command.ts';
import { commandNames, loadAllCommands, loadCommand } from './commands.ts';
import type { Context } from './context.ts';
import { commandHelp, programHelp } from './help.ts';
import { parseLine } from './parse-line.ts';
import { styleFor } from './style.ts';
import { unknownWord } from './usage-error.ts';

/**
 * Runs a command line (without the program's name) and resolves with the exit code: 0 all went well, 1 it failed, 2 the
 * line is wrong. Never rejects.
 */
export async function run(argv: readonly string[], context: Context): Promise<number> {
  const [first = '', ...words] = argv;
  try {
    if (first === '' || first === 'help' || first === '--help' || first === '-h')
      return await help(words[0], first, context);
    if (first === '--version') return await runCommand('version', [], context);
    return await runCommand(first, words, context);
  } catch (error) {
    return tell(error, first, context);
  }
}

async function help(name: string | undefined, asked: string, context: Context): Promise<number> {
  if (asked === 'help' && name !== undefined) return runCommand(name, ['--help'], context);
  const text = programHelp(context.program, await loadAllCommands());
  if (asked !== '') context.out(text);
  else context.err(text);
  return asked === '' ? 2 : 0;
}

/** What shells ask; it knows the commands, so it is none of their list. */
async function loadComplete(): Promise<Command> {
  return (await import('./complete.ts')).complete;
}

async function runCommand(name: string, words: readonly string[], context: Context): Promise<number> {
  const command = name === '__complete' ? await loadComplete() : await loadCommand(name);
  if (command === undefined) throw unknownWord(name.startsWith('-') ? 'option' : 'command', name, commandNames);
  const line = parseLine(command, words);
  if (line.kind === 'run') return command.run(context, line.parsed);
  context.out(commandHelp(context.program, command));
  return 0;
}

/** Says what went wrong, in one form for all commands, and gives the exit code. */
function tell(error: unknown, name: string, context: Context): number {
  const { err, env, program } = context;
  const style = styleFor(context.isTerminal.err, env);
  const debug = env['MIZZEN_DEBUG'] === '1';
  if (!(error instanceof MizzenError)) {
    const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    err(`${style.red('bug:')} ${program} ${name} failed in a way that nobody foresaw: ${what}\n`);
    err(debug ? `${stackOf(error)}\n` : '  fix: report it with what MIZZEN_DEBUG=1 shows\n');
    return 1;
  }
  err(`${style.red('error:')} ${error.message}\n`);
  if (error.fix !== undefined) err(`  fix: ${error.fix}\n`);
  if (debug) err(`${stackOf(error)}\n`);
  if (error.code !== 'usage') return 1;
  const known = commandNames.includes(name);
  err(`  see: ${program} ${known ? `${name} ` : ''}--help\n`);
  return 2;
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `\ncaused by ${stackOf(error.cause)}`;
  return `${error.stack ?? String(error)}${cause}`;
}
