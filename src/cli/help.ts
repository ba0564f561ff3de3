import type { Command, Options } from './command.ts';
import { commonOptions } from './parse-line.ts';
import { table } from './table.ts';

const columnSpaces = '  ';

/** Help of one command. */
export function commandHelp(program: string, command: Command): string {
  const { summary, description = '', aliases = [], examples } = command;
  const about = [...command.arguments, ...(command.rest === undefined ? [] : [command.rest])];
  return [
    `${summary}\n`,
    description === '' ? '' : `\n${description}\n`,
    `\nUsage:\n${columnSpaces}${program} ${usageOf(command)}\n`,
    aliases.length === 0 ? '' : `\nAlso called:\n${columnSpaces}${aliases.join(', ')}\n`,
    about.length === 0 ? '' : `\nArguments:\n${indented(about.map((each) => [each.name, each.text]))}`,
    `\nOptions:\n${indented(optionRows({ ...command.options, ...commonOptions }))}`,
    `\nExamples:\n${examples.map(({ line, text }) => `${columnSpaces}# ${text}\n${columnSpaces}${program} ${line}\n`).join('')}`,
  ].join('');
}

/** Help of the program as a whole. */
export function programHelp(program: string, commands: readonly Command[]): string {
  const shown = commands.filter((command) => command.hidden !== true);
  return [
    "Mizzen: a service mesh with Istio's API on stock Envoy.\n",
    `\nUsage:\n${columnSpaces}${program} COMMAND [OPTIONS]\n`,
    `\nCommands:\n${indented(shown.map(({ name, summary }) => [name, summary]))}`,
    '\nExamples:\n',
    ...[
      ['demo', 'see a mesh with traffic'],
      ['up my-folder', 'run the Kubernetes and Istio YAML of a folder'],
      ['status', 'look at what runs'],
      ['COMMAND --help', 'read about one command'],
    ].map(([line, text]) => `${columnSpaces}# ${text}\n${columnSpaces}${program} ${line}\n`),
    '\nExit codes: 0 all went well, 1 it failed, 2 the command line is wrong; exec gives the code of its command.\n',
    'Which mesh: --state FOLDER, else MIZZEN_STATE, else the only one that runs.\n',
  ].join('');
}

/** `logs NAME [OPTIONS]`. */
export function usageOf(command: Command): string {
  const words = command.arguments.map(({ name, optional }) => (optional === true ? `[${name}]` : name));
  const { rest } = command;
  const after = rest === undefined ? [] : [rest.optional === true ? `[-- ${rest.name}]` : `-- ${rest.name}`];
  return [command.name, ...words, '[OPTIONS]', ...after].join(' ');
}

function optionRows(options: Options): string[][] {
  return Object.entries(options)
    .filter(([, option]) => option.hidden !== true)
    .map(([name, { short, kind, value, text, choices }]) => {
      const placeholder = kind === 'flag' ? '' : ` ${value ?? choices?.join('|') ?? 'VALUE'}`;
      return [`${short === undefined ? '    ' : `-${short}, `}--${name}${placeholder}`, text];
    });
}

function indented(rows: readonly (readonly string[])[]): string {
  return table(rows.map(([first = '', ...others]) => [columnSpaces + first, ...others]));
}
