import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { encodeFrame, FRAME } from './channel-frames.js'
import { RelayedChannel } from './relayed-channel.js'

test('a command that has ended before it is fed has its status all the same', async () => {
  const server = createServer((socket) => {
    socket.resume()
    // In one piece, as both may come of a command that reads nothing.
    socket.end(Buffer.concat([encodeFrame(FRAME.opened), encodeFrame(FRAME.closed, '[0]')]))
  }).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const channel = await new Promise<RelayedChannel>((resolve, reject) => {
    const made = new RelayedChannel(socket, (error) => (error ? reject(error) : resolve(made)), reject)
  })
  const closed = once(channel, 'close')
  channel.resume()
  channel.end(Buffer.alloc(5_000_000))
  expect(await closed).toEqual([0])
})
