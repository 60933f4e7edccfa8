import { prepare } from '../snapshot/prepare.js'
import { formatMilliseconds } from '../units.js'
import type { ActionContext } from './action.js'
import { guestNamed } from './guest-argument.js'
import { progressOn, type RecordedStep, recorded } from './progress.js'
import { print, printJson } from './streams.js'
import { style } from './style.js'

interface Warmed {
  guest: string
  /** Directories in the cache. */
  image: string
  template: string
  /** Whether there was nothing to do. */
  cached: boolean
  steps: RecordedStep[]
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
  const guests = wanted.map((name) => ({ name, guest: guestNamed(name) }))
  const progress = progressOn(process.stderr)
  const results: Warmed[] = []
  for (const { name, guest } of guests) {
    const steps: RecordedStep[] = []
    const started = performance.now()
    const { image, template } = await prepare(guest, { cacheDir, signal, progress: recorded(progress, steps) })
    const ms = Math.round(performance.now() - started)
    const warmed = {
      guest: name,
      image: image.dir,
      template: template.directory,
      cached: steps.length === 0,
      steps,
      ms,
    }
    results.push(warmed)
    if (!json) await print(summary(warmed))
  }
  if (json) await printJson(results)
  return 0
}

function summary({ guest, cached, steps, ms }: Warmed): string {
  const name = style('bold', guest)
  if (cached) return `${name}: ready, image and template were cached (${formatMilliseconds(ms)})`
  const built = steps.some(({ title }) => title.startsWith('build '))
  return `${name}: ready, ${built ? 'image built and template sealed' : 'image was cached, template sealed'} in ${formatMilliseconds(ms)}`
}
