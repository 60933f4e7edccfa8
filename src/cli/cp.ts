import { stat } from 'node:fs/promises'
import { basename, join, posix } from 'node:path'
import { MayflyError } from '../errors.js'
import { openStore } from '../image/store.js'
import { Session } from '../session/session.js'
import { shown } from '../shown-text.js'
import type { SshConnection } from '../ssh/connection.js'
import { exec } from '../ssh/exec.js'
import { download, upload } from '../ssh/transfer.js'
import type { ActionContext } from './action.js'
import { shownProgress } from './shown-progress.js'
import { connectToTarget, targetNamed } from './target.js'

/** `machine:path`; undefined for a path of this host. */
export function remotePlace(text: string): { name: string; path: string } | undefined {
  const match = /^([^/:]+):(.*)$/s.exec(text)
  return match ? { name: match[1]!, path: match[2]! } : undefined
}

/** `mayfly cp` */
export async function cp(
  { cacheDir, signal }: ActionContext,
  _: object,
  [from = '', to = '']: string[],
): Promise<number> {
  const [source, target] = [remotePlace(from), remotePlace(to)]
  const remote = source ?? target
  if (!remote || (source && target)) {
    throw new MayflyError('MAYFLY_OPTION_INVALID', `one of ${from} and ${to} must be a machine's: <machine>:<path>`, {
      hint: 'For example: mayfly cp ./site web:/srv/site. A file here with a colon in its name: ./a:b',
    })
  }
  await using connection = await connectToTarget(await targetNamed(remote.name, cacheDir), { signal })
  await shownProgress().step(`copy ${from} to ${to}`, async () => {
    const skipped = source
      ? await toHere(connection, source.path || '.', to, cacheDir, signal)
      : await toMachine(connection, from, target!.path || '.', signal)
    for (const path of skipped) process.stderr.write(`mayfly: not copied: ${shown(path)}\n`)
  })
  return 0
}

/** As cp(1) has it: into a directory that is there, else under the name that is given. `dir/.` is what is in it. */
async function toMachine(
  connection: SshConnection,
  local: string,
  remote: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const into = remote.endsWith('/') || (await isRemoteDirectory(connection, remote))
  const name = /(^|\/)\.$/.test(local) ? '' : basename(local)
  return await upload(connection, local, into ? posix.join(remote, name) : remote, { signal })
}

async function toHere(
  connection: SshConnection,
  remote: string,
  local: string,
  cacheDir: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const into = local.endsWith('/') || (await isDirectory(local))
  const name = /(^|\/)\.$/.test(remote) ? '' : posix.basename(remote)
  // It removes what is half copied if this process is killed.
  await using session = await Session.open(await openStore(cacheDir))
  const path = into ? join(local, name) : local
  return await download(connection, remote, path, { signal }, (staging) => session.rememberStaging(staging))
}

async function isDirectory(path: string): Promise<boolean> {
  return await stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  )
}

async function isRemoteDirectory(connection: SshConnection, path: string): Promise<boolean> {
  return (await exec(connection, ['test', '-d', path])).exitCode === 0
}
