import { performance } from '../node-globals.js'
/** Where the time of a launch went, in ms. */
export interface LaunchTimings {
  /** Finding image and template, both known to be intact; making them first, if need be. */
  prepare: number
  /** From starting QEMU to its greeting: its devices exist. */
  spawn: number
  /** From there until the vCPUs run: device state loaded. */
  load: number
  /** From there to an SSH login. */
  connect: number
  /** Side by side with `connect`: clock and entropy. 0 without an agent. */
  fixup: number
  /** It was ready in a pool: `load` is how long QEMU took to let its vCPUs go on, `fixup` is beside that, and there is nothing else. */
  pooled: boolean
}

/** Takes the time until `work` has succeeded into `timings[stage]`. */
export async function timed<T>(
  timings: LaunchTimings,
  stage: Exclude<keyof LaunchTimings, 'pooled'>,
  work: () => Promise<T>,
): Promise<T> {
  const started = performance.now()
  const result = await work()
  timings[stage] = performance.now() - started
  return result
}
