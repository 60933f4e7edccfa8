import { constants } from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { runTool } from '../host/run-tool.js'
import { findTool } from '../host/tools.js'

/**
 * Copies a file whose holes stay holes, such as a machine's RAM; where the file system can, both share their blocks until one is written to.
 * @throws a system error, ENOSPC if it does not fit.
 */
export async function sparseCopy(from: string, to: string): Promise<void> {
  // APFS clones; elsewhere Node would fill the holes with zeros.
  if (process.platform === 'darwin') return await copyFile(from, to, constants.COPYFILE_FICLONE)
  const args = ['--sparse=always', '--reflink=auto', '--', from, to]
  const { exitCode, stderr } = await runTool(await findTool('cp'), args, { env: { LC_ALL: 'C' } })
  if (exitCode === 0) return
  const code = stderr.includes('No space left on device') ? 'ENOSPC' : 'EIO'
  throw Object.assign(new Error(`could not copy ${from}: ${stderr.trim()}`), { code })
}
