import { constants } from 'node:fs'
import { chmod, copyFile } from 'node:fs/promises'
import { createPrivateFile } from '../host/private-file.js'
import { runTool } from '../host/run-tool.js'
import { findTool } from '../host/tools.js'

/**
 * Copies a file whose holes stay holes, such as a machine's RAM, for its owner's eyes alone; where the file system can, both share their blocks until one is written to.
 * @throws a system error, ENOSPC if it does not fit.
 */
export async function sparseCopy(from: string, to: string): Promise<void> {
  // APFS clones; elsewhere Node would fill the holes with zeros.
  if (process.platform === 'darwin') {
    await copyFile(from, to, constants.COPYFILE_FICLONE)
    return await chmod(to, 0o600)
  }
  const args = ['--sparse=always', '--reflink=auto', '--', from, to]
  // A new file would get the mode of its source, less the umask.
  await createPrivateFile(to)
  const { exitCode, stderr } = await runTool(await findTool('cp'), args, { env: { LC_ALL: 'C' } })
  if (exitCode === 0) return
  const code = stderr.includes('No space left on device') ? 'ENOSPC' : 'EIO'
  throw Object.assign(new Error(`could not copy ${from}: ${stderr.trim()}`), { code })
}
