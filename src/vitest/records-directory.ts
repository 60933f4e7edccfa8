import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { RECORDS_ENV } from '../evidence/test-record.js'
import { isAlive, processStartTime } from '../host/process-table.js'
import { temporaryDirectory } from '../host/temporary-directory.js'
import { Date } from '../node-globals.js'

const NAME = /^mayfly-records-(\d+)-(\d+)-/
/** A younger one may belong to a process that cannot be seen from here, such as one in a container. */
const MINIMUM_AGE_MS = 24 * 3_600_000

/** Where workers leave what happened to their machines, until a reporter has read it. */
export class RecordsDirectory implements Disposable {
  readonly path: string
  // vitest ends the process at once on Ctrl-C; nothing but this runs then.
  readonly #remove = () => rmSync(this.path, { recursive: true, force: true })

  /** Workers that start from now on know of it. */
  constructor() {
    sweep()
    const owner = `${process.pid}-${processStartTime(process.pid) ?? 0}`
    this.path = mkdtempSync(join(temporaryDirectory(), `mayfly-records-${owner}-`))
    process.env[RECORDS_ENV] = this.path
    process.once('exit', this.#remove)
  }

  [Symbol.dispose](): void {
    process.off('exit', this.#remove)
    if (process.env[RECORDS_ENV] === this.path) delete process.env[RECORDS_ENV]
    this.#remove()
  }
}

/** Removes what runs have left that were killed. */
function sweep(): void {
  for (const name of readdirSync(temporaryDirectory())) {
    const [, pid, startTime] = NAME.exec(name) ?? []
    if (pid === undefined || isAlive(Number(pid), Number(startTime))) continue
    const path = join(temporaryDirectory(), name)
    try {
      if (Date.now() - statSync(path).mtimeMs > MINIMUM_AGE_MS) rmSync(path, { recursive: true, force: true })
    } catch {
      // Somebody else's.
    }
  }
}
