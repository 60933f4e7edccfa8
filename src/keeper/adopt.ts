import { Agent } from '../guest/agent.js'
import { isAlive } from '../host/process-table.js'
import { cardOf } from '../network/card.js'
import { type Exit, QemuProcess } from '../qemu/process.js'
import type { Clone } from '../snapshot/clone.js'
import { Place } from '../snapshot/place.js'
import type { Prepared } from '../snapshot/prepare.js'
import { adoptWaitingShell } from '../ssh/adopt-waiting-shell.js'
import { SshConnection } from '../ssh/connection.js'
import { RelayedClient } from '../ssh/relayed-client.js'
import type { KeeperLink } from './keeper-link.js'
import type { LeaseData } from './protocol.js'

/** A machine of the keeper's as if this process had made it: it can do all that others can, and ends when its lease does. */
export async function takeAdopted(
  link: KeeperLink,
  key: string,
  prepared: Prepared,
  signal: AbortSignal | undefined,
): Promise<Clone> {
  let exit!: (exit: Exit) => void
  const exited = new Promise<Exit>((resolve) => {
    exit = resolve
  })
  let client: RelayedClient | undefined
  let disconnected = false
  const onDisconnected = () => {
    disconnected = true
    client?.lost()
  }
  const { lease, data } = await link.take(key, { onExit: exit, onDisconnected }, signal)
  try {
    const qemu = adoptQemu(link, lease, data, exited)
    const place = await Place.adopt(prepared, data.place)
    client = new RelayedClient(
      (request) => link.open({ kind: 'channel', lease, request }),
      () => link.notify({ do: 'disconnect', lease }),
    )
    const target = { ...data.login, hostKey: place.hostKey, ...data.address }
    const connection = SshConnection.adopt(client, data.software, target)
    if (disconnected) client.lost()
    else if (data.waitingShell !== undefined) await adoptWaitingShell(connection, client, data.waitingShell)
    const { address, login, privateKeyPath, timings } = data
    return {
      qemu,
      agent: new Agent(qemu.agent, data.hasAgent),
      prepared,
      place,
      card: cardOf(prepared.guest.network, place.id, place.data.starts),
      address,
      connection,
      login,
      privateKeyPath,
      timings,
      [Symbol.asyncDispose]: async () => {
        // What this process has put into the place, such as another QEMU after a reboot, has ended by now.
        await place[Symbol.asyncDispose]().finally(() => link.end(lease))
      },
    }
  } catch (error) {
    await link.end(lease)
    throw error
  }
}

function adoptQemu(link: KeeperLink, lease: string, { qemu }: LeaseData, exited: Promise<Exit>): QemuProcess {
  const stream = (name: 'qmp' | 'console' | 'agent' | 'stderr') => link.open({ kind: 'stream', lease, stream: name })
  const channels = { qmp: stream('qmp'), console: stream('console'), agent: stream('agent'), stderr: stream('stderr') }
  // What QEMU said last is heard before its end is.
  const heard = Object.values(channels).map((socket) => new Promise<void>((resolve) => socket.once('close', resolve)))
  const { pid, startTime, command } = qemu
  return new QemuProcess({
    pid,
    command,
    channels,
    exited: Promise.all([exited, ...heard]).then(([exit]) => exit),
    isAlive: () => isAlive(pid, startTime),
    kill: () => {
      if (isAlive(pid, startTime)) process.kill(pid, 'SIGKILL')
    },
  })
}
