import { readFile } from 'node:fs/promises'
import { errnoOf } from '../errors.js'
import type { TestRecord } from '../evidence/test-record.js'

/** The record that a test's worker left, or, for people, why there is none. */
export async function readRecord(path: string): Promise<TestRecord | string> {
  try {
    const record = JSON.parse(await readFile(path, 'utf8')) as Partial<TestRecord> | null
    if (record?.version !== 1 || !Array.isArray(record.vms)) return 'The record of its machines is of another version.'
    return record as TestRecord
  } catch (error) {
    if (errnoOf(error) === 'ENOENT')
      return 'The record of its machines is not there: it was removed, or made on another host.'
    if (error instanceof SyntaxError) return 'The record of its machines is not whole: its worker may have died.'
    return `The record of its machines could not be read (${errnoOf(error) ?? error}).`
  }
}
