import type { Socket } from 'node:net'
import { processStartTime } from '../host/process-table.js'
import type { QemuChannels } from '../qemu/process.js'
import type { Connected } from '../snapshot/clone.js'
import type { ChannelRequest } from '../ssh/relayed-client.js'
import { serveChannel } from '../ssh/serve-channel.js'
import type { KeeperMessage, LeaseData } from './protocol.js'
import { relayStream } from './relay-stream.js'

/** A machine of ours that another process uses, over sockets. It ends here, whatever becomes of that process. */
export class Lease implements AsyncDisposable {
  readonly #clone: Connected
  readonly #sockets = new Set<Socket>()
  #ending: Promise<void> | undefined

  /** @param tell the process that uses it. */
  constructor(id: string, clone: Connected, tell: (message: KeeperMessage) => void) {
    this.#clone = clone
    void clone.qemu.exited.then((exit) => tell({ tell: 'exit', lease: id, exit }))
    clone.connection.onClose(() => tell({ tell: 'disconnected', lease: id }))
  }

  get data(): LeaseData {
    const { place, qemu, agent, address, login, privateKeyPath, connection, timings } = this.#clone
    const { username, privateKey } = login
    return {
      place: place.data,
      qemu: { pid: qemu.pid, startTime: processStartTime(qemu.pid) ?? 0, command: qemu.command },
      hasAgent: agent.present,
      address,
      login: { username, privateKey },
      privateKeyPath,
      software: connection.software,
      waitingShell: connection.waitingShell?.token,
      timings,
    }
  }

  /** Serves one of QEMU's streams on `socket`, with what the console and stderr have said so far. */
  serveStream(name: keyof QemuChannels, socket: Socket): void {
    const { qemu } = this.#clone
    this.#keep(socket)
    relayStream(
      qemu.channels[name],
      socket,
      name === 'console' ? qemu.console.text() : name === 'stderr' ? qemu.stderr : '',
    )
  }

  /** Serves a session on `socket`. */
  serveChannel(request: ChannelRequest, socket: Socket): void {
    this.#keep(socket)
    void serveChannel(socket, this.#clone.connection, request)
  }

  /** Closes the SSH connection that was made in advance. */
  disconnect(): void {
    void this.#clone.connection.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#ending ??= this.#end()
    return this.#ending
  }

  async #end(): Promise<void> {
    await this.#clone[Symbol.asyncDispose]()
    for (const socket of this.#sockets) socket.destroy()
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
  }
}
