import type { ClientChannel } from 'ssh2'
import type { SshConnection } from './connection.js'

/** Opens one exec channel running `command`. Costs one channel open and one exec request. */
export function openExecChannel(connection: SshConnection, command: string, what: string): Promise<ClientChannel> {
  return connection.during(
    what,
    (client) =>
      new Promise((resolve, reject) => {
        client.exec(command, (error, channel) => (error ? reject(error) : resolve(channel)))
      }),
  )
}
