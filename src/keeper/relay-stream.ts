import type { Socket } from 'node:net'
import type { Duplex, Readable } from 'node:stream'

/** What the other end may be behind by. */
const MOST_UNREAD = 4 * 1024 * 1024

/**
 * Lets the other end of `socket` read and write a stream of ours, which goes on being read here as well.
 * @param before what it is given first, of what the stream has brought already.
 */
export function relayStream(stream: Duplex | Readable, socket: Socket, before = ''): void {
  if (before !== '') socket.write(before)
  const goOn = () => void stream.resume()
  const pass = (chunk: Buffer | string) => {
    // The other end may stand still while the guest does not.
    if (!socket.writable || socket.write(chunk) || socket.writableLength < MOST_UNREAD) return
    stream.pause()
    socket.once('drain', goOn)
  }
  const end = () => void socket.end()
  stream.on('data', pass)
  stream.once('close', end)
  if (stream.destroyed) end()
  socket.on('error', () => {})
  socket.once('close', () => {
    stream.off('data', pass)
    stream.off('close', end)
    stream.resume()
  })
  if ('write' in stream) {
    socket.on('data', (chunk) => {
      if (stream.writable) stream.write(chunk)
    })
  }
  socket.resume()
}
