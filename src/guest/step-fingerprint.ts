import { createHash } from 'node:crypto'
import { lstat, readdir, readlink, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { MayflyError } from '../errors.js'
import { fileDigest } from '../image/file-digest.js'
import type { Step } from './steps.js'

/**
 * What decides a step's effect, as text: its own data, and what the file or directory holds that it copies, instead of where that lies.
 * Code is what its key says that it is.
 * @throws MayflyError MAYFLY_GUEST_INVALID when the file cannot be read.
 */
export async function stepFingerprint(step: Step): Promise<string> {
  if (step.kind === 'setup') return JSON.stringify({ kind: step.kind, key: step.key })
  if (step.kind !== 'file') return JSON.stringify(step)
  const { source, ...rest } = step
  try {
    // As upload() does it: `source` may be a link and is followed, those in a directory are copied.
    const stats = await stat(source)
    if (!stats.isDirectory()) {
      const mode = step.mode ?? stats.mode & 0o7777
      return JSON.stringify({ ...rest, mode, sha256: await fileDigest(source) })
    }
    const hash = createHash('sha256')
    for await (const line of describeTree(await realpath(source), '.', step.mode)) hash.update(`${line}\n`)
    return JSON.stringify({ ...rest, tree: hash.digest('hex') })
  } catch (error) {
    throw new MayflyError('MAYFLY_GUEST_INVALID', `a provision step's file cannot be read: ${source}`, {
      details: [String(error)],
      hint: 'Paths are resolved from the directory in which the step was defined to run.',
      cause: error,
    })
  }
}

/** A line for each entry, in an order that depends on the names alone. */
async function* describeTree(path: string, name: string, fileMode: number | undefined): AsyncGenerator<string> {
  const stats = await lstat(path)
  const mode = stats.mode & 0o7777
  if (stats.isDirectory()) {
    yield JSON.stringify(['directory', name, mode])
    for (const entry of (await readdir(path)).sort()) {
      yield* describeTree(join(path, entry), `${name}/${entry}`, fileMode)
    }
  } else if (stats.isSymbolicLink()) yield JSON.stringify(['link', name, await readlink(path)])
  else if (stats.isFile()) yield JSON.stringify(['file', name, fileMode ?? mode, await fileDigest(path)])
}
