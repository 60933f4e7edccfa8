import { MayflyError } from '../errors.js'
import { quote, quoteArgv } from './quote.js'

export interface RemoteCommandOptions {
  /** Directory to run in; relative ones start at the user's home. */
  cwd?: string | undefined
  /** Variables added to the environment. */
  env?: Readonly<Record<string, string | undefined>> | undefined
  /** Who runs it: by sudo, else by su. A command of another user is read by /bin/sh, others by the login shell. */
  user?: string | undefined
}

/** The exit status for "there is no way to become that user"; sh itself uses it for a missing command. */
export const CANNOT_SWITCH_USER = 'mayfly: cannot switch user: neither sudo nor (as root) su is available'

/** dropbear drops the connection above 9,000 bytes (its MAX_CMD_LEN). */
const LONGEST_LINE_BYTES = 8_000

/** A command as it goes over the wire. */
export interface WireCommand {
  line: string
  /** Goes before the command's own standard input. */
  stdinPrefix: Buffer | undefined
}

/** Long commands travel as standard input and are read from there by exactly their length, so that the rest stays. */
export function toWire(text: string, marker: string | undefined): WireCommand {
  const bytes = Buffer.from(text)
  if (bytes.length <= LONGEST_LINE_BYTES) return { line: text, stdinPrefix: undefined }
  const size = bytes.length
  const read = `{ dd bs=${size} count=1 iflag=fullblock || dd bs=1 count=${size}; } 2>/dev/null`
  const mark = marker === undefined ? '' : `export ${marker}=1; `
  return { line: `${mark}eval "$(${read})"`, stdinPrefix: bytes }
}

/** What a shell does itself, or only in it, in any of bash, dash and busybox. */
const OF_THE_SHELL = new Set(
  `. : [ alias bg bind break builtin caller case cd chdir command compgen complete continue coproc declare dirs disown echo
  enable eval exec exit export false fc fg for function getopts hash help history if jobs kill let local logout mapfile
  popd printf pushd pwd read readarray readonly return select set shift shopt source suspend test time times trap true
  type typeset ulimit umask unalias unset until wait while`.split(/\s+/),
)

/**
 * A command for a shell that has been started already. One that is nothing but a program takes the shell's place, as it
 * does where the shell is started with it: then a signal that ends the program is told as such.
 */
export function inPlace(command: string | readonly string[]): string {
  if (typeof command !== 'string') return `exec ${quoteArgv(command)}`
  const program = /^\s*([\w./-]+)(?:\s[^;&|()`\n]*)?$/.exec(command)?.[1]
  return program === undefined || OF_THE_SHELL.has(program) ? command : `exec ${command}`
}

/**
 * The text the guest's shell gets. Without options it is the command itself: nothing is added to what need not be there.
 * @param marker an environment variable that the command and its children carry, by which they are found again.
 */
export function remoteCommand(
  command: string | readonly string[],
  loginUser: string,
  options: RemoteCommandOptions,
  marker?: string,
): string {
  const line = typeof command === 'string' ? command : quoteArgv(command)
  if (line.includes('\0')) throw new MayflyError('MAYFLY_OPTION_INVALID', 'a command cannot hold a NUL byte')
  const { cwd, env = {}, user } = options
  const script: string[] = []
  if (marker !== undefined) script.push(`export ${marker}=1`)
  if (cwd !== undefined) script.push(`cd ${quote(cwd.startsWith('/') ? cwd : `./${cwd}`)} || exit`)
  for (const [name, value] of Object.entries(env)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      throw new MayflyError('MAYFLY_OPTION_INVALID', `env: not a variable name: ${JSON.stringify(name)}`)
    }
    if (value !== undefined) script.push(`export ${name}=${quote(value)}`)
  }
  script.push(line)
  const text = script.join('\n')
  return user === undefined || user === loginUser ? text : asUser(user, text)
}

function asUser(user: string, script: string): string {
  const name = quote(user)
  const text = quote(script)
  return [
    `if command -v sudo >/dev/null 2>&1; then exec sudo -n -H -u ${name} -- /bin/sh -c ${text}`,
    `elif [ "$(id -u)" = 0 ]; then exec su -s /bin/sh -c ${text} ${name}`,
    `else echo ${quote(CANNOT_SWITCH_USER)} >&2; exit 127; fi`,
  ].join('\n')
}
