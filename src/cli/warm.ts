import { join } from 'node:path'
import type { Guest } from '../guest/spec.js'
import { describeStep } from '../guest/steps.js'
import { diskUsage } from '../image/disk-usage.js'
import { performance } from '../node-globals.js'
import { templateKey } from '../snapshot/cache-key.js'
import { chainOf } from '../snapshot/chain.js'
import { type Prepared, prepare } from '../snapshot/prepare.js'
import { formatMilliseconds } from '../units.js'
import type { ActionContext } from './action.js'
import { guestsNamed } from './guest-argument.js'
import { branchesOn, type RecordedStep, recorded } from './progress.js'
import { print, printJson } from './streams.js'
import { style } from './style.js'

/** A template on the way to a guest's. */
interface WarmedNode extends RecordedStep {
  key: string
  /** Allocated on disk. */
  bytes: number
}

interface Warmed {
  guest: string
  /** Directories in the cache. */
  image: string
  template: string
  /** Whether there was nothing to do. */
  cached: boolean
  nodes: WarmedNode[]
  ms: number
}

/** `mayfly warm` */
export async function warm(
  { cacheDir, signal }: ActionContext,
  { json }: { json?: boolean },
  names: string[],
): Promise<number> {
  const wanted = [...new Set(names.length > 0 ? names : ['micro', 'debian'])]
  // All are looked at before the first is built: a typing error is not told minutes later.
  const guests = (await Promise.all(wanted.map(guestsNamed))).flat()
  const results: Warmed[] = []
  for (const { name, guest } of guests) {
    const stream = json ? process.stderr : process.stdout
    if (!json) await print(style('bold', name))
    const steps: RecordedStep[] = []
    const progress = recorded(branchesOn(stream, { width: widest(guest) }), steps)
    const started = performance.now()
    const prepared = await prepare(guest, { cacheDir, signal, progress })
    const ms = Math.round(performance.now() - started)
    const cached = steps.every((step) => step.cached)
    if (!json) await print(`└─ ${cached ? 'ready, all of it was cached' : 'ready'} (${formatMilliseconds(ms)})`)
    const { image, template } = prepared
    const nodes = await nodesOf(prepared, steps)
    results.push({ guest: name, image: image.dir, template: template.directory, cached, nodes, ms })
  }
  if (json) await printJson(results)
  return 0
}

/** So that what each step took stands in one column. */
function widest({ name, image, provision }: Guest): number {
  const titles = ['name' in image ? `image ${image.name}` : '', `boot ${name}`, ...provision.map(describeStep)]
  return Math.max(...titles.map(({ length }) => length))
}

/** The chain of templates, with what was said of each last: one that did not load is made again. */
async function nodesOf(
  { harness, guest, ingredients }: Prepared,
  steps: readonly RecordedStep[],
): Promise<WarmedNode[]> {
  const chain = chainOf(guest, ingredients)
  const said = steps.slice(-chain.length)
  return await Promise.all(
    chain.map(async (node, index) => {
      const key = templateKey(node.ingredients)
      return { ...said[index]!, key, bytes: await diskUsage(join(harness.store.templates, key)) }
    }),
  )
}
