import type { ExecOptions, ExecResult } from '../../ssh/exec.js'

/** Runs a script in one of the machines that are compared. */
export type Look = (script: string, options?: Pick<ExecOptions, 'stdin'>) => Promise<ExecResult<Buffer>>

/** SHA-256 of regular files, by path; without those that have gone meanwhile. Paths are of one byte per character. */
export async function digestsOf(look: Look, paths: readonly string[]): Promise<Map<string, string>> {
  if (paths.length === 0) return new Map()
  const output = await ask(look, 'xargs -0 sha256sum', paths)
  const digests = new Map<string, string>()
  let at = 0
  for (const path of paths) {
    // GNU's begins a line with a backslash where it escapes the name; busybox's knows nothing of that.
    const escaped = path.replace(/[\\\n\r]/g, (character) => ({ '\\': '\\\\', '\n': '\\n', '\r': '\\r' })[character]!)
    const digest = output
      .slice(at, at + 65)
      .replace('\\', '')
      .slice(0, 64)
    const line = [`${digest}  ${path}\n`, `\\${digest}  ${escaped}\n`].find((text) => output.startsWith(text, at))
    if (line === undefined || !/^[0-9a-f]{64}$/.test(digest)) continue
    digests.set(path, digest)
    at += line.length
  }
  return digests
}

/** Where symlinks point, by path. */
export async function targetsOf(look: Look, paths: readonly string[]): Promise<Map<string, string>> {
  if (paths.length === 0) return new Map()
  const output = `\n${await ask(look, "export QUOTING_STYLE=literal; xargs -0 stat -c '//%N'", paths)}`
  // In the order of the paths, without those that have gone. busybox quotes both names, GNU's was told not to.
  const starts = output.startsWith("\n//'")
    ? paths.map((path) => `\n//'${path}' -> '`)
    : paths.map((path) => `\n//${path} -> `)
  const end = output.startsWith("\n//'") ? "'\n" : '\n'
  const targets = new Map<string, string>()
  let at = 0
  for (const [index, start] of starts.entries()) {
    if (!output.startsWith(start, at)) continue
    const next = firstOf(output, starts, index + 1, at + start.length)
    targets.set(paths[index]!, output.slice(at + start.length, next + 1 - end.length))
    at = next
  }
  return targets
}

/** Where the first of `starts` from `index` on that is in a text begins; where its last line ends if none is. */
function firstOf(text: string, starts: readonly string[], index: number, from: number): number {
  for (let next = index; next < starts.length; next++) {
    const place = text.indexOf(starts[next]!, from)
    if (place >= 0) return place
  }
  return text.length - 1
}

/** The beginnings of files, up to `limit` bytes, by path. */
export async function beginningsOf(look: Look, paths: readonly string[], limit: number): Promise<Map<string, Buffer>> {
  if (paths.length === 0) return new Map()
  const each = `for path; do head -c ${limit} "$path" | base64 | tr -d '\\n'; echo; done`
  const lines = (await ask(look, `xargs -0 sh -c '${each.replaceAll("'", `'\\''`)}' sh`, paths)).split('\n')
  return new Map(paths.map((path, index) => [path, Buffer.from(lines[index] ?? '', 'base64')]))
}

async function ask(look: Look, script: string, paths: readonly string[]): Promise<string> {
  const stdin = Buffer.from(paths.map((path) => `${path}\0`).join(''), 'latin1')
  return (await look(`export LC_ALL=C; ${script}`, { stdin })).stdout.toString('latin1')
}
