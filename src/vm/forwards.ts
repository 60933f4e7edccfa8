import { MayflyError } from '../errors.js'
import { addForward } from '../qemu/forwarded-port.js'
import type { QmpClient } from '../qemu/qmp.js'

/** @throws MayflyError MAYFLY_OPTION_INVALID */
export function assertPort(port: number): void {
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return
  throw new MayflyError('MAYFLY_OPTION_INVALID', `forwardPort: not a TCP port: ${String(port)}`, {
    hint: 'Give a number from 1 to 65535.',
  })
}

/** Host ports by the guest's: the same after a reboot, which is another QEMU. */
export class Forwards {
  readonly #hostPorts = new Map<number, number>()

  get ports(): ReadonlyMap<number, number> {
    return this.#hostPorts
  }

  /** The loopback port of the host that leads to a port of the guest. */
  async open(qmp: QmpClient, guestPort: number): Promise<number> {
    const known = this.#hostPorts.get(guestPort)
    if (known !== undefined) return known
    const port = await addForward(qmp, guestPort)
    this.#hostPorts.set(guestPort, port)
    return port
  }

  async openAgain(qmp: QmpClient): Promise<void> {
    for (const [guestPort, hostPort] of this.#hostPorts) await addForward(qmp, guestPort, hostPort)
  }
}
