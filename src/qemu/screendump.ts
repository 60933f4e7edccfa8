import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Picture, parsePpm } from './picture.js'
import type { QmpClient } from './qmp.js'

let dumps = 0

/** What the screen of a machine shows now, whether its processors run or not; QEMU writes it to a file of `directory` on the way. */
export async function screendump(qmp: QmpClient, directory: string, deadlineMs: number): Promise<Picture> {
  const filename = join(directory, `screen-${++dumps}.ppm`)
  try {
    await qmp.execute('screendump', { filename }, deadlineMs)
    return parsePpm(await readFile(filename))
  } finally {
    await rm(filename, { force: true })
  }
}
