import type { ClientChannel } from 'ssh2'
import { openChannel } from './channel.js'
import type { SshConnection } from './connection.js'
import type { RelayedClient } from './relayed-client.js'
import { WaitingShell } from './waiting-shell.js'

/** Keeps for the next command the shell that another process has started on its connection. */
export async function adoptWaitingShell(
  connection: SshConnection,
  client: RelayedClient,
  token: string,
): Promise<void> {
  const request = () =>
    new Promise<ClientChannel>((resolve, reject) => {
      client.waitingShell((error, channel) => (error ? reject(error) : resolve(channel as unknown as ClientChannel)))
    })
  const open = await openChannel(connection, 'take over a shell', request).opened.catch(() => undefined)
  // Without one, the server starts a shell for the command.
  if (open) connection.keep(WaitingShell.adopt(token, open))
}
