import type { Socket } from 'node:net'
import type { Duplex, Readable } from 'node:stream'

/**
 * Lets the other end of `socket` read and write a stream of ours, which goes on being read here as well.
 * @param before what it is given first, of what the stream has brought already.
 */
export function relayStream(stream: Duplex | Readable, socket: Socket, before = ''): void {
  if (before !== '') socket.write(before)
  const pass = (chunk: Buffer | string) => {
    if (socket.writable) socket.write(chunk)
  }
  const end = () => void socket.end()
  stream.on('data', pass)
  stream.once('close', end)
  if (stream.destroyed) end()
  socket.on('error', () => {})
  socket.once('close', () => {
    stream.off('data', pass)
    stream.off('close', end)
  })
  if ('write' in stream) {
    socket.on('data', (chunk) => {
      if (stream.writable) stream.write(chunk)
    })
  }
  socket.resume()
}
