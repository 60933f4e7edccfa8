import { randomBytes } from 'node:crypto'
import { MayflyError } from '../../errors.js'
import { type Duration, formatMilliseconds, toMilliseconds } from '../../units.js'
import type { Allowance } from '../allowance.js'
import { compare } from './compare.js'
import type { Look } from './contents.js'
import { fileChanges, type Side } from './file-changes.js'
import { Ignored, isPattern } from './ignore.js'
import { type Inventory, parseInventory } from './inventory.js'
import { inventoryScript } from './inventory-script.js'
import { MachineDiff } from './machine-diff.js'

export interface DiffOptions {
  /** Where files are looked for. Default: everywhere, but for file systems of the kernel and of the network. */
  paths?: readonly string[] | undefined
  /**
   * What is left out, too: paths with `*`, `**` and `?`, and all that lies below them; or `unit:`, `port:`, `package:`, `user:` or `group:`
   * and a name with wildcards.
   */
  ignore?: readonly string[] | undefined
  /** Leave out what changes by itself, such as logs and caches: docs/diff.md has the list. Default true. */
  ignoreVolatile?: boolean | undefined
  /** Tell the lines of text files that changed, up to 64 KiB each. Default false. */
  content?: boolean | undefined
  /** For all of it. Default `'2m'`; within a test never more than the test has. */
  timeout?: Duration | undefined
}

interface Comparison {
  ignored: Ignored
  roots: readonly string[]
  withLines: boolean
  timeoutMs: number
}

/** @throws MayflyError MAYFLY_OPTION_INVALID. */
export function comparison(options: DiffOptions): Comparison {
  const { paths = ['/'], ignore = [], ignoreVolatile = true, content = false, timeout = '2m' } = options
  const roots = paths.map((path) => path.replace(/(?<=.)\/+$/, '').replace(/\/{2,}/g, '/'))
  const relative = roots.find((path) => !path.startsWith('/'))
  if (relative !== undefined || roots.length === 0) throw invalid('paths', relative, 'Give paths that begin with `/`.')
  const unclear = ignore.find((pattern) => !isPattern(pattern))
  if (unclear !== undefined) {
    throw invalid('ignore', unclear, 'Give a path, or one of unit:, port:, package:, user: and group: with a name.')
  }
  return {
    ignored: new Ignored(ignore, roots, ignoreVolatile),
    roots,
    withLines: content,
    timeoutMs: toMilliseconds(timeout, 'timeout'),
  }
}

function invalid(option: string, received: string | undefined, hint: string): MayflyError {
  const message = `diff: ${option} is not as it should be: ${JSON.stringify(received ?? [])}`
  return new MayflyError('MAYFLY_OPTION_INVALID', message, { hint })
}

/**
 * What differs between two machines that have come from one.
 * @param before looks at the one as it was, of which `seen` is known already, by scope.
 */
export async function differences(
  before: Look,
  after: Look,
  { ignored, roots, withLines }: Comparison,
  seen: Map<string, Inventory>,
): Promise<MachineDiff> {
  const scope = { roots, pruned: ignored.prunable }
  const key = JSON.stringify(scope)
  const inventoryOf = async (look: Look): Promise<Inventory> => {
    const mark = `mayfly-${randomBytes(8).toString('hex')}`
    const { stdout, stderr } = await look(inventoryScript(mark, scope))
    return parseInventory(mark, stdout, stderr.toString())
  }
  const [was, is] = await Promise.all([seen.get(key) ?? inventoryOf(before), inventoryOf(after)])
  seen.set(key, was)
  const old: Side = { look: before, inventory: was }
  const now: Side = { look: after, inventory: is }
  return new MachineDiff({
    files: await fileChanges(old, now, (path) => ignored.path(path), withLines),
    packages: compare(was.packages, is.packages, (name) => ignored.name('package', name)),
    units: compare(was.units, is.units, (name) => ignored.name('unit', name)),
    ports: compare(was.ports, is.ports, (name) => ignored.name('port', name)),
    users: compare(was.users, is.users, (name) => ignored.name('user', name)),
    groups: compare(was.groups, is.groups, (name) => ignored.name('group', name)),
  })
}

export function tooLate(name: string, { limitMs, reason, hint }: Allowance): MayflyError {
  const message = `${name} could not be compared with what it was within ${formatMilliseconds(limitMs)}`
  return new MayflyError('MAYFLY_WAIT_TIMEOUT', message, {
    details: reason,
    hint: hint ?? 'Give `paths` to look at less, or a longer `timeout`.',
  })
}
