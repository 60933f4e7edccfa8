import { MayflyError } from '../errors.js'
import type { SshConnection } from './connection.js'
import { DownloadReceiver, type RememberStaging } from './download-receiver.js'
import { FramedStream, type FrameSink } from './framed-stream.js'
import { quote } from './quote.js'
import { runScript } from './script.js'
import { localFailed, nameOf, remoteFailed, type TransferPaths } from './transfer-error.js'

export interface DownloadOptions {
  signal?: AbortSignal | undefined
}

const LARGEST_READ = 1024 ** 3

/**
 * Copies a file or directory of the guest to this machine. `local` is the name it gets; a file goes into `local` if that
 * ends with a slash. Missing parents are made, modes are kept, owners are not. Contents go to a temporary name beside it
 * first, so a failed download leaves nothing under the final one. A directory that is there already keeps its mode and the
 * files that `remote` does not have. Nothing is written through a link.
 * @param remember is told of each temporary path before it is made.
 * @returns the names of devices and FIFOs in a directory, which are not copied.
 * @throws MayflyError MAYFLY_FILE_TRANSFER_FAILED, MAYFLY_ABORTED.
 */
export async function download(
  connection: SshConnection,
  remote: string,
  local: string,
  options: DownloadOptions = {},
  remember?: RememberStaging,
): Promise<readonly string[]> {
  const paths: TransferPaths = { verb: 'download', local, remote }
  const receiver = new DownloadReceiver(local, remote, remember)
  try {
    const end = await receive(connection, paths, downloadScript(remote), receiver, options)
    return await receiver.finish(end)
  } catch (thrown) {
    throw localFailed(paths, thrown)
  } finally {
    await receiver.discard()
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
  const paths: TransferPaths = { verb: 'read', remote }
  const chunks: Buffer[] = []
  let bytes = 0
  const sink: FrameSink = {
    begin() {},
    contents(chunk) {
      bytes += chunk.length
      if (bytes > LARGEST_READ) {
        throw new MayflyError('MAYFLY_OUTPUT_TOO_LARGE', `${remote} has more than ${LARGEST_READ} bytes`, {
          hint: 'Use download.',
        })
      }
      chunks.push(chunk)
    },
  }
  try {
    await receive(connection, paths, readScript(remote), sink, options)
    const contents = Buffer.concat(chunks)
    return options.encoding === 'buffer' ? contents : contents.toString()
  } catch (thrown) {
    throw localFailed(paths, thrown)
  }
}

/** Runs a script whose output is a frame. @returns what the guest said at the frame's end. */
async function receive(
  connection: SshConnection,
  paths: TransferPaths,
  script: string,
  sink: FrameSink,
  { signal }: DownloadOptions,
): Promise<readonly string[]> {
  const stream = new FramedStream(sink)
  const result = await runScript(connection, `${stream.script}\n${script}`, {
    name: nameOf(paths),
    signal,
    onStdout: (chunk) => stream.write(chunk),
  })
  if (result.exitCode !== 0 && !(stream.end?.[0] === 'tar' && onlyChanged(result.exitCode, result.stderr))) {
    throw remoteFailed(paths, result)
  }
  if (!stream.end) throw new Error(`the guest ended ${stream.began ? 'in the middle' : 'without sending anything'}`)
  return stream.end
}

/** What tar says of files that were written to or removed while it read them: it has copied them as they were then. */
const CHANGED = [
  /: file changed as we read it$/,
  /: File removed before we read it$/,
  /: socket ignored$/,
  // busybox
  /: No such file or directory$/,
  /^tar: error exit delayed from previous errors$/,
]

function onlyChanged(exitCode: number | null, stderr: string): boolean {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '')
  return exitCode === 1 && lines.every((line) => CHANGED.some((wording) => wording.test(line)))
}

const ENVIRONMENT = 'LC_ALL=C; export LC_ALL; unset TAR_OPTIONS'

function target(remote: string): string {
  return `t=${quote(remote.startsWith('/') ? remote : `./${remote}`)}`
}

function readScript(remote: string): string {
  return `${ENVIRONMENT}; ${target(remote)}
echo "$k+"; cat -- "$t"; e=$?; echo "$k- file"; exit $e`
}

/** Says first what comes: `D` and a tar archive, or `F <octal mode> <size> <blocks>` and the file's bytes. */
function downloadScript(remote: string): string {
  return `${ENVIRONMENT}; ${target(remote)}
if [ -d "$t" ]; then
  command -v tar >/dev/null || { echo 'tar: not found' >&2; exit 127; }
  [ -r "$t" ] || { ls -- "$t" >/dev/null; exit 1; }
  echo "$k+ D"; tar -c -f - -C "$t" .; e=$?; echo "$k- tar"; exit $e
fi
f=$(stat -L -c '%a %s %b' -- "$t") && [ -r "$t" ] || { cat -- "$t" >/dev/null; exit 1; }
set -- $f
echo "$k+ F $f"
if [ -f "$t" ] && [ "$3" -gt 0 ]; then dd if="$t" bs=65536 count=$((($2 + 65535) / 65536)); else cat -- "$t"; fi
e=$?
echo "$k- file $(stat -L -c %s -- "$t")"
exit $e`
}
