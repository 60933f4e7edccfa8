import { MayflyError } from '../errors.js'
import type { ActionContext } from './action.js'
import { print } from './streams.js'

/** `mayfly __complete` gives one candidate a line; `files` means those of the shell. */
const BASH = `# Bash completion for mayfly: source <(mayfly completion bash)
_mayfly() {
  local current=\${COMP_WORDS[COMP_CWORD]} words word
  COMPREPLY=()
  # Bash takes a colon for the end of a word; here it is in one: web:/etc
  words=("\${COMP_WORDS[@]:1:COMP_CWORD-1}")
  while IFS= read -r word; do
    if [[ $word == :files ]]; then
      compopt -o filenames -o default 2>/dev/null
      while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$current")
    else
      COMPREPLY+=("$word")
    fi
  done < <(mayfly __complete -- "\${words[@]}" "$current" 2>/dev/null)
}
complete -F _mayfly mayfly
`

const ZSH = `#compdef mayfly
# Zsh completion for mayfly: source <(mayfly completion zsh)
_mayfly() {
  local -a found
  found=("\${(@f)$(mayfly __complete -- "\${(@)words[2,CURRENT-1]}" "\${words[CURRENT]}" 2>/dev/null)}")
  if (( \${found[(Ie):files]} )); then
    found=("\${(@)found:#:files}")
    _files
  fi
  found=("\${(@)found:#}")
  (( \${#found} )) && compadd -a found
}
compdef _mayfly mayfly
`

const FISH = `# Fish completion for mayfly: mayfly completion fish | source
function __mayfly_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for word in (mayfly __complete -- $words[2..-1] "$current" 2>/dev/null)
        if test "$word" = ":files"
            __fish_complete_path "$current"
        else
            echo $word
        end
    end
end
complete -c mayfly -f -a '(__mayfly_complete)'
`

const SCRIPTS: Record<string, string> = { bash: BASH, zsh: ZSH, fish: FISH }

/** `mayfly completion` */
export async function completion(_: ActionContext, _options: object, [shell = '']: string[]): Promise<number> {
  const script = SCRIPTS[shell]
  if (script === undefined) {
    throw new MayflyError('MAYFLY_OPTION_INVALID', `there is no completion for ${JSON.stringify(shell)}`, {
      hint: `Shells: ${Object.keys(SCRIPTS).join(', ')}`,
    })
  }
  await print(script)
  return 0
}
