import { Date } from '../node-globals.js'
import { formatMilliseconds } from '../units.js'

/** For people: `5 min 3 s ago`. */
export function ago(time: Date): string {
  return `${formatMilliseconds(Math.max(0, Date.now() - time.getTime()))} ago`
}
