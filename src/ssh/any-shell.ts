import { MayflyError } from '../errors.js'

/**
 * One word that reads back as exactly `word` in POSIX shells, zsh, fish and, if it has no line ends, csh. Inside single quotes
 * fish interprets backslashes and csh interprets `!`, so these stand outside of them.
 * @throws MayflyError MAYFLY_OPTION_INVALID if it holds a NUL, which no argument can.
 */
export function quoteForAnyShell(word: string): string {
  if (word.includes('\0')) {
    throw new MayflyError('MAYFLY_OPTION_INVALID', `an argument cannot hold a NUL byte: ${JSON.stringify(word)}`)
  }
  return `'${word.replaceAll(/['\\!]/g, (character) => `'\\${character}'`)}'`
}

/** Joins its arguments, the lines of a script. The third character of the default IFS is the line end, which csh cannot quote. */
const RUN_LINES =
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the shell's.
  'mayfly_n=${IFS#??}; mayfly=; for mayfly_l; do mayfly=$mayfly$mayfly_l$mayfly_n; done; set --; eval "$mayfly"'

/**
 * A command line that runs `script` in /bin/sh, whatever shell reads the line: a server has the login shell read it, after its
 * start-up files.
 * @param name what the script has as `$0`, which is in the command line of its process.
 */
export function scriptLine(script: string, name = 'mayfly'): string {
  return `exec /bin/sh -c ${[RUN_LINES, name, ...script.split('\n')].map(quoteForAnyShell).join(' ')}`
}

/**
 * Lines for a shell of any kind that only csh does not pass by: it runs `script` in /bin/sh instead of what follows. In double
 * quotes all others know `\"`, so that their first line is one quoted word.
 */
export function exceptInCsh(script: string): string {
  return [String.raw`: "\"; alias test true # "`, `test -z csh && ${scriptLine(script)}`].join('\n')
}

/** A line that ends csh. fish does not run anything of what it cannot parse, so that it needs no such line. */
export const EXIT_CSH = String.raw`: "\"; exec false # "`

/** Sets an environment variable to 1, in a shell of any kind, at no cost. */
export function exportForAnyShell(name: string): string {
  return [String.raw`: "\"; setenv ${name} 1; alias export : # "`, `export ${name}=1`].join('\n')
}
