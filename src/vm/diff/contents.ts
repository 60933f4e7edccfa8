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
  const output = await ask(look, "export QUOTING_STYLE=literal; xargs -0 stat -c '//%N'", paths)
  const lines = `\n${output}`.split('\n//').slice(1)
  const targets = new Map<string, string>()
  for (const path of paths) {
    // busybox quotes both names, GNU's was told not to.
    const starts = [`${path} -> `, `'${path}' -> '`]
    const line = lines.find((text) => starts.some((start) => text.startsWith(start)))
    if (line === undefined) continue
    const quoted = line.startsWith(starts[1]!)
    const rest = line.slice((quoted ? starts[1] : starts[0])!.length).replace(/\n$/, '')
    targets.set(path, quoted ? rest.slice(0, -1) : rest)
  }
  return targets
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
