import { readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { MayflyError } from '../errors.js'
import { MOST_PPM_BYTES, type Picture, parsePpm } from './picture.js'
import type { QmpClient } from './qmp.js'

let dumps = 0

/** What the screen of a machine shows now, whether its processors run or not; QEMU writes it to a file of `directory` on the way. */
export async function screendump(qmp: QmpClient, directory: string, deadlineMs: number): Promise<Picture> {
  const filename = join(directory, `screen-${++dumps}.ppm`)
  try {
    await qmp.execute('screendump', { filename }, deadlineMs)
    const { size } = await stat(filename)
    if (size > MOST_PPM_BYTES) {
      throw new MayflyError('MAYFLY_OUTPUT_TOO_LARGE', `the screen takes ${size} bytes, more than ${MOST_PPM_BYTES}`)
    }
    return parsePpm(await readFile(filename))
  } finally {
    await rm(filename, { force: true })
  }
}
