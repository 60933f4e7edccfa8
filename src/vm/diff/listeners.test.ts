import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { execa } from 'execa'
import { expect, onTestFinished, test } from 'vitest'
import { parseInventory } from './inventory.js'
import { inventoryScript } from './inventory-script.js'

async function portsHere() {
  const { stdout, stderr } = await execa('sh', ['-c', inventoryScript('mark', { roots: ['/nowhere'], pruned: [] })], {
    encoding: 'buffer',
    stripFinalNewline: false,
    reject: false,
  })
  return parseInventory('mark', Buffer.from(stdout), Buffer.from(stderr).toString()).ports
}

test('sockets of this host that listen, with the program that holds them', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  const six = createServer().listen(0, '::1')
  const datagrams = createSocket('udp4').bind(0, '127.0.0.1')
  onTestFinished(() => {
    server.close()
    six.close()
    datagrams.close()
  })
  await Promise.all([server, six, datagrams].map((socket) => once(socket, 'listening')))
  const { port } = server.address() as { port: number }
  const ports = await portsHere()
  const process = expect.stringMatching(/./)
  expect(ports.get(`tcp 127.0.0.1:${port}`)).toEqual({ process })
  expect(ports.get(`tcp [::1]:${(six.address() as { port: number }).port}`)).toEqual({ process })
  expect(ports.get(`udp 127.0.0.1:${datagrams.address().port}`)).toEqual({ process })
  server.close()
  await once(server, 'close')
  expect((await portsHere()).has(`tcp 127.0.0.1:${port}`)).toBe(false)
})
