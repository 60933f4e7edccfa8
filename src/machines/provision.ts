import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { type DataStep, describeStep } from '../guest/steps.js'
import { type Progress, silent } from '../host/progress.js'
import { Date } from '../node-globals.js'
import { takeStep } from '../snapshot/provision.js'
import type { SshConnection } from '../ssh/connection.js'
import type { Machine } from './record.js'

export const PROVISION_LOG = 'provision.log'

export interface ProvisionOptions {
  progress?: Progress | undefined
  /** Gets every line that a step prints, which is in the machine's `provision.log` as well. */
  onLine?: ((line: string) => void) | undefined
  signal?: AbortSignal | undefined
}

/**
 * Takes provision steps in a running machine, one after the other.
 * @throws MayflyError MAYFLY_COMMAND_FAILED with the end of the failing step's output, MAYFLY_ABORTED.
 */
export async function provision(
  { name, directory }: Machine,
  connection: SshConnection,
  steps: readonly DataStep[],
  { progress = silent, onLine, signal }: ProvisionOptions = {},
): Promise<void> {
  const log = createWriteStream(join(directory, PROVISION_LOG), { flags: 'a', mode: 0o600 })
  const opened = finished(log)
  opened.catch(() => {})
  try {
    for (const [index, step] of steps.entries()) {
      const title = describeStep(step)
      log.write(`# ${new Date().toISOString()} step ${index + 1} of ${steps.length}: ${title}\n`)
      await progress.step(title, async (show) => {
        const told = (line: string) => {
          log.write(`${line}\n`)
          show(line)
          onLine?.(line)
        }
        await takeStep(connection, step, told, {
          signal,
          hint: `The machine runs on. What its steps printed: mayfly log ${name} --provision`,
        })
      })
    }
  } catch (error) {
    log.write(`# failed: ${String(error)}\n`)
    throw error
  } finally {
    log.end()
    await opened
  }
}
