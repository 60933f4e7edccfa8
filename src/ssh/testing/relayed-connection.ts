import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { firstLine, sendLine } from '../../keeper/lines.js'
import { Turns } from '../../vm/turns.js'
import { adoptWaitingShell } from '../adopt-waiting-shell.js'
import { SshConnection } from '../connection.js'
import type { SshTarget } from '../handshake.js'
import { type ChannelRequest, RelayedClient } from '../relayed-client.js'
import { serveChannel } from '../serve-channel.js'
import { WaitingShell } from '../waiting-shell.js'

/** A connection whose sessions are those of another one, which goes with it, over a socket between them. */
export async function openRelayed(target: SshTarget): Promise<SshConnection> {
  const directory = await mkdtemp(join(tmpdir(), 'mayfly-relay-'))
  const path = join(directory, 'socket')
  const real = await SshConnection.open(target)
  const sockets = new Set<Socket>()
  const server = createServer(async (socket) => {
    sockets.add(socket)
    const request = JSON.parse(await firstLine(socket)) as ChannelRequest
    await serveChannel(socket, real, request)
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  const client = new RelayedClient(
    (request) => {
      const socket = connect(path)
      sendLine(socket, request)
      return socket
    },
    () => void real.close(),
  )
  real.onClose(() => {
    client.lost()
    server.close()
    for (const socket of sockets) socket.destroy()
    void rm(directory, { recursive: true, force: true })
  })
  const connection = SshConnection.adopt(client, real.software, target)
  relays.set(connection, { real, client, turns: new Turns() })
  return connection
}

const relays = new WeakMap<SshConnection, { real: SshConnection; client: RelayedClient; turns: Turns }>()

/** Starts a shell that waits on the connection behind a relayed one, which takes it over. */
export async function keepWaitingShell(connection: SshConnection): Promise<void> {
  const { real, client, turns } = relays.get(connection)!
  // There is one at a time.
  await turns.take(async () => {
    const shell = await WaitingShell.start(real)
    real.keep(shell)
    await adoptWaitingShell(connection, client, shell.token)
  })
}
