// @ts-check
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { shell } from 'mayfly'
import { FILES } from '../../dist/snapshot/machine.js'
import { seal } from '../../dist/snapshot/seal.js'
import { told } from './guest.js'
import { row } from './row.js'
import { stopwatch } from './statistics.js'

/** @param {string} name */
export const sealRowName = (name) => `${name}: seal, from stop to completed save`

/**
 * A step is taken from the template and sealed, as each provision step is, in a directory that no one else looks into.
 * RAM is in its file already, so that what is written while the guest stands still is its devices' state.
 * @param {import('./guest.js').BenchGuest} guest
 * @param {import('./main.js').Bench} bench
 */
export async function benchSeal({ name, guest, prepared, makeDirectory }, { repeat, progress }) {
  progress(sealRowName(name))
  const { harness, image, ingredients, template } = prepared
  /** @type {number[]} */
  const value = []
  /** @type {number[]} */
  const floor = []
  const rounds = Math.max(3, repeat)
  for (let round = 1; round <= rounds; round++) {
    const directory = await makeDirectory()
    try {
      const { timings } = await seal({
        harness,
        guest,
        image,
        ingredients,
        parent: template,
        step: shell('true'),
        title: `  round ${round}/${rounds}`,
        staging: directory,
        target: directory,
        progress: told(progress),
      })
      value.push(timings.seal ?? Number.NaN)
      const state = await readFile(join(directory, FILES.state))
      floor.push(await stopwatch(() => writeFile(join(directory, 'copy'), state)))
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  }
  const note = 'the disk: as many bytes written'
  return [row({ name: sealRowName(name), unit: 'ms', value, floor, target: 'excess <= 60', note })]
}
