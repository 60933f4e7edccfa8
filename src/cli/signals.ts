import { constants } from 'node:os'
import { AbortController } from '../node-globals.js'
import { EXIT } from './exit.js'

const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export interface Signals extends Disposable {
  /** Aborts when one has come. */
  readonly signal: AbortSignal
  /** The exit status for the signal that has come. */
  readonly status: number | undefined
}

/**
 * Turns the signals that end a process into an abort; a second one ends it at once.
 * @param onFirst told the exit status of the first.
 */
export function onSignals(onFirst: (status: number) => void): Signals {
  const controller = new AbortController()
  let status: number | undefined
  const listener = (name: NodeJS.Signals) => {
    if (status !== undefined) process.exit(status)
    status = EXIT.signal + constants.signals[name]
    onFirst(status)
    controller.abort(new Error(`interrupted by ${name}`))
  }
  for (const name of ENDING) process.on(name, listener)
  return {
    signal: controller.signal,
    get status() {
      return status
    },
    [Symbol.dispose]() {
      for (const name of ENDING) process.off(name, listener)
    },
  }
}
