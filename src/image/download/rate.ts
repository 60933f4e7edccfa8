import { performance } from '../../node-globals.js'
import { formatBytes, formatMilliseconds } from '../../units.js'

const SAMPLE_MS = 100
/** The rate is that of the last so many samples, about five seconds. */
const SAMPLES = 50

/** Says how far a transfer is: `123 MiB of 500 MiB (24 %), 30.1 MiB/s, 12 s left`. */
export class RateMeter {
  readonly #log: (line: string) => void
  readonly #now: () => number
  readonly #samples: { at: number; bytes: number }[] = []

  constructor(log: (line: string) => void, now: () => number = () => performance.now()) {
    this.#log = log
    this.#now = now
  }

  /** @param bytes that are there now, with those of earlier attempts. */
  update(bytes: number, total: number | undefined): void {
    const at = this.#now()
    const last = this.#samples.at(-1)
    // A transfer that began anew.
    if (last && bytes < last.bytes) this.#samples.length = 0
    else if (last && at - last.at < SAMPLE_MS) return
    this.#samples.push({ at, bytes })
    if (this.#samples.length > SAMPLES) this.#samples.shift()
    const first = this.#samples[0]!
    const perSecond = at > first.at ? ((bytes - first.bytes) / (at - first.at)) * 1000 : 0
    const share = total ? ` of ${formatBytes(total)} (${Math.floor((bytes / total) * 100)} %)` : ''
    const rate = perSecond > 0 ? `, ${formatBytes(perSecond)}/s` : ''
    const left = total && perSecond > 0 ? `, ${formatMilliseconds(((total - bytes) / perSecond) * 1000)} left` : ''
    this.#log(`${formatBytes(bytes)}${share}${rate}${left}`)
  }
}
