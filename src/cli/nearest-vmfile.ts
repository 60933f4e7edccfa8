import { existsSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

export const VMFILE = 'VMFile.kdl'

/** Path of the VMFile of the current directory, or of the nearest above it that has one. */
export function nearestVmFile(): string | undefined {
  for (let directory = resolve(''); ; directory = dirname(directory)) {
    const path = join(directory, VMFILE)
    if (existsSync(path)) return relative('', path)
    if (dirname(directory) === directory) return undefined
  }
}
