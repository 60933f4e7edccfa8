import { randomBytes } from 'node:crypto'
import { cp, type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { errnoOf } from '../errors.js'
import type { SshConnection } from './connection.js'
import { exec } from './exec.js'
import { LocalTree } from './local-tree.js'
import { quote } from './quote.js'
import { TarReader } from './tar-reader.js'
import { localFailed, remoteFailed, type TransferPaths } from './transfer-error.js'

export interface DownloadOptions {
  signal?: AbortSignal | undefined
}

/**
 * Copies a file or directory of the guest to this machine. `local` is the name it gets; missing parents are made, modes
 * are kept, owners are not. Contents go to a temporary name beside it first, so a failed download leaves nothing under
 * the final one. A directory that is there already keeps the files that `remote` does not have.
 * @throws MayflyError MAYFLY_FILE_TRANSFER_FAILED, MAYFLY_ABORTED.
 */
export async function download(
  connection: SshConnection,
  remote: string,
  local: string,
  options: DownloadOptions = {},
): Promise<void> {
  const paths: TransferPaths = { verb: 'download', local, remote }
  const receiver = new Receiver(resolve(local))
  try {
    await mkdir(dirname(resolve(local)), { recursive: true })
    const result = await exec(connection, readScript(remote), {
      signal: options.signal,
      onStdout: (chunk) => receiver.receive(chunk),
    })
    if (result.exitCode !== 0) throw remoteFailed(paths, result)
    await receiver.finish()
  } catch (thrown) {
    await receiver.discard()
    throw localFailed(paths, thrown)
  }
}

/** The contents of one file of the guest. @throws MayflyError MAYFLY_FILE_TRANSFER_FAILED, MAYFLY_ABORTED, MAYFLY_OUTPUT_TOO_LARGE above 1 GiB. */
export function readFile(
  connection: SshConnection,
  remote: string,
  options?: DownloadOptions & { encoding?: 'utf8' | undefined },
): Promise<string>
export function readFile(
  connection: SshConnection,
  remote: string,
  options: DownloadOptions & { encoding: 'buffer' },
): Promise<Buffer>
export async function readFile(
  connection: SshConnection,
  remote: string,
  options: DownloadOptions & { encoding?: 'utf8' | 'buffer' | undefined } = {},
): Promise<string | Buffer> {
  const { encoding = 'utf8', signal } = options
  const paths: TransferPaths = { verb: 'download', local: '(contents)', remote }
  const script = `LC_ALL=C; export LC_ALL; cat -- ${quote(remote)}`
  try {
    const result = await exec(connection, script, { signal, encoding, maxBuffer: 1024 ** 3 })
    if (result.exitCode !== 0) throw remoteFailed(paths, result)
    return result.stdout
  } catch (thrown) {
    throw localFailed(paths, thrown)
  }
}

/** Says first what comes: `D` and a tar archive, or `F <octal mode>` and the file's bytes. */
function readScript(remote: string): string {
  return `export LC_ALL=C
t=${quote(remote.startsWith('/') ? remote : `./${remote}`)}
if [ -d "$t" ]; then
  command -v tar >/dev/null || { echo 'tar: not found' >&2; exit 127; }
  echo D && tar -c -f - -C "$t" .
else m=$(stat -L -c %a -- "$t") && [ -r "$t" ] || { cat -- "$t" >/dev/null; exit 1; }
  echo "F $m" && cat -- "$t"
fi`
}

/** Takes the stream of `readScript` and keeps it under a temporary name until all of it is there. */
class Receiver {
  readonly #target: string
  readonly #staging: string
  #head = Buffer.alloc(0)
  #file: FileHandle | undefined
  #mode = 0
  #tree: LocalTree | undefined
  #tar: TarReader | undefined

  constructor(target: string) {
    this.#target = target
    this.#staging = `${target}.mayfly-${randomBytes(6).toString('hex')}`
  }

  async receive(chunk: Buffer): Promise<void> {
    if (this.#tar) return this.#tar.write(chunk)
    if (this.#file) return this.#file.writeFile(chunk)
    this.#head = Buffer.concat([this.#head, chunk])
    const lineEnd = this.#head.indexOf('\n')
    if (lineEnd < 0) return
    const line = this.#head.toString('latin1', 0, lineEnd)
    if (line === 'D') {
      await mkdir(this.#staging)
      this.#tree = new LocalTree(this.#staging)
      this.#tar = new TarReader(this.#tree)
    } else {
      this.#mode = Number.parseInt(line.slice(2), 8) & 0o777
      this.#file = await open(this.#staging, 'wx', 0o600)
    }
    await this.receive(this.#head.subarray(lineEnd + 1))
  }

  async finish(): Promise<void> {
    const existing = await stat(this.#target).catch((error) => {
      if (errnoOf(error) === 'ENOENT') return undefined
      throw error
    })
    if (this.#file) {
      await this.#file.chmod(this.#mode)
      await this.#closeFile()
      await rename(this.#staging, this.#target)
      return
    }
    if (!this.#tree || !this.#tar?.ended) throw new Error('the archive is not complete')
    await this.#tree.finish()
    if (existing?.isDirectory()) {
      await cp(this.#staging, this.#target, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true })
      await rm(this.#staging, { recursive: true, force: true })
    } else await rename(this.#staging, this.#target)
  }

  async discard(): Promise<void> {
    await this.#closeFile().catch(() => {})
    await this.#tree?.discard().catch(() => {})
    await rm(this.#staging, { recursive: true, force: true })
  }

  async #closeFile(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.close()
  }
}
