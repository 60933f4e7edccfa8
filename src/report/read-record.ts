import { readFile } from 'node:fs/promises'
import { errnoOf } from '../errors.js'
import type { TestRecord, VmHistory } from '../evidence/test-record.js'

const NOT_WHOLE = 'The record of its machines is not whole: its worker may have died.'

/** The record that a test's worker left, or, for people, why there is none. */
export async function readRecord(path: string): Promise<TestRecord | string> {
  try {
    const record = JSON.parse(await readFile(path, 'utf8')) as Partial<TestRecord> | null
    if (record?.version !== 1) return 'The record of its machines is of another version.'
    if (!Array.isArray(record.vms) || !record.vms.every(isHistory)) return NOT_WHOLE
    return record as TestRecord
  } catch (error) {
    if (errnoOf(error) === 'ENOENT')
      return 'The record of its machines is not there: it was removed, or made on another host.'
    if (error instanceof SyntaxError) return NOT_WHOLE
    return `The record of its machines could not be read (${errnoOf(error) ?? error}).`
  }
}

/** It comes from another process: what the page goes through must be there. */
function isHistory(vm: Partial<VmHistory> | null): boolean {
  return Array.isArray(vm?.timeline) && vm.timeline.every((entry) => typeof entry?.at === 'number') && !!vm.timings
}
