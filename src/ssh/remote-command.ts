import { MayflyError } from '../errors.js'
import { exceptInCsh, exportForAnyShell, quoteForAnyShell, scriptLine } from './any-shell.js'
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
  stdinPrefix?: Buffer
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
 * The text for a POSIX shell that waits for a command. Without options it is the command itself: nothing is added to what
 * need not be there.
 * @param marker an environment variable that the command and its children carry, by which they are found again.
 */
export function remoteCommand(
  command: string | readonly string[],
  loginUser: string,
  options: RemoteCommandOptions,
  marker?: string,
): string {
  const { user } = options
  const text = [...preparation(options, marker), lineOf(command)].join('\n')
  return user === undefined || user === loginUser ? text : asUser(user, text)
}

/** A command as a server gets it, for a login shell of any kind. */
export function wireCommand(
  command: string | readonly string[],
  loginUser: string,
  options: RemoteCommandOptions,
  marker?: string,
): WireCommand {
  const { user, cwd, env } = options
  if (user !== undefined && user !== loginUser) return wireScript(lineOf(command), options, marker)
  const lines = preparation(options, marker)
  const isText = typeof command === 'string'
  const line = isText ? lineOf(command) : quoteArgvForAnyShell(command)
  const forCsh = [...lines, isText ? `exec "$SHELL" -c ${quote(line)}` : quoteArgv(command)].join('\n')
  const isPlain = cwd === undefined && Object.keys(env ?? {}).length === 0 && (isText || !line.includes('\n'))
  const text = isPlain
    ? [...(marker === undefined ? [] : [exportForAnyShell(marker)]), line]
    : [exceptInCsh(forCsh), ...lines, line]
  const whole = text.join('\n')
  if (Buffer.byteLength(whole) <= LONGEST_LINE_BYTES) return { line: whole }
  if (!isText) return wireScript([...lines, quoteArgv(command)].join('\n'), {}, marker)
  return longCommand(lines.join('\n'), line, marker)
}

/**
 * A script for /bin/sh as a server gets it, for a login shell of any kind.
 * @param opening a short line that runs before any input is read.
 */
export function wireScript(
  script: string,
  options: RemoteCommandOptions,
  marker?: string,
  opening: string = ':',
): WireCommand {
  const whole = [...preparation(options, marker), script].join('\n')
  const { user } = options
  const inShell = (text: string) => scriptLine(user === undefined ? text : asUser(user, text), marker)
  const line = inShell(`${opening}\n${whole}`)
  if (Buffer.byteLength(line) <= LONGEST_LINE_BYTES) return { line }
  const stdinPrefix = Buffer.from(whole)
  return { line: inShell(`${opening}; eval "$(${readBytes(stdinPrefix.length)})"`), stdinPrefix }
}

/** A long command goes as standard input to the login shell, which must be told how to read it in its own language. */
function longCommand(lines: string, command: string, marker: string | undefined): WireCommand {
  const [first, second] = [Buffer.from(lines), Buffer.from(command)]
  const read = readBytes(second.length)
  const script = [
    `eval "$(${readBytes(first.length)})"`,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the shell's.
    'case ${SHELL##*/} in',
    `*csh) exec "$SHELL" -c "$(${read})";;`,
    `fish) exec "$SHELL" -c ${quote(`eval (/bin/sh -c ${quoteForAnyShell(read)} | string collect)`)};;`,
    `*) exec "\${SHELL:-/bin/sh}" -c ${quote(`eval "$(${read})"`)};;`,
    'esac',
  ]
  return { line: scriptLine(script.join('\n'), marker), stdinPrefix: Buffer.concat([first, second]) }
}

/** Exactly so many bytes of the standard input: the rest stays for the command. */
function readBytes(size: number): string {
  if (size === 0) return ':'
  return `{ dd bs=${size} count=1 iflag=fullblock || dd bs=1 count=${size}; } 2>/dev/null`
}

/** What comes before a command, for any shell but csh. */
function preparation({ cwd, env = {} }: RemoteCommandOptions, marker: string | undefined): string[] {
  const lines: string[] = []
  if (marker !== undefined) lines.push(`export ${marker}=1`)
  if (cwd !== undefined) lines.push(`cd ${quoteForAnyShell(cwd.startsWith('/') ? cwd : `./${cwd}`)} || exit`)
  for (const [name, value] of Object.entries(env)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      throw new MayflyError('MAYFLY_OPTION_INVALID', `env: not a variable name: ${JSON.stringify(name)}`)
    }
    if (value !== undefined) lines.push(`export ${name}=${quoteForAnyShell(value)}`)
  }
  return lines
}

function lineOf(command: string | readonly string[]): string {
  const line = typeof command === 'string' ? command : quoteArgv(command)
  if (line.includes('\0')) throw new MayflyError('MAYFLY_OPTION_INVALID', 'a command cannot hold a NUL byte')
  return line
}

function quoteArgvForAnyShell(words: readonly string[]): string {
  if (words.length === 0) throw new MayflyError('MAYFLY_OPTION_INVALID', 'the command is an empty list')
  return words.map(quoteForAnyShell).join(' ')
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
