import { expect, test } from 'vitest'
import { GIB, MIB } from '../units.js'
import { defineGuest, type GuestSpec } from './spec.js'
import { shell } from './steps.js'

test('a name alone is a guest, with defaults', () => {
  expect(defineGuest('micro')).toMatchObject({
    name: 'micro',
    image: { name: 'micro' },
    cpus: 1,
    memoryBytes: 256 * MIB,
    provision: [],
  })
})

test('numbers count MiB of memory and GiB of disk; strings say their unit', () => {
  expect(defineGuest({ image: 'debian', memory: 1024, disk: 20 })).toMatchObject({
    memoryBytes: GIB,
    diskBytes: 20 * GIB,
  })
  expect(defineGuest({ image: 'debian', memory: '1GiB', disk: '20GiB' })).toMatchObject({
    memoryBytes: GIB,
    diskBytes: 20 * GIB,
  })
})

test('a suite may follow the name', () => {
  expect(defineGuest('debian:trixie').image).toEqual({ name: 'debian', suite: 'trixie' })
  expect(() => defineGuest('debian:sarge')).toThrow(/unknown image: "debian:sarge"/)
})

test('a guest that was defined is taken as it is', () => {
  const guest = defineGuest({ image: 'micro', provision: [shell('true')] })
  expect(defineGuest(guest)).toBe(guest)
})

test('every wrong option is named, with the value received', () => {
  const wrong = {
    image: 'micro',
    cpus: 0,
    memroy: '1GiB',
    disk: '1 elephant',
    provision: [{ kind: 'file', source: 'a', target: 'relative' }],
  }
  expect(() => defineGuest(wrong as unknown as GuestSpec)).toThrow(
    expect.objectContaining({
      code: 'MAYFLY_GUEST_INVALID',
      details: [
        expect.stringMatching(/^cpus: .* \(received 0\)$/),
        expect.stringMatching(/^provision\.0\.target: .* \(received "relative"\)$/),
        expect.stringContaining('memroy'),
        expect.stringMatching(/^disk: not a size, .* \(received "1 elephant"\)$/),
      ],
    }),
  )
})

test.each([[0], ['64MiB'], ['8PiB'], [-1]])('memory of %j is refused', (memory) => {
  expect(() => defineGuest({ image: 'micro', memory })).toThrow(/memory/)
})

test('the network is a word, or a bridge', () => {
  const networkOf = (network: GuestSpec['network']) => defineGuest({ image: 'micro', network }).network
  expect(networkOf(undefined)).toEqual({ mode: 'user' })
  expect(networkOf('none')).toEqual({ mode: 'none' })
  expect(networkOf('tap')).toEqual({ mode: 'tap', bridge: 'br0' })
  expect(networkOf({ mode: 'tap' })).toEqual({ mode: 'tap', bridge: 'br0' })
  expect(networkOf({ mode: 'tap', bridge: 'virbr1', leases: '/l' })).toEqual({
    mode: 'tap',
    bridge: 'virbr1',
    leases: '/l',
  })
  expect(() => networkOf({ mode: 'tap', bridge: 'a bridge/of:mine' })).toThrow(/network/)
  expect(() => networkOf('bridged' as 'tap')).toThrow(/network/)
})

test('the architecture is that of the host, or the one that is named', () => {
  expect(defineGuest('micro').arch).toBe(process.arch)
  expect(defineGuest({ image: 'micro', arch: 'aarch64' }).arch).toBe('arm64')
  expect(defineGuest({ image: 'micro', arch: 'x86_64' }).arch).toBe('x64')
})

test('what makes no machine together is refused', () => {
  const alone: GuestSpec = { image: 'micro', network: 'none', provision: [shell('true')] }
  expect(() => defineGuest(alone)).toThrow(/provision steps run over SSH/)
  expect(() => defineGuest({ image: 'micro', arch: 'aarch64', display: true })).toThrow(/no display on aarch64/)
})
