import { addForward } from '../qemu/forwarded-port.js'
import type { QmpClient } from '../qemu/qmp.js'

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
