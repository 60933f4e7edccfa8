import { MayflyError } from '../errors.js'
import { assertPassword, newPassword, serveVncOnLoopback } from '../qemu/vnc.js'
import type { LockedOptions } from './lock.js'
import { withMonitor } from './pause.js'
import type { Machine } from './record.js'

/** Where a VNC client finds a screen, on the loopback interface. */
export interface ServedScreen {
  port: number
  password: string
}

/**
 * Serves the screen of a machine that runs by VNC, until it stops.
 * @param wanted default: the first port from 5900 on that is free, and a new password.
 * @throws MayflyError MAYFLY_OPTION_INVALID without a display, or for a password that VNC cannot take; MAYFLY_VM_STATE when it does not run;
 * MAYFLY_QMP_COMMAND_FAILED when somebody else has the port.
 */
export async function serveScreen(
  machine: Machine,
  { port, password = newPassword() }: { port?: number | undefined; password?: string | undefined },
  options: LockedOptions = {},
): Promise<ServedScreen> {
  if (!machine.record.guest.display) throw new MayflyError('MAYFLY_OPTION_INVALID', `${machine.name} has no display`)
  assertPassword(password)
  return await withMonitor(machine, options, async ({ qmp }) => {
    return { port: await serveVncOnLoopback(qmp, password, port), password }
  })
}
