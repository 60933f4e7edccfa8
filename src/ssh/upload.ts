import { randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { MayflyError } from '../errors.js'
import type { SshConnection } from './connection.js'
import { exec } from './exec.js'
import { quote } from './quote.js'
import { writeTree } from './tar-writer.js'
import { localFailed, remoteFailed, type TransferPaths } from './transfer-error.js'

export interface UploadOptions {
  /** Permission bits, for a directory those of every regular file in it. Default: those of the local file. */
  mode?: number | undefined
  /** `'user'` or `'user:group'`. Default: the SSH user. */
  owner?: string | undefined
  /** Who writes it. Default: the SSH user. */
  user?: string | undefined
  signal?: AbortSignal | undefined
}

/**
 * Copies a local file or directory into the guest. `remote` is the name it gets; missing parents are made. Contents go
 * to a temporary name beside it first, so a failed upload leaves nothing under the final one. A directory that is there
 * already keeps the files that `local` does not have.
 * @throws MayflyError MAYFLY_FILE_TRANSFER_FAILED, MAYFLY_ABORTED, MAYFLY_OPTION_INVALID.
 */
export async function upload(
  connection: SshConnection,
  local: string,
  remote: string,
  options: UploadOptions = {},
): Promise<void> {
  const paths: TransferPaths = { verb: 'upload', local, remote }
  let contents: Readable | undefined
  try {
    const stats = await stat(local)
    if (stats.isDirectory()) {
      const lastEntry = `.mayfly-complete-${randomBytes(6).toString('hex')}`
      contents = Readable.from(writeTree(local, { fileMode: checkMode(options.mode), lastEntry }), {
        objectMode: false,
        highWaterMark: 1024 * 1024,
      })
      await send(connection, paths, directoryScript(remote, lastEntry, options), contents, options)
    } else {
      contents = createReadStream(local, { highWaterMark: 256 * 1024 })
      const mode = checkMode(options.mode) ?? stats.mode & 0o7777
      await send(
        connection,
        paths,
        fileScript(remote, stats.isFile() ? stats.size : undefined, { ...options, mode }),
        contents,
        options,
      )
    }
  } catch (thrown) {
    throw localFailed(paths, thrown)
  } finally {
    contents?.destroy()
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
  const paths: TransferPaths = { verb: 'upload', local: '(contents)', remote }
  const bytes = Buffer.from(contents as Uint8Array)
  checkMode(options.mode)
  try {
    await send(connection, paths, fileScript(remote, bytes.length, options), bytes, options)
  } catch (thrown) {
    throw localFailed(paths, thrown)
  }
}

/**
 * The contents are the script's input. sftp with many requests in flight was no faster to OpenSSH and slower to dropbear,
 * in emulated guests, and would need a command before and one after it.
 */
async function send(
  connection: SshConnection,
  paths: TransferPaths,
  script: string,
  contents: Readable | Buffer,
  { user, signal }: UploadOptions,
): Promise<void> {
  const result = await exec(connection, script, { stdin: contents, user, signal })
  if (result.exitCode !== 0) throw remoteFailed(paths, result)
}

/** Sets `t` (the target), `d` (its parent, which exists afterwards) and `s` (the temporary name, gone at the end). */
function prelude(remote: string): string {
  if (remote === '') throw new MayflyError('MAYFLY_OPTION_INVALID', 'the remote path is empty')
  const path = remote.length > 1 ? remote.replace(/\/+$/, '') || '/' : remote
  return `export LC_ALL=C
t=${quote(path.startsWith('/') ? path : `./${path}`)}
[ -L "$t" ] && t=$(readlink -f -- "$t"; echo .) && t=\${t%??}
d=\${t%/*}; d=\${d:-/}
[ -d "$d" ] || mkdir -p -- "$d" || exit
s=$t.mayfly-${randomBytes(6).toString('hex')}
trap 'rm -rf -- "$s"' EXIT; trap 'exit 129' HUP INT TERM PIPE`
}

/** /proc, /sys and /dev have files that can only be written in place. The size tells a whole file from a broken stream. */
function fileScript(remote: string, size: number | undefined, options: UploadOptions): string {
  const { mode, owner } = options
  const setMode = mode === undefined ? '' : ` && chmod ${mode.toString(8)} "$s"`
  const setOwner = owner === undefined ? '' : ` && chown ${quote(owner)} "$s"`
  const check =
    size === undefined
      ? ''
      : ` && { [ "$(stat -c %s -- "$s")" = ${size} ] || { echo 'the contents are not complete' >&2; exit 1; }; }`
  return `${prelude(remote)}
if [ -d "$t" ]; then echo "$t: Is a directory" >&2; exit 1; fi
case $t in /proc/*|/sys/*|/dev/*) trap - EXIT; s=$t; cat > "$s"${setOwner}${setMode}; exit;; esac
${mode === undefined ? '[ -f "$t" ] && { cp -p -- "$t" "$s" || exit; }' : 'umask 077'}
cat > "$s"${check}${setOwner}${setMode} && mv -f -- "$s" "$t"`
}

function directoryScript(remote: string, lastEntry: string, options: UploadOptions): string {
  const { owner } = options
  const setOwner = owner === undefined ? '' : `chown -h -R ${quote(owner)} "$s" || exit\n`
  return `${prelude(remote)}
if [ -e "$t" ] && [ ! -d "$t" ]; then echo "$t: Not a directory" >&2; exit 1; fi
command -v tar >/dev/null || { echo 'tar: not found' >&2; exit 127; }
mkdir -- "$s" || exit
tar -x -p -o -f - -C "$s" || exit
[ -f "$s"/${lastEntry} ] || { echo 'the archive is not complete' >&2; exit 1; }
rm -f -- "$s"/${lastEntry}
${setOwner}if [ -d "$t" ]; then cp -a -- "$s"/. "$t"/; else mv -- "$s" "$t"; fi`
}

function checkMode(mode: number | undefined): number | undefined {
  if (mode === undefined || (Number.isInteger(mode) && mode >= 0 && mode <= 0o7777)) return mode
  throw new MayflyError('MAYFLY_OPTION_INVALID', `mode is not a permission mask: ${mode}`, {
    hint: 'Give an octal number such as 0o644.',
  })
}
