import type { Socket } from 'node:net'
import type { ClientChannel } from 'ssh2'
import { messageOf } from '../errors.js'
import { encodeFrame, FRAME, type FrameKind, FrameReader } from './channel-frames.js'
import type { SshConnection } from './connection.js'
import { endWithShell } from './end-with-shell.js'
import type { ChannelRequest } from './relayed-client.js'
import { abandon, sendPadding } from './ssh2-internals.js'

/** Opens the session that was asked for on `connection`, and serves it on `socket`: what relayed-channel.ts is the other end of. */
export async function serveChannel(socket: Socket, connection: SshConnection, request: ChannelRequest): Promise<void> {
  socket.on('error', () => {})
  const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  try {
    // Held back until somebody listens, which is before it can bring anything.
    await open(connection, request, (channel) => {
      socket.write(encodeFrame(FRAME.opened))
      serve(socket, channel)
      void gone.then(() => abandon(channel))
    })
  } catch (error) {
    socket.end(encodeFrame(FRAME.failed, messageOf(error)))
  }
}

function open(
  connection: SshConnection,
  request: ChannelRequest,
  onOpen: (channel: ClientChannel) => void,
): Promise<void> {
  return connection.during('a relayed session', (client) => {
    return new Promise<void>((resolve, reject) => {
      const opened = (error: Error | undefined, channel: ClientChannel) => {
        if (error) return reject(error)
        onOpen(channel)
        resolve()
      }
      if ('waiting' in request) {
        const shell = connection.takeWaitingShell()
        if (shell) opened(undefined, shell.handOver())
        else reject(new Error('no shell waits'))
        return
      }
      // See openOn in channel.ts.
      if (connection.isDropbear) sendPadding(client)
      if ('exec' in request) {
        client.exec(request.exec, (error, channel) => {
          if (!error && !connection.isDropbear) endWithShell(channel)
          opened(error, channel)
        })
      } else client.shell(request.shell, opened)
    })
  })
}

function serve(socket: Socket, channel: ClientChannel): void {
  const send = (kind: FrameKind, payload?: Buffer | string) => {
    if (!socket.writable || socket.write(encodeFrame(kind, payload))) return
    // Both streams share a window in SSH too.
    for (const stream of [channel, channel.stderr]) stream.pause()
  }
  socket.on('drain', () => {
    for (const stream of [channel, channel.stderr]) stream.resume()
  })
  channel.on('data', (chunk: Buffer) => send(FRAME.data, chunk))
  channel.stderr.on('data', (chunk: Buffer) => send(FRAME.stderr, chunk))
  const ended = Promise.all([channel, channel.stderr].map((stream) => onceEnded(stream)))
  channel.on('close', (...outcome: unknown[]) => {
    // Without an exit status ssh2 says `undefined`, which JSON has not.
    const told = outcome[0] === undefined ? [] : outcome
    void ended.then(() => socket.end(encodeFrame(FRAME.closed, JSON.stringify(told))))
  })
  channel.on('error', () => channel.close())
  channel.on('drain', () => socket.resume())
  const frames = new FrameReader((kind, payload) => {
    if (kind === FRAME.data) {
      if (channel.writable && !channel.write(payload)) socket.pause()
    } else if (kind === FRAME.eof) channel.end()
    else if (kind === FRAME.signal) channel.signal(payload.toString())
    else if (kind === FRAME.resize) {
      const [rows, cols] = JSON.parse(payload.toString()) as [number, number]
      channel.setWindow(rows, cols, 0, 0)
    } else if (kind === FRAME.close) channel.close()
    else if (kind === FRAME.abandon) abandon(channel)
  })
  socket.on('data', (chunk: Buffer) => frames.add(chunk))
  // Both may have been held back until now.
  socket.resume()
  channel.resume()
}

function onceEnded(stream: NodeJS.ReadableStream & { readableEnded?: boolean }): Promise<void> {
  return new Promise((resolve) => (stream.readableEnded ? resolve() : stream.once('end', () => resolve())))
}
