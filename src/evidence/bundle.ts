import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { shownPlain } from '../shown-text.js'

/** Where a bundle grows, beside the one that it is to replace. */
const PARTIAL = '.partial-'

/**
 * Makes a folder that is there as a whole or not at all, in place of one that may be there already.
 * @param fill gets a directory to put everything into.
 */
export async function publishBundle(target: string, fill: (staging: string) => Promise<void>): Promise<void> {
  const parent = dirname(target)
  const prefix = `.${basename(target)}${PARTIAL}`
  await mkdir(parent, { recursive: true })
  // What a worker that was killed has left of the same test.
  const dead = (await readdir(parent)).filter((name) => name.startsWith(prefix))
  await Promise.all(dead.map((name) => rm(join(parent, name), { recursive: true, force: true })))
  const staging = join(parent, `${prefix}${randomBytes(4).toString('hex')}`)
  await mkdir(staging)
  try {
    await fill(staging)
    await rm(target, { recursive: true, force: true })
    await rename(staging, target)
  } catch (error) {
    await rm(staging, { recursive: true, force: true })
    throw error
  }
}

/** A file of a bundle and its content, in folders that are made as needed. Text may be a guest's: it is written as it may be shown. */
export async function writeInto(directory: string, name: string, content: string | Uint8Array): Promise<void> {
  const path = join(directory, name)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, typeof content === 'string' ? shownPlain(content) : content)
}

/** `.mayfly` keeps itself out of version control: nobody has to be told. */
export async function ignoreInGit(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true })
  await writeFile(join(directory, '.gitignore'), '*\n', { flag: 'wx' }).catch(() => {})
}
