/** What a command is: data that help, completion and the parser read, and one function. */
import type { Context } from './context.ts';

/** An option. A `flag` has no value; `texts` may be given several times. */
export interface Option {
  readonly kind: 'flag' | 'text' | 'texts' | 'number';
  /** One letter. */
  readonly short?: string;
  /** What stands for the value in help: `NAME`. */
  readonly value?: string;
  /** One line, lower case, with the default where there is one. */
  readonly text: string;
  readonly choices?: readonly string[];
  /** Works, and is not shown. */
  readonly hidden?: boolean;
}

/** Options by their long names. */
export type Options = Readonly<Record<string, Option>>;

type ValueOf<O extends Option> = O['kind'] extends 'flag'
  ? boolean
  : O['kind'] extends 'texts'
    ? readonly string[]
    : (O['kind'] extends 'number' ? number : string) | undefined;

/** Values by the options' names: false, undefined or an empty list for what was not given. */
export type Values<O extends Options> = { readonly [Name in keyof O]: ValueOf<O[Name]> };

/** What completion may offer in an argument's place. */
export type Offers = 'kind' | 'command' | 'pod' | 'folder' | readonly string[];

/** An argument by its place. */
export interface Argument {
  /** As help shows it: `NAME`. */
  readonly name: string;
  readonly text: string;
  readonly optional?: boolean;
  readonly offers?: Offers;
}

/** A command line of a command, taken apart. */
export interface Parsed<O extends Options = Options> {
  readonly options: Values<O>;
  /** As many as the command has arguments, or fewer by the optional ones. */
  readonly args: readonly string[];
  /** What stood after `--`; undefined where there was no `--`. */
  readonly rest: readonly string[] | undefined;
}

/** A line to try, and what it does. */
export interface Example {
  /** Without the program's name. */
  readonly line: string;
  readonly text: string;
}

/** A command. */
export interface Command<O extends Options = Options> {
  readonly name: string;
  readonly aliases?: readonly string[];
  /** One line for the list of commands. */
  readonly summary: string;
  /** What is to be known before it is used; empty where the summary says it all. */
  readonly description?: string;
  readonly examples: readonly Example[];
  readonly arguments: readonly Argument[];
  /** What stands after `--`; absent where the command takes nothing there. */
  readonly rest?: Argument;
  readonly options: O;
  /** Not in help or completion. */
  readonly hidden?: boolean;
  /** Resolves with the exit code. Throws `MizzenError` for what the user can mend; anything else is a bug. */
  run(context: Context, parsed: Parsed<O>): Promise<number>;
}

/** Gives a command its type: the values that `run` gets follow from the options. */
export function defineCommand<const O extends Options>(command: Command<O>): Command<O> {
  return Object.freeze(command);
}
