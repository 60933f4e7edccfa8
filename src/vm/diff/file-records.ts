import type { FileFacts } from './machine-diff.js'

/** A file as the first look at a machine tells it. */
export interface FileRecord {
  type: FileFacts['type']
  mode: string | undefined
  uid: number
  gid: number
  /** Size, place and times: as long as it is the same, so are content and target. */
  signature: string
}

const LETTERS: Record<string, FileFacts['type']> = {
  f: 'file',
  d: 'directory',
  l: 'symlink',
  s: 'socket',
  p: 'fifo',
  c: 'character device',
  b: 'block device',
}
/** inode(7): the type in a file's mode. */
const TYPES: Record<number, string> = { 12: 's', 10: 'l', 8: 'f', 6: 'b', 4: 'd', 2: 'c', 1: 'p' }

/**
 * Records of `//kind|uid|gid|size|device|inode|mtime|ctime|path`. No path has two slashes in a row, so that
 * where a record begins is certain, whatever is in a name.
 * @param text of one byte per character, as the paths are that it gives.
 */
export function parseFileRecords(text: string): Map<string, FileRecord> {
  const records =
    text.trim() === ''
      ? []
      : text
          .replace(/^\n?\/\//, '')
          .replace(/\n$/, '')
          .split('\n//')
  return new Map(records.map(parseRecord))
}

function parseRecord(record: string): [string, FileRecord] {
  const [kind = '', uid, gid, ...rest] = record.split('|')
  const [size, device, inode, modified, changed] = rest
  const path = rest.slice(5).join('|')
  const [letter, mode] = typeAndMode(kind)
  const type = LETTERS[letter] ?? 'file'
  return [
    path,
    {
      type,
      mode: type === 'symlink' ? undefined : mode.toString(8),
      uid: Number(uid),
      gid: Number(gid),
      signature: [size, device, inode, modified, changed].join('|'),
    },
  ]
}

/** find(1) tells `f644`, stat(1) the whole of it in hexadecimal: `=81a4`. */
function typeAndMode(kind: string): [string, number] {
  if (!kind.startsWith('=')) return [kind[0] ?? '', Number.parseInt(kind.slice(1), 8)]
  const mode = Number.parseInt(kind.slice(1), 16)
  return [TYPES[mode >> 12] ?? '', mode & 0o7777]
}
