import { compare } from './compare.js'
import { beginningsOf, digestsOf, type Look, targetsOf } from './contents.js'
import type { FileRecord } from './file-records.js'
import type { Inventory } from './inventory.js'
import { changedLines } from './line-diff.js'
import type { FileChange, FileFacts } from './machine-diff.js'

export interface Side {
  look: Look
  inventory: Inventory
}

/** Longer files than this have no lines in a comparison. */
const TEXT_LIMIT = 64 * 1024
/** More files than this are not fetched. */
const MOST_TEXTS = 500

/** Second look: what of the files that may differ does, by content and target. The first one told only where to look. */
export async function fileChanges(
  before: Side,
  after: Side,
  ignored: (path: string) => boolean,
  withLines: boolean,
): Promise<FileChange[]> {
  const paths = suspects(before.inventory, after.inventory).filter((path) => !ignored(path))
  const [old, now] = await Promise.all([factsOf(before, paths, after), factsOf(after, paths, before)])
  const changes = compare(old, now)
  if (withLines) await addLines(changes, before.look, after.look)
  return changes.map(({ name, ...change }) => ({ ...change, name: readable(name) }))
}

/** Paths of which the records are not the same on both sides. */
function suspects({ files: before }: Inventory, { files: after }: Inventory): string[] {
  const same = (one: FileRecord, other: FileRecord | undefined) =>
    other !== undefined &&
    one.signature === other.signature &&
    one.mode === other.mode &&
    one.type === other.type &&
    one.uid === other.uid &&
    one.gid === other.gid
  const differing = [...before].filter(([path, record]) => !same(record, after.get(path)))
  const added = [...after.keys()].filter((path) => !before.has(path))
  return [...differing.map(([path]) => path), ...added]
}

/** Facts of those of `paths` that are on this side, with what a comparison with the `other` needs. */
async function factsOf(
  { look, inventory: { files, owners } }: Side,
  paths: readonly string[],
  other: Side,
): Promise<Map<string, FileFacts>> {
  const here = paths.filter((path) => files.has(path))
  const ofType = (type: FileFacts['type']) => here.filter((path) => files.get(path)!.type === type)
  const both = ofType('file').filter((path) => other.inventory.files.get(path)?.type === 'file')
  const [digests, targets] = await Promise.all([digestsOf(look, both), targetsOf(look, ofType('symlink'))])
  return new Map(
    here.map((path) => {
      const { type, mode, uid, gid } = files.get(path)!
      const [target, content] = [targets.get(path), digests.get(path)]
      const facts: FileFacts = {
        type,
        ...(content === undefined ? {} : { content }),
        ...(mode === undefined ? {} : { mode }),
        owner: `${owners.users.get(uid) ?? uid}:${owners.groups.get(gid) ?? gid}`,
        ...(target === undefined ? {} : { target: readable(target) }),
      }
      return [path, facts]
    }),
  )
}

async function addLines(changes: FileChange[], before: Look, after: Look): Promise<void> {
  const texts = changes
    .filter(({ change, before, after, differs }) => {
      return (after ?? before)!.type === 'file' && (change !== 'changed' || differs.includes('content'))
    })
    .slice(0, MOST_TEXTS)
  const named = (side: 'before' | 'after') =>
    texts.filter((file) => file[side]?.type === 'file').map(({ name }) => name)
  const [old, now] = await Promise.all([
    beginningsOf(before, named('before'), TEXT_LIMIT + 1),
    beginningsOf(after, named('after'), TEXT_LIMIT + 1),
  ])
  for (const file of texts) {
    const [one, other] = [textOf(old.get(file.name)), textOf(now.get(file.name))]
    if (one !== undefined && other !== undefined) file.lines = changedLines(one, other)
  }
}

/** What a file says, if it is short enough and text. */
function textOf(bytes: Buffer = Buffer.alloc(0)): string | undefined {
  if (bytes.length > TEXT_LIMIT || bytes.includes(0)) return undefined
  const text = bytes.toString()
  return Buffer.from(text).equals(bytes) ? text : undefined
}

/** A name of one byte per character as text: as UTF-8 if it is that, otherwise with escapes for what is not ASCII. */
function readable(name: string): string {
  const bytes = Buffer.from(name, 'latin1')
  const text = bytes.toString()
  if (Buffer.from(text).equals(bytes)) return text
  return name.replace(/[\u0080-\u00ff]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16)}`)
}
