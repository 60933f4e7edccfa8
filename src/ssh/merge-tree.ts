import { constants } from 'node:fs'
import { chmod, copyFile, lstat, mkdir, readdir, readlink, rename, rm, symlink, utimes } from 'node:fs/promises'
import { errnoOf } from '../errors.js'
import { bytesOf, shown } from './local-tree.js'

/**
 * Moves what is in the directory `from` into the directory `to`, entry by entry. Directories of both are merged, other
 * entries replace what is there. A symlink or a file where `from` has a directory is refused before anything is moved,
 * so nothing is ever written through a link. Paths are bytes in latin1 strings.
 * @returns the directories that were there already, relative to `to`.
 * @throws Error EEXIST, EISDIR and what the file system reports.
 */
export async function mergeTree(from: string, to: string): Promise<Set<string>> {
  const merged = await findMerged(from, to)
  await moveEntries(from, to, '', merged)
  return merged
}

async function findMerged(from: string, to: string, below = '', merged = new Set<string>()): Promise<Set<string>> {
  for (const { path, isDirectory } of await entriesOf(from, below)) {
    const existing = await lstat(bytesOf(`${to}/${path}`)).catch((error) => {
      if (errnoOf(error) === 'ENOENT') return undefined
      throw error
    })
    if (!existing) continue
    if (existing.isDirectory() !== isDirectory) throw conflict(`${to}/${path}`, isDirectory)
    if (!isDirectory) continue
    merged.add(path)
    await findMerged(from, to, `${path}/`, merged)
  }
  return merged
}

async function moveEntries(from: string, to: string, below: string, merged: ReadonlySet<string>): Promise<void> {
  for (const { path, isDirectory } of await entriesOf(from, below)) {
    if (merged.has(path)) await moveEntries(from, to, `${path}/`, merged)
    else await moveEntry(`${from}/${path}`, `${to}/${path}`, isDirectory)
  }
}

/** `rename` follows no link, and fails if a directory would take the place of something else. */
async function moveEntry(from: string, to: string, isDirectory: boolean): Promise<void> {
  try {
    await rename(bytesOf(from), bytesOf(to))
  } catch (error) {
    if (errnoOf(error) !== 'EXDEV') throw error
    // Below a mount point of the target, which is on another file system.
    if (!isDirectory) await rm(bytesOf(to), { force: true })
    await copyNew(from, to)
  }
}

/** Copies what is at `from` to `to`, where nothing is. */
async function copyNew(from: string, to: string): Promise<void> {
  const [source, target] = [bytesOf(from), bytesOf(to)]
  const stats = await lstat(source)
  if (stats.isSymbolicLink()) return await symlink(await readlink(source, { encoding: 'buffer' }), target)
  if (stats.isDirectory()) {
    await mkdir(target, 0o700)
    for (const { path } of await entriesOf(from, '')) await copyNew(`${from}/${path}`, `${to}/${path}`)
  } else {
    await copyFile(source, target, constants.COPYFILE_EXCL)
    await utimes(target, stats.atime, stats.mtime)
  }
  await chmod(target, stats.mode & 0o7777)
}

async function entriesOf(root: string, below: string): Promise<{ path: string; isDirectory: boolean }[]> {
  const entries = await readdir(bytesOf(`${root}/${below}`), { withFileTypes: true, encoding: 'buffer' })
  return entries.map((entry) => ({ path: below + entry.name.toString('latin1'), isDirectory: entry.isDirectory() }))
}

function conflict(path: string, isDirectory: boolean): NodeJS.ErrnoException {
  const [code, what] = isDirectory
    ? ['EEXIST', 'the guest has a directory where there is a file or a link']
    : ['EISDIR', 'there is a directory where the guest has a file or a link']
  return Object.assign(new Error(`${what}: ${shown(path)}`), { code })
}
