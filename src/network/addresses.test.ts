import { expect, test } from 'vitest'
import { cardOf } from './card.js'
import { parseLeases } from './leases.js'
import { parseNeighbours, subnet } from './neighbours.js'

const MAC = '52:54:a1:b2:c3:d4'

test('a card on a bridge follows from the id, and its interface has a name that the kernel takes', () => {
  const tap = { mode: 'tap', bridge: 'br0' } as const
  const [first, again, other] = [cardOf(tap, 'micro-1', 0), cardOf(tap, 'micro-1', 13), cardOf(tap, 'micro-2', 0)]
  if (first.mode !== 'tap' || again.mode !== 'tap' || other.mode !== 'tap') throw new Error('not on a bridge')
  expect(first.mac).toMatch(/^52:54(:[0-9a-f]{2}){4}$/)
  expect(again.mac).toBe(first.mac)
  expect(other.mac).not.toBe(first.mac)
  expect(first.interface).toMatch(/^mayfly[0-9a-f]{8}0$/)
  expect(first.interface).toHaveLength(15)
  expect(again.interface).toBe(`${first.interface.slice(0, -1)}3`)
  expect(cardOf({ mode: 'none' }, 'micro-1', 0)).toEqual({ mode: 'none' })
})

test.each([
  ['dnsmasq', `1767225600 ${MAC.toUpperCase()} 10.0.0.5 micro *\n1767225600 52:54:00:00:00:01 10.0.0.6 * *\n`],
  [
    'ISC dhcpd',
    `# a comment\nlease 10.0.0.9 {\n  starts 4;\n  hardware ethernet ${MAC};\n}\nlease 10.0.0.5 {\n  hardware ethernet ${MAC};\n  client-hostname "m";\n}\n`,
  ],
  ['libvirt', JSON.stringify([{ 'ip-address': '10.0.0.5', 'mac-address': MAC, 'expiry-time': 1 }])],
])('the leases of %s are read; the last one counts', (_, text) => {
  expect(parseLeases(text).get(MAC)).toBe('10.0.0.5')
})

test('a lease file that is being written has no leases yet', () => {
  expect(parseLeases('[{"ip-addr').size).toBe(0)
  expect(parseLeases('lease 10.0.0.5 {\n  hardware').size).toBe(0)
})

test('neighbours are those on the bridge whose address is known', () => {
  const table = [
    'IP address       HW type     Flags       HW address            Mask     Device',
    `10.0.0.4         0x1         0x0         ${MAC}     *        br0`,
    `10.0.0.6         0x1         0x2         ${MAC}     *        br1`,
    `10.0.0.5         0x1         0x2         ${MAC.toUpperCase()}     *        br0`,
    '',
  ].join('\n')
  expect([...parseNeighbours(table, 'br0')]).toEqual([[MAC, '10.0.0.5']])
})

test('all of a small subnet is asked for, and nothing of a large one', () => {
  expect(subnet('192.168.7.130', 29)).toEqual([129, 131, 132, 133, 134].map((last) => `192.168.7.${last}`))
  expect(subnet('10.1.2.3', 24)).toHaveLength(253)
  expect(subnet('10.1.2.3', 16)).toEqual([])
  expect(subnet('10.1.2.3', 32)).toEqual([])
})
