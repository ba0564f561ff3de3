import { defineCommand } from '../command.ts';
import { unknownWord } from '../usage-error.ts';

/** The function of a shell must be a plain word. */
const functionName = (program: string): string => `_${program.replaceAll(/\W/gu, '_')}_complete`;

const scripts: Readonly<Record<string, (program: string) => string>> = {
  bash: (program) => `# ${program} completion for bash: source <(${program} completion bash)
${functionName(program)}() {
  local word
  COMPREPLY=()
  while IFS= read -r word; do
    COMPREPLY+=("$word")
  done < <(${program} __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F ${functionName(program)} ${program}
`,
  zsh: (program) => `#compdef ${program}
# ${program} completion for zsh: source <(${program} completion zsh)
${functionName(program)}() {
  local -a words_found
  words_found=("\${(@f)$(${program} __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "\${words_found[1]}" ]]; then
    compadd -Q -- "\${words_found[@]}"
  else
    _files
  fi
}
compdef ${functionName(program)} ${program}
`,
  fish: (program) => `# ${program} completion for fish: ${program} completion fish | source
function ${functionName(program)}
    set -l words (commandline -opc) (commandline -ct)
    ${program} __complete -- $words[2..-1] 2>/dev/null
end
complete -c ${program} -a '(${functionName(program)})'
`,
};

/** Words at the press of a key. */
export const completion = defineCommand({
  name: 'completion',
  summary: 'Print a script that completes commands, options, kinds and pods in a shell',
  examples: [
    { line: 'completion bash > ~/.local/share/bash-completion/completions/mizzen', text: 'for bash' },
    { line: 'completion zsh > ~/.zfunc/_mizzen', text: 'for zsh' },
    { line: 'completion fish > ~/.config/fish/completions/mizzen.fish', text: 'for fish' },
  ],
  arguments: [{ name: 'SHELL', text: 'bash, zsh or fish', offers: Object.keys(scripts) }],
  options: {},
  async run(context, { args: [shell = ''] }) {
    const script = Object.hasOwn(scripts, shell) ? scripts[shell] : undefined;
    if (script === undefined) throw unknownWord('shell', shell, Object.keys(scripts));
    context.out(script(context.program));
    return 0;
  },
});
