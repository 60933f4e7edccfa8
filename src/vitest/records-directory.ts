import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RECORDS_ENV } from '../evidence/test-record.js'

/** Where workers leave what happened to their machines, until a reporter has read it. */
export class RecordsDirectory implements Disposable {
  readonly #path: string
  // vitest ends the process at once on Ctrl-C; nothing but this runs then.
  readonly #remove = () => rmSync(this.#path, { recursive: true, force: true })

  /** Workers that start from now on know of it. */
  constructor() {
    this.#path = mkdtempSync(join(tmpdir(), 'mayfly-records-'))
    process.env[RECORDS_ENV] = this.#path
    process.once('exit', this.#remove)
  }

  [Symbol.dispose](): void {
    process.off('exit', this.#remove)
    if (process.env[RECORDS_ENV] === this.#path) delete process.env[RECORDS_ENV]
    this.#remove()
  }
}
