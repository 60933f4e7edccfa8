import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isError } from '../errors.js'
import type { QemuProcess } from '../qemu/process.js'
import { FILES } from './machine.js'
import type { Place } from './place.js'

/** What is left of a machine that did not come up, after its directory is gone. */
export interface Wreck {
  id: string
  console: string
  /** Undefined if none was started. */
  qemu: QemuProcess | undefined
}

/** By the error that tells of it: an error is what a launch gives to whoever has to explain it. */
const wrecks = new WeakMap<object, Wreck>()

/** Keeps what `place` holds until it is removed, for `wreckOf(error)`. */
export async function leaveWreck(error: Error, { id, directory }: Place, qemu: QemuProcess | undefined): Promise<void> {
  const console = await readFile(join(directory, FILES.console), 'utf8').catch(() => '')
  wrecks.set(error, { id, console, qemu })
}

/** What is left of the machine whose launch failed with `error`, or with what caused it. */
export function wreckOf(error: unknown): Wreck | undefined {
  for (let at = error; isError(at); at = at.cause) {
    const wreck = wrecks.get(at)
    if (wreck) return wreck
  }
  return undefined
}
