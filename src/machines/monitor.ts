import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { errnoOf, MayflyError } from '../errors.js'
import { delay } from '../node-globals.js'
import { SOCKETS } from '../qemu/argv.js'
import { QmpClient } from '../qemu/qmp.js'
import type { MachineRun } from './record.js'

/** A QEMU's monitor, ours until it is disposed of. */
export interface Monitor extends AsyncDisposable {
  qmp: QmpClient
}

/** Until QEMU has made its socket, or has room for one more who waits: neither is told. */
const PAUSE_MS = 10
const WAITING = ['ENOENT', 'ECONNREFUSED', 'EAGAIN']

/**
 * Opens a socket that a machine listens on, also one that it is about to make.
 * @throws MayflyError MAYFLY_ABORTED with the last reason when `signal` aborts.
 */
export async function openSocket(
  { sockets }: Pick<MachineRun, 'sockets'>,
  name: keyof typeof SOCKETS,
  signal: AbortSignal,
): Promise<Socket> {
  const path = join(sockets, SOCKETS[name])
  for (;;) {
    const socket = connect(path)
    // Of one that breaks, whoever has it is told by its end.
    socket.on('error', () => {})
    try {
      await once(socket, 'connect', { signal })
      return socket
    } catch (error) {
      socket.destroy()
      if (!signal.aborted && !WAITING.includes(errnoOf(error) ?? '')) throw error
      await delay(PAUSE_MS, undefined, { signal }).catch(() => {})
      if (!signal.aborted) continue
      throw new MayflyError('MAYFLY_ABORTED', `nobody listens at ${path}`, { cause: error })
    }
  }
}

/**
 * Opens a monitor of a running machine: `qmp` for whoever holds the machine's lock, `status` for short looks.
 * @throws MayflyError MAYFLY_ABORTED when nobody answers before `signal` aborts, MAYFLY_QEMU_EXITED.
 */
export async function openMonitor(run: MachineRun, name: 'qmp' | 'status', signal: AbortSignal): Promise<Monitor> {
  const socket = await openSocket(run, name, signal)
  const give = () => socket.destroy()
  signal.addEventListener('abort', give, { once: true })
  try {
    const qmp = new QmpClient(socket)
    await qmp.greeted()
    await qmp.execute('qmp_capabilities')
    return {
      qmp,
      async [Symbol.asyncDispose]() {
        if (socket.closed) return
        socket.destroy()
        await once(socket, 'close')
      },
    }
  } catch (error) {
    socket.destroy()
    throw error
  } finally {
    signal.removeEventListener('abort', give)
  }
}
