import { expect, test } from 'vitest'
import { defineGuest, type GuestSpec } from '../guest/spec.js'
import { file, packages, shell } from '../guest/steps.js'
import type { Ingredients } from './cache-key.js'
import { countSharedSteps, sharedKey } from './shared-steps.js'

const conf = file('/etc/hostname', '/etc/conf')
const script = shell('true')
const count = (spec: Partial<GuestSpec>) => countSharedSteps(defineGuest({ image: 'debian', ...spec }))

test.each([
  ['all packages', [packages('a'), packages('b')], 2],
  ['files before packages', [conf, packages('a'), conf], 2],
  ['nothing behind a script', [packages('a'), script, packages('b')], 1],
  ['nothing if a script comes first', [script, packages('a')], 0],
  ['no files alone', [conf], 0],
  ['nothing of nothing', [], 0],
])('shares %s', (_title, provision, shared) => {
  expect(count({ provision })).toBe(shared)
})

test('shares only what is on the disk of a guest that takes its name at each boot', () => {
  const provision = [packages('a')]
  expect(count({ image: 'micro', provision })).toBe(0)
  expect(count({ image: 'debian-12', provision })).toBe(0)
  expect(count({ firmware: 'uefi', provision })).toBe(0)
})

test('name, cpus and memory do not decide, all else does', () => {
  const guest = { format: 1, name: 'web', image: 'i', cpus: 1, memoryBytes: 1, diskBytes: 1, provision: ['a'] }
  const host = { qemu: 'q', qemuFile: 'f', accelerator: 'tcg', cpu: 'c', argv: ['-name', 'web'] }
  const key = (other: Partial<Ingredients['guest']>, otherHost: Partial<Ingredients['host']> = {}) =>
    sharedKey({ guest: { ...guest, ...other }, host: { ...host, ...otherHost } })
  expect(key({ name: 'db', cpus: 2, memoryBytes: 2 }, { argv: ['-name', 'db'] })).toBe(key({}))
  const others = [
    key({ image: 'other' }),
    key({ diskBytes: 2 }),
    key({ display: true }),
    key({ access: '{"hostname":"other"}' }),
    key({ provision: ['b'] }),
    key({ provision: [] }),
    key({}, { qemu: 'other' }),
    key({}, { accelerator: 'kvm' }),
  ]
  expect(new Set([key({}), ...others]).size).toBe(others.length + 1)
})
