import { MayflyError } from '../errors.js'
import type { QmpClient } from './qmp.js'

/**
 * The loopback port that QEMU got for a port of the guest. The kernel chose it when QEMU bound it, so nobody else has it.
 * Only the human monitor tells: `TCP[HOST_FORWARD] 12 127.0.0.1 43567 10.0.2.15 22 ...`.
 */
export async function forwardedPort(qmp: QmpClient, guestPort: number): Promise<number> {
  const table = await monitor(qmp, 'info usernet')
  for (const line of table.split('\n')) {
    const match = /TCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)\s+\S+\s+(\d+)/.exec(line)
    if (match && Number(match[2]) === guestPort) return Number(match[1])
  }
  throw new MayflyError('MAYFLY_QMP_COMMAND_FAILED', `QEMU does not forward a port to the guest's port ${guestPort}`, {
    details: table.split('\n'),
  })
}

/**
 * Forwards a loopback port to a port of the guest's network interface (not of its loopback).
 * @param hostPort 0 lets the kernel choose.
 * @returns the host's port.
 */
export async function addForward(qmp: QmpClient, guestPort: number, hostPort = 0): Promise<number> {
  const complaint = await monitor(qmp, `hostfwd_add net0 tcp:127.0.0.1:${hostPort}-:${guestPort}`)
  if (complaint.trim() !== '') {
    throw new MayflyError('MAYFLY_QMP_COMMAND_FAILED', `QEMU could not forward port ${guestPort}: ${complaint.trim()}`)
  }
  return hostPort || (await forwardedPort(qmp, guestPort))
}

function monitor(qmp: QmpClient, command: string): Promise<string> {
  return qmp.execute('human-monitor-command', { 'command-line': command })
}
