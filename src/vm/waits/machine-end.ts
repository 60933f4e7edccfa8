import { MayflyError } from '../../errors.js'
import { delay } from '../../node-globals.js'
import type { Running } from '../../snapshot/running.js'
import type { Commands } from '../commands.js'

/** Whether another QEMU has taken the place of one that has ended, or is about to: the guest reboots. */
export async function comesBack(vm: Commands, ended: Running): Promise<boolean> {
  // Whoever sees to its end hears of it when we do.
  await delay(0)
  return vm.state === 'booting' || vm.life.running !== ended
}

/** Why a wait is over when the machine is, and does not come back. */
export async function endOf(vm: Commands, { qemu }: Running, what: string): Promise<MayflyError> {
  if (qemu.console.panicError) return qemu.console.panicError
  const cutShort = `${vm.name}: ${what} was cut short`
  const details = qemu.console.tail().map((line) => `console: ${line}`)
  if (vm.life.unasked.has('died')) return qemu.exitError('MAYFLY_QEMU_EXITED', `${cutShort}: QEMU exited`)
  if (vm.state === 'stopped' && vm.life.unasked.has('poweroff')) {
    return new MayflyError('MAYFLY_GUEST_DOWN', `${cutShort}: the guest powered itself off`, { details })
  }
  return new MayflyError('MAYFLY_VM_STATE', `${cutShort}: it is ${vm.state}`, { details })
}
