import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RunnerTestCase } from 'vitest'
import { messageOf } from '../errors.js'
import { RECORDS_ENV, type TestRecord } from '../evidence/test-record.js'
import { say } from './line-progress.js'
import { pathOf } from './task-names.js'

/** Writes the record of a test where a reporter has asked for it; gives its path. */
export async function writeRecord(task: RunnerTestCase, record: () => TestRecord): Promise<string | undefined> {
  const directory = process.env[RECORDS_ENV]
  if (!directory) return undefined
  const path = join(directory, `${task.id}.json`)
  try {
    await mkdir(directory, { recursive: true })
    await writeFile(path, JSON.stringify(record()))
    return path
  } catch (error) {
    say(`no record of ${pathOf(task).join(' > ')}: ${messageOf(error)}`)
    return undefined
  }
}
