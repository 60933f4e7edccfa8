import type { ClientChannel } from 'ssh2'
import { clearTimeout, setTimeout } from '../node-globals.js'
import { MIB } from '../units.js'
import { countReceived, roundTrip } from './ssh2-internals.js'

/** When nothing holds the output, the channel's end comes with the status, or soon after it; asking earlier costs an emulated guest a fifth of a command. */
const PATIENCE_MS = 300
const WINDOW_LOOK_MS = 30
/** The last answer may come just before what was read in the same turn of the server's. */
const QUIET_ROUNDS = 2
const MOST_ROUNDS = 100
/** More than pipes and an SSH window hold: what comes then is not of a program that has ended. */
const MOST_BYTES = 4 * MIB

const held = new WeakSet<object>()

/** Whether another process still held the output of this channel when it was closed. */
export function wasHeld(channel: object): boolean {
  return held.has(channel)
}

/**
 * Closes a channel when the program that the server started for it has ended, and all that this had written has come. dropbear
 * does so by itself. OpenSSH waits for every background process that still holds the output: what those write later is dropped.
 */
export function endWithShell(channel: ClientChannel): void {
  let over = false
  let timer: NodeJS.Timeout | undefined
  channel.once('exit', () => {
    timer = setTimeout(() => void drain(channel, () => over), PATIENCE_MS)
  })
  channel.once('close', () => {
    over = true
    clearTimeout(timer)
  })
}

/** OpenSSH reads what the pipes hold before it answers the next packet. When there are answers and no data, they are empty. */
async function drain(channel: ClientChannel, isOver: () => boolean): Promise<void> {
  const received = countReceived(channel)
  let quiet = 0
  for (let round = 0; quiet < QUIET_ROUNDS && round < MOST_ROUNDS && received.bytes < MOST_BYTES; round++) {
    const before = received.bytes
    await roundTrip(channel)
    if (isOver()) return
    // A reader that holds back the server says nothing of what is left.
    while (received.windowIsClosed) {
      await new Promise((resolve) => setTimeout(resolve, WINDOW_LOOK_MS))
      if (isOver()) return
    }
    quiet = received.bytes === before ? quiet + 1 : 0
  }
  held.add(channel)
  channel.close()
}
