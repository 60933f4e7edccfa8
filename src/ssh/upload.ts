import { randomBytes } from 'node:crypto'
import { createReadStream, type Stats } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { basename, posix } from 'node:path'
import { Readable } from 'node:stream'
import { MayflyError } from '../errors.js'
import type { SshConnection } from './connection.js'
import { readExactly } from './read-exactly.js'
import { runScript } from './script.js'
import { writeTree } from './tar-writer.js'
import { localFailed, nameOf, remoteFailed, type TransferPaths } from './transfer-error.js'
import { directoryScript, fileScript } from './upload-scripts.js'

export interface UploadOptions {
  /** Permission bits, for a directory those of every regular file in it. Default: those of the local file. */
  mode?: number | undefined
  /** `'user'` or `'user:group'`. Default: the SSH user. */
  owner?: string | undefined
  /** Who writes it. Default: the SSH user. */
  user?: string | undefined
  signal?: AbortSignal | undefined
}

const CHUNKS = { objectMode: false, highWaterMark: 1024 * 1024 }

/**
 * Copies a local file or directory into the guest. `remote` is the name it gets; a file goes into `remote` if that ends
 * with a slash. Missing parents are made. Contents go to a temporary name beside it first, so a failed upload leaves
 * nothing under the final one. A directory that is there already keeps its mode and the files that `local` does not have.
 * @returns paths in a directory that were left out: sockets, FIFOs, devices, and what was removed meanwhile.
 * @throws MayflyError MAYFLY_FILE_TRANSFER_FAILED, MAYFLY_ABORTED, MAYFLY_OPTION_INVALID.
 */
export async function upload(
  connection: SshConnection,
  local: string,
  remote: string,
  options: UploadOptions = {},
): Promise<readonly string[]> {
  const paths: TransferPaths = { verb: 'upload', local, remote }
  const mode = checkMode(options.mode)
  const skipped: string[] = []
  let contents: Readable | Buffer | undefined
  try {
    const stats = await stat(local)
    if (stats.isDirectory()) {
      const lastEntry = `.mayfly-complete-${randomBytes(6).toString('hex')}`
      const onSkipped = (path: string) => skipped.push(path)
      contents = Readable.from(writeTree(local, { fileMode: mode, lastEntry, onSkipped }), CHUNKS)
      await send(connection, paths, directoryScript({ remote, lastEntry, owner: options.owner }), contents, options)
    } else {
      const file = remote.endsWith('/') ? posix.join(remote, basename(local)) : remote
      const source = await contentsOf(local, stats)
      contents = source.contents
      const attributes = { mode: mode ?? stats.mode & 0o7777, owner: options.owner }
      await send(connection, paths, fileScript({ remote: file, ends: source.ends, ...attributes }), contents, options)
    }
    return skipped
  } catch (thrown) {
    throw localFailed(paths, thrown)
  } finally {
    if (contents instanceof Readable) contents.destroy()
  }
}

/**
 * Makes a file of the guest hold exactly `contents`; missing parents are made. A file that is there already keeps its
 * mode and owner unless they are given; otherwise it is made with mode 644. @throws as `upload`
 */
export async function writeFile(
  connection: SshConnection,
  remote: string,
  contents: string | Uint8Array,
  options: UploadOptions = {},
): Promise<void> {
  const paths: TransferPaths = { verb: 'write', remote }
  const bytes = Buffer.from(contents as Uint8Array)
  const { owner } = options
  const mode = checkMode(options.mode)
  try {
    if (remote.endsWith('/')) throw Object.assign(new Error('the name of a directory ends so'), { code: 'EISDIR' })
    const script = fileScript({ remote, mode, owner, ends: { size: bytes.length } })
    await send(connection, paths, script, bytes, options)
  } catch (thrown) {
    throw localFailed(paths, thrown)
  }
}

/** What a file holds now: one that grows is taken as long as it is. */
async function contentsOf(local: string, stats: Stats) {
  if (stats.isFile() && stats.size > 0) {
    return { contents: Readable.from(readExactly(local, stats.size), CHUNKS), ends: { size: stats.size } }
  }
  if (stats.isFile()) {
    // The files of /proc have contents all the same.
    const contents = await readFile(local)
    return { contents, ends: { size: contents.length } }
  }
  const mark = randomBytes(16).toString('hex')
  return { contents: Readable.from(followedBy(local, mark), CHUNKS), ends: { mark } }
}

/** A FIFO or a device, whose end only its reader sees. */
async function* followedBy(local: string, mark: string): AsyncGenerator<Buffer> {
  yield* createReadStream(local, { highWaterMark: 256 * 1024 })
  yield Buffer.from(mark)
}

/**
 * The contents are the script's input; at its end it prints a mark. sftp with many requests in flight was no faster to
 * OpenSSH and slower to dropbear, in emulated guests, and would need a command before and one after it.
 */
async function send(
  connection: SshConnection,
  paths: TransferPaths,
  script: string,
  contents: Readable | Buffer,
  { user, signal }: UploadOptions,
): Promise<void> {
  const mark = `MAYFLY_${randomBytes(16).toString('hex')}`
  const result = await runScript(connection, `k=${mark}\n${script}`, {
    name: nameOf(paths),
    stdin: contents,
    user,
    signal,
  })
  if (result.exitCode !== 0) throw remoteFailed(paths, result)
  if (!result.stdout.includes(`${mark}\n`)) throw new Error('the guest did not say that it has everything')
}

function checkMode(mode: number | undefined): number | undefined {
  if (mode === undefined || (Number.isInteger(mode) && mode >= 0 && mode <= 0o7777)) return mode
  throw new MayflyError('MAYFLY_OPTION_INVALID', `mode is not a permission mask: ${mode}`, {
    hint: 'Give an octal number such as 0o644.',
  })
}
