import { expect, test } from 'vitest'
import { canonicalAddress, parseListeners, parseSocketOwners } from './listeners.js'

const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 101 1 0000 100 0 0 10 0
   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000    33        0 102 1 0000 100 0 0 10 0
   2: 0F02000A:0016 0202000A:D2F0 01 00000000:00000000 02:00000000 00000000     0        0 103 1 0000 20 4 30 10 -1`
const TCP6 = `  sl  local_address                         remote_address                        st ...
   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 104 1
   1: 00000000000000000000000001000000:0051 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 105 1
   2: 0000000000000000FFFF00000F02000A:0052 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 106 1`
const UDP = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  100: 3500007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000   101        0 107 2 0000 0
  101: 0F02000A:C000 0302000A:0035 01 00000000:00000000 00:00000000 00000000   101        0 108 2 0000 0`

test('sockets that listen, and who has them', () => {
  const owners = parseSocketOwners(
    '/proc/40/fd:\nlrwx------ 1 root root 64 Nov 21 16:50 3 -> socket:[101]\n' +
      '/proc/39/fd:\nlrwx------ 1 root root 64 Nov 21 16:50 3 -> socket:[101]\nl-wx------ 1 root root 64 1 -> pipe:[9]\n',
  )
  expect(parseListeners('tcp', TCP, owners, new Map([[39, 'sshd']]))).toEqual([
    { protocol: 'tcp', address: '0.0.0.0', port: 22, pids: [39, 40], process: 'sshd' },
    { protocol: 'tcp', address: '127.0.0.1', port: 8080, pids: [], process: undefined },
  ])
})

test('IPv6 addresses, also those that are of IPv4', () => {
  const addresses = parseListeners('tcp', TCP6, new Map(), new Map()).map(({ address, port }) => [address, port])
  expect(addresses).toEqual([
    ['::', 80],
    ['::1', 81],
    ['10.0.2.15', 82],
  ])
})

test('a UDP socket with a peer takes from nobody else', () => {
  const listeners = parseListeners('udp', UDP, new Map(), new Map())
  expect(listeners).toMatchObject([{ protocol: 'udp', address: '127.0.0.53', port: 53 }])
})

test.each([
  ['127.0.0.1', '127.0.0.1'],
  ['0:0:0:0:0:0:0:1', '::1'],
  ['FE80::1%eth0', 'fe80::1'],
])('%s is %s', (address, canonical) => {
  expect(canonicalAddress(address)).toBe(canonical)
})
