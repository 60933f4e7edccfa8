import { join } from 'node:path'
import { setTimeout } from '../node-globals.js'
import { findContentDamage } from './file-content.js'
import { type DirectoryContents, distrust } from './verified-files.js'

/** Long enough for the machine that was asked for to be handed out first. */
const DELAY_MS = 1000

/** A directory of the cache that this process uses. */
export interface CheckedDirectory {
  /** For people. */
  name: string
  directory: string
  contents: DirectoryContents
}

let checked = false

/**
 * Compares one random chunk of one random file, once per process, some time after its first launch: 4 MiB, in a few ms. It finds what no time and no size
 * tells, such as a disk that loses bits. The directory is compared as a whole when it is used next.
 * @param note told what was found.
 */
export function checkSomeChunkLater(find: () => Promise<CheckedDirectory[]>, note: (line: string) => void): void {
  if (checked) return
  checked = true
  const timer = setTimeout(() => {
    find()
      .then((directories) => checkSomeChunk(directories, note))
      // What cannot be read is found when it is used.
      .catch(() => {})
  }, DELAY_MS)
  timer.unref()
}

/** @param random from 0 to less than 1. */
export async function checkSomeChunk(
  directories: readonly CheckedDirectory[],
  note: (line: string) => void,
  random = Math.random(),
): Promise<void> {
  const chunks = directories.flatMap(({ contents, ...of }) =>
    Object.entries(contents).flatMap(([name, content]) =>
      // Zeros in a hole are not on any disk.
      [...content.chunks.keys()]
        .filter((index) => content.chunks[index] !== '0')
        .map((index) => ({ ...of, file: name, content, index })),
    ),
  )
  const chosen = chunks[Math.floor(random * chunks.length)]
  if (!chosen) return
  const { name, directory, file, content, index } = chosen
  const damage = await findContentDamage(join(directory, file), file, content, index)
  if (damage === undefined) return
  await distrust(directory)
  note(`${name} is damaged, and is made again when it is used next: ${damage}`)
}
