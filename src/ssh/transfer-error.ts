import { errnoOf, MayflyError, messageOf } from '../errors.js'
import type { ExecResult } from './exec.js'

/** How the C library and shells word the errors that a transfer meets, in the C locale. */
const WORDING: readonly (readonly [RegExp, string])[] = [
  // mkdir -p meets a file where a parent should be.
  [/mkdir: .*file exists/i, 'ENOTDIR'],
  // GNU tar does not say why a write was short.
  [/wrote only \d+ of/i, 'ENOSPC'],
  [/no such file|nonexistent directory|directory nonexistent/i, 'ENOENT'],
  [/permission denied/i, 'EACCES'],
  [/no space left/i, 'ENOSPC'],
  [/read-only file system/i, 'EROFS'],
  [/not a directory/i, 'ENOTDIR'],
  [/is a directory/i, 'EISDIR'],
  [/operation not permitted/i, 'EPERM'],
  [/file exists/i, 'EEXIST'],
  [/quota exceeded/i, 'EDQUOT'],
  [/file too large/i, 'EFBIG'],
  [/invalid user|unknown user|invalid group|unknown group/i, 'EINVAL'],
  [/can't cd|cannot create|can't create/i, 'ENOENT'],
]

/** One transfer, for its error: which file here, which file there. Contents have no file here. */
export type TransferPaths =
  | { verb: 'upload' | 'download'; local: string; remote: string }
  | { verb: 'read' | 'write'; remote: string }

/** What dd counts at its end. */
const STATISTICS = /^\d+\+\d+ records (in|out)$|^\d+ bytes .*copied/

/** The failure of the guest's side, from what its script said. */
export function remoteFailed(
  paths: TransferPaths,
  result: Pick<ExecResult<string | Buffer>, 'exitCode' | 'signal' | 'stderr'>,
): MayflyError {
  const said = result.stderr
    .toString()
    .split('\n')
    .filter((line) => !STATISTICS.test(line))
    .join('\n')
    .trim()
  const reason = WORDING.find(([wording]) => wording.test(said))?.[1] ?? `status ${result.exitCode ?? result.signal}`
  return transferFailed(
    paths,
    reason,
    said === ''
      ? []
      : said
          .split('\n')
          .slice(-10)
          .map((line) => `guest: ${line}`),
  )
}

/** The failure of this side, unless it is one that already says everything. */
export function localFailed(paths: TransferPaths, thrown: unknown): MayflyError {
  if (thrown instanceof MayflyError && thrown.code !== 'MAYFLY_SSH_FAILED') return thrown
  const reason = errnoOf(thrown) ?? (thrown instanceof MayflyError ? thrown.shortMessage : messageOf(thrown))
  return transferFailed(
    paths,
    reason,
    [`host: ${thrown instanceof MayflyError ? thrown.shortMessage : messageOf(thrown)}`],
    thrown,
  )
}

function transferFailed(
  paths: TransferPaths,
  reason: string,
  details: readonly string[],
  cause?: unknown,
): MayflyError {
  return new MayflyError('MAYFLY_FILE_TRANSFER_FAILED', `cannot ${nameOf(paths)}: ${reason}`, { details, cause })
}

export function nameOf(paths: TransferPaths): string {
  const { verb, remote } = paths
  if (verb === 'upload') return `upload ${paths.local} to ${remote}`
  return verb === 'download' ? `download ${remote} to ${paths.local}` : `${verb} ${remote}`
}
