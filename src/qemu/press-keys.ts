import { MayflyError } from '../errors.js'
import { delay, performance } from '../node-globals.js'
import { formatMilliseconds } from '../units.js'
import type { Chord } from './keyboard.js'
import type { QmpClient } from './qmp.js'

/** The keyboard keeps sixteen bytes; a key takes at most five, two to go down and three to come up. */
const MOST_KEYS_AT_ONCE = 3
const POLL_MS = 1
/** A guest reads its keyboard within milliseconds, unless it has no driver, or hangs. */
const UNREAD_LIMIT_MS = 10_000

/**
 * Presses keys, chord after chord. QEMU drops what the keyboard has no room for, so each waits until the guest has read the one before:
 * nothing is lost, however slow the guest is.
 * @throws MayflyError MAYFLY_WAIT_TIMEOUT when the guest does not read its keyboard.
 */
export async function pressKeys(qmp: QmpClient, name: string, chords: readonly Chord[]): Promise<void> {
  for (const chord of chords) {
    const down = chord.map((key) => keyEvent(key, true))
    const up = chord.toReversed().map((key) => keyEvent(key, false))
    for (const events of chord.length > MOST_KEYS_AT_ONCE ? [down, up] : [[...down, ...up]]) {
      await qmp.execute('input-send-event', { events })
      await untilRead(qmp, name)
    }
  }
}

function keyEvent(key: string, down: boolean) {
  return { type: 'key' as const, data: { down, key: { type: 'qcode' as const, data: key } } }
}

/** Status register of the i8042: bit 0 tells that there is something to read. Reading it changes nothing. */
const STATUS = 'i /b 0x64'

async function untilRead(qmp: QmpClient, name: string): Promise<void> {
  const started = performance.now()
  for (;;) {
    const answer = await qmp.execute('human-monitor-command', { 'command-line': STATUS })
    const status = /=\s*(0x[0-9a-f]+)/i.exec(answer)?.[1]
    if (status === undefined) {
      throw new MayflyError('MAYFLY_QMP_COMMAND_FAILED', `QEMU does not tell the keyboard's status: ${answer.trim()}`)
    }
    if ((Number(status) & 1) === 0) return
    if (performance.now() - started > UNREAD_LIMIT_MS) {
      throw new MayflyError(
        'MAYFLY_WAIT_TIMEOUT',
        `${name} did not read its keyboard within ${formatMilliseconds(UNREAD_LIMIT_MS)}`,
        {
          hint: 'Does its kernel run, and have a driver for a PS/2 keyboard (i8042, atkbd)?',
        },
      )
    }
    await delay(POLL_MS)
  }
}
