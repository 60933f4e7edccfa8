import { randomBytes } from 'node:crypto'
import { rename, rm, writeFile } from 'node:fs/promises'
import { MayflyError } from '../errors.js'
import { chordOf, chordsOf } from '../qemu/keyboard.js'
import { decodePng, encodePng, hasChanged, type Picture } from '../qemu/picture.js'
import { pressKeys } from '../qemu/press-keys.js'
import type { QmpClient } from '../qemu/qmp.js'
import { screendump } from '../qemu/screendump.js'
import { newPassword, serveVnc, vncSocket } from '../qemu/vnc.js'
import { type Duration, toMilliseconds } from '../units.js'
import { Resources } from './resources/resources.js'
import { Turns } from './turns.js'
import { QUICK_PAUSE_MS, until, type WaitOptions } from './waits/until.js'
import { wrongState } from './wrong-state.js'

/** QEMU draws and writes one in milliseconds. */
const SCREENSHOT_LIMIT_MS = 10_000

export interface ScreenshotOptions {
  /** Default `'10s'`. */
  timeout?: Duration | undefined
}

export interface ScreenChangeOptions extends WaitOptions {
  /** A screenshot from before what is to change it. Default: what it shows when the wait begins. */
  since?: Uint8Array | undefined
}

export interface VncServer {
  /** A unix socket that goes with the Vm. */
  socketPath: string
  password: string
}

/** The screen and the keyboard of a machine that was defined with `display: true`. */
export abstract class Screen extends Resources {
  readonly #typing = new Turns()
  #vncPassword: string | undefined

  /**
   * A picture of the screen, as a PNG; also of a machine that is suspended or boots.
   * @param path where it is written to as well, whole or not at all.
   * @throws MayflyError MAYFLY_OPTION_INVALID without a display, MAYFLY_VM_STATE while it is off, MAYFLY_QMP_COMMAND_FAILED.
   */
  screenshot(path?: string, { timeout = SCREENSHOT_LIMIT_MS }: ScreenshotOptions = {}): Promise<Buffer> {
    const limit = toMilliseconds(timeout, 'timeout')
    const take = async () => {
      const png = await encodePng(await this.#picture('take a screenshot', limit))
      if (path !== undefined) await writeWhole(path, png)
      return png
    }
    const entry = path === undefined ? {} : { file: path }
    return this.timeline.during('screen', 'screenshot', take, () => entry)
  }

  /**
   * Presses keys of a US keyboard: `'a'`, `'A'`, `'ret'`, `'esc'`, `'f2'`, `'ctrl-alt-delete'`. Returns when the guest has read them.
   * @throws MayflyError MAYFLY_OPTION_INVALID for a key that there is not, or without a display; MAYFLY_VM_STATE, MAYFLY_WAIT_TIMEOUT.
   */
  async sendKey(keys: string): Promise<void> {
    const chord = chordOf(keys)
    await this.timeline.during('screen', `press ${keys}`, () => this.#press([chord]))
  }

  /**
   * Types ASCII text on a US keyboard, with `\n` for the enter key. Each character waits until the guest has read the one before, so
   * that none is lost; a text that is typed meanwhile comes afterwards.
   * @throws as `sendKey`.
   */
  async typeText(text: string): Promise<void> {
    const chords = chordsOf(text)
    await this.timeline.during('screen', `type ${JSON.stringify(text)}`, () => this.#press(chords))
  }

  /**
   * Waits until the screen shows something else; a text console's blinking cursor alone is not a change. Gives the new screenshot.
   * @throws GuestAssertionError MAYFLY_WAIT_TIMEOUT; MayflyError as `screenshot`.
   */
  async waitForScreenChange(options: ScreenChangeOptions = {}): Promise<Buffer> {
    this.#assertDisplay()
    let before: Picture | undefined = options.since && decodePng(options.since)
    return await until<Buffer>(
      this,
      {
        title: 'the screen to change',
        longestPauseMs: QUICK_PAUSE_MS,
        look: async () => {
          const now = await this.#picture('look at the screen', SCREENSHOT_LIMIT_MS)
          before ??= now
          if (hasChanged(before, now)) return { met: await encodePng(now) }
          return { seen: [`last: the screen of ${now.width} × ${now.height} was as before`] }
        },
      },
      options,
    )
  }

  /**
   * Serves the screen by VNC, at a unix socket in the Vm's own directory, to whoever has the password; as long as this QEMU runs. After
   * a reboot or a restore, ask again: the password stays.
   * @param options.password 1 to 8 ASCII characters, which is all that VNC looks at. Default: a new one.
   */
  async vnc(options: { password?: string | undefined } = {}): Promise<VncServer> {
    const password = options.password ?? this.#vncPassword ?? newPassword()
    this.#assertDisplay()
    const socketPath = vncSocket(this.clone.place.directory, password)
    await this.timeline.during('screen', 'serve VNC', () => this.#ask('serve VNC', (qmp) => serveVnc(qmp, password)))
    this.#vncPassword = password
    return { socketPath, password }
  }

  #press(chords: Parameters<typeof pressKeys>[2]): Promise<void> {
    return this.#typing.take(async () => {
      // What is sent to processors that stand still is dropped.
      if (this.state !== 'running' && this.state !== 'booting')
        throw wrongState(this.name, this.state, 'press a key', [])
      await this.#ask('press a key', (qmp) => pressKeys(qmp, this.name, chords))
    })
  }

  #picture(what: string, timeoutMs: number): Promise<Picture> {
    return this.#ask(what, (qmp) => screendump(qmp, this.clone.place.directory, timeoutMs))
  }

  async #ask<T>(what: string, work: (qmp: QmpClient) => Promise<T>): Promise<T> {
    this.#assertDisplay()
    const { qemu } = this.life.running
    if (!qemu.alive) throw wrongState(this.name, this.state, what, [])
    try {
      return await work(qemu.qmp)
    } catch (error) {
      throw await qemu.explain(error)
    }
  }

  #assertDisplay(): void {
    if (this.guest.display) return
    throw new MayflyError('MAYFLY_OPTION_INVALID', `${this.name} has no display`, {
      hint: 'Define it with one: defineGuest({ ..., display: true }).',
    })
  }
}

async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.${randomBytes(4).toString('hex')}.tmp`
  try {
    await writeFile(temporary, bytes)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}
