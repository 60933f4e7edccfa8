// @ts-check

/** @param {readonly number[]} samples at least one */
export function median(samples) {
  return quantile(samples, 0.5)
}

/**
 * What a share of the samples does not exceed, between two of them by straight line.
 * @param {readonly number[]} samples at least one
 * @param {number} share 0 to 1
 */
export function quantile(samples, share) {
  const sorted = [...samples].sort((a, b) => a - b)
  const position = share * (sorted.length - 1)
  const lower = /** @type {number} */ (sorted[Math.floor(position)])
  const upper = /** @type {number} */ (sorted[Math.ceil(position)])
  return lower + (upper - lower) * (position - Math.floor(position))
}

/**
 * The time `work` takes, in ms.
 * @param {() => Promise<unknown>} work
 */
export async function stopwatch(work) {
  const started = performance.now()
  await work()
  return performance.now() - started
}

/**
 * Takes one sample of each contestant, then the next of each, so that what else the host does hits all of them alike.
 * @template {string} Name
 * @param {number} rounds
 * @param {Record<Name, () => Promise<number>>} contestants
 * @param {(text: string) => void} progress
 * @param {(round: number) => Promise<void>} [before] comes before each round
 * @returns {Promise<Record<Name, number[]>>}
 */
export async function interleave(rounds, contestants, progress, before = async () => {}) {
  const names = /** @type {Name[]} */ (Object.keys(contestants))
  /** @type {any} */
  const samples = Object.fromEntries(names.map((name) => [name, []]))
  for (let round = 1; round <= rounds; round++) {
    await before(round)
    const said = []
    for (const name of names) {
      const sample = await contestants[name]()
      samples[name].push(sample)
      said.push(`${name} ${sample.toFixed(sample < 10 ? 1 : 0)} ms`)
    }
    progress(`  round ${round}/${rounds}: ${said.join(', ')}`)
  }
  return samples
}
