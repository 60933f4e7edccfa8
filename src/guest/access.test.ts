import { expect, test } from 'vitest'
import { GIB } from '../units.js'
import { defineGuest, type GuestSpec } from './spec.js'

const KEY = 'ssh-ed25519 AAAAC3Nza me'
const disk = { path: 'disk.qcow2' }

test('a disk with a boot loader is started by BIOS and set up by cloud-init, unless it is told otherwise', () => {
  expect(defineGuest({ image: { path: 'images/web-server.img.xz' } })).toMatchObject({
    name: 'web-server',
    hostname: 'web-server',
    firmware: 'bios',
    cloudInit: { raw: false },
    ssh: { user: 'root', authorizedKeys: [] },
    memoryBytes: GIB,
    diskBytes: 8 * GIB,
  })
  const bare = defineGuest({
    image: { path: 'disk.raw' },
    firmware: 'uefi',
    cloudInit: false,
    ssh: { user: 'me', privateKey: '/keys/id', hostKey: KEY },
  })
  expect(bare).toMatchObject({ firmware: 'uefi', ssh: { user: 'me', privateKey: '/keys/id' }, diskBytes: 0 })
  expect(bare.cloudInit).toBeUndefined()
})

test('names of the catalogue and addresses are disks with a boot loader', () => {
  expect(defineGuest('debian-12')).toMatchObject({ name: 'debian-12', hostname: 'debian-12', firmware: 'bios' })
  const url = 'https://example.org/images/noble-server.qcow2'
  expect(defineGuest({ image: { url } })).toMatchObject({ name: 'noble-server', image: { url }, firmware: 'bios' })
})

test('aarch64 has UEFI alone', () => {
  expect(defineGuest({ image: disk, arch: 'aarch64' }).firmware).toBe('uefi')
})

test('a kernel that is booted directly has UEFI if it is asked for, and takes no notice of a BIOS', () => {
  expect(defineGuest({ image: 'micro', firmware: 'uefi' }).firmware).toBe('uefi')
  expect(defineGuest({ image: { kernel: 'vmlinuz' }, firmware: 'bios' }).firmware).toBeUndefined()
})

test('embedded guests have neither, but a host name and whoever may log in', () => {
  const guest = defineGuest({ image: 'micro', cloudInit: { hostname: 'db.test' }, ssh: { authorizedKeys: [KEY] } })
  expect(guest).toMatchObject({ name: 'micro', hostname: 'db.test', ssh: { user: 'root', authorizedKeys: [KEY] } })
  expect([guest.firmware, guest.cloudInit]).toEqual([undefined, undefined])
})

test('a kernel has cloud-init only if it is told so', () => {
  const image = { kernel: 'vmlinuz', disk: 'disk.qcow2' }
  expect(defineGuest({ image }).cloudInit).toBeUndefined()
  const seeded = defineGuest({ image, cloudInit: {}, ssh: { user: 'me' } })
  expect([seeded.firmware, seeded.cloudInit]).toEqual([undefined, { raw: false }])
})

test.each<[GuestSpec, RegExp]>([
  [{ image: disk, firmware: 'bios', arch: 'aarch64' }, /firmware: there is no BIOS on aarch64/],
  [
    { image: 'debian', cloudInit: { userData: '#cloud-config\n' } },
    /cloudInit\.userData: this guest has no cloud-init/,
  ],
  [{ image: 'micro', cloudInit: { networkConfig: {} } }, /cloudInit\.networkConfig/],
  [{ image: 'micro', ssh: { user: 'me' } }, /ssh\.user: this guest has root alone/],
  [{ image: { kernel: 'k' }, ssh: { user: 'me' } }, /ssh\.user/],
  [{ image: disk, ssh: { privateKey: 'id' } }, /ssh\.privateKey: Mayfly gives this guest a key of its own/],
  [{ image: disk, ssh: { hostKey: KEY } }, /ssh\.hostKey/],
  [{ image: disk, cloudInit: false }, /ssh\.privateKey: without cloud-init[\s\S]*ssh\.hostKey: without cloud-init/],
  [{ image: disk, cloudInit: { raw: true } }, /cloudInit\.raw: there is no userData/],
  [
    { image: disk, cloudInit: { userData: 'x', raw: true }, ssh: { authorizedKeys: [KEY] } },
    /ssh\.authorizedKeys: raw/,
  ],
  [{ image: disk, cloudInit: { hostname: 'not a name' } }, /cloudInit\.hostname: expected a host name/],
  [{ image: disk, ssh: { authorizedKeys: ['two\nlines'] } }, /expected a public key, on one line/],
  [{ image: { url: 'ftp://example.org/disk' } }, /image\.url: /],
  [{ image: { url: 'https://example.org/disk', sha256: 'abc' } }, /image\.sha256: expected 64 hexadecimal digits/],
])('%j is refused', (spec, message) => {
  expect(() => defineGuest(spec)).toThrow(expect.objectContaining({ code: 'MAYFLY_GUEST_INVALID' }))
  expect(() => defineGuest(spec)).toThrow(message)
})
