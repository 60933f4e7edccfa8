import { expect, test } from 'vitest'
import type { MayflyError } from '../errors.js'
import { zod } from '../zod.js'
import { OPTIONS } from './options.js'
import { defineGuest, type GuestSpec, guestSchema } from './spec.js'
import { shell } from './steps.js'

function detailsOf(spec: unknown): readonly string[] {
  try {
    defineGuest(spec as GuestSpec)
  } catch (error) {
    expect(error).toMatchObject({ code: 'MAYFLY_GUEST_INVALID' })
    return (error as MayflyError).details
  }
  throw new Error('the guest was accepted')
}

const cyclic: Record<string, unknown> = { version: 2 }
cyclic.self = cyclic
const revoked = Proxy.revocable({}, {})
revoked.revoke()
const lockedProxy = new Proxy(
  {},
  {
    ownKeys() {
      throw new Error('no\nkeys')
    },
  },
)
const throwing = {
  image: 'micro',
  get cpus() {
    throw new Error('boom')
  },
  memory: true,
}
class Web {
  image = 'micro'
}
let deep: unknown = 1
for (let level = 0; level < 10_000; level++) deep = { deep }

test.each<[string, unknown, string[]]>([
  [
    'a getter that throws',
    throwing,
    ['cpus: cannot be read: boom', expect.stringMatching(/^memory: expected a number of MiB/) as string],
  ],
  ['a proxy that throws', lockedProxy, ['guest: cannot be read: no\\nkeys']],
  [
    'a revoked proxy',
    { image: revoked.proxy },
    ["image: cannot be read: Cannot perform 'IsArray' on a proxy that has been revoked"],
  ],
  ['a BigInt', { image: 'micro', cpus: 2n }, ['cpus: a BigInt is not allowed: write 2']],
  ['a function', { image: 'micro', memory: () => 1 }, ['memory: a function is not allowed']],
  ['a symbol', { image: Symbol('x') }, ['image: a symbol is not allowed']],
  ['a symbol as a key', { image: 'micro', [Symbol('x')]: 1 }, ['Symbol(x): a symbol is not the name of an option']],
  ['an instance of a class', new Web(), ['guest: an instance of Web is not allowed: write plain data']],
  ['a URL', { image: new URL('https://example.org') }, ['image: an instance of URL is not allowed: write plain data']],
  [
    'NaN in a document',
    { image: { path: 'd' }, cloudInit: { userData: { a: [NaN] } } },
    ['cloudInit.userData.a.0: not a finite number: NaN'],
  ],
  [
    'a cyclic value',
    { image: { path: 'd' }, cloudInit: { networkConfig: cyclic } },
    ['cloudInit.networkConfig.self: the value contains itself'],
  ],
  [
    'a value that is nested too deep',
    { image: { path: 'd' }, cloudInit: { networkConfig: deep } },
    [expect.stringContaining('nested more than 64 levels deep') as string],
  ],
])('%s is refused, with one line for each fault', (_, spec, details) => {
  expect(detailsOf(spec)).toEqual(details)
})

test('a proxy of plain data, and a value that is given twice, are plain data', () => {
  const document = { a: 1 }
  const spec = new Proxy({ image: { path: 'd' }, cloudInit: { userData: document, networkConfig: document } }, {})
  expect(defineGuest(spec).cloudInit).toEqual({ userData: document, networkConfig: document, raw: false })
})

test.each<[object, string]>([
  [{ cpu: 2 }, 'cpu: there is no such option. Did you mean cpus?'],
  [{ vcpus: 2 }, 'vcpus: there is no such option. Did you mean cpus?'],
  [{ memroy: 2 }, 'memroy: there is no such option. Did you mean memory?'],
  [{ RAM: 2 }, 'RAM: there is no such option. Did you mean memory?'],
  [{ hostname: 'a' }, 'hostname: there is no such option. It belongs into cloudInit: { hostname }.'],
  [{ ssh: { memory: 1 } }, 'ssh.memory: there is no such option. It belongs beside ssh, not into it.'],
  [{ image: { path: 'd', sha265: 'a' } }, 'image.sha265: there is no such option. Did you mean sha256?'],
  [{ arch: 'arm64' }, "arch: expected 'x86_64' or 'aarch64' (received \"arm64\"). Write 'aarch64'."],
  [{ firmware: 'uefy' }, "firmware: expected 'bios' or 'uefi' (received \"uefy\"). Did you mean 'uefi'?"],
  [{ network: { mode: 'none' } }, "network.mode: expected 'tap' (received \"none\"). Write network: 'none'."],
  [
    { network: 'bridged' },
    "network: expected 'user', 'none', 'tap' or { mode: 'tap', bridge: 'br0' } (received \"bridged\"). Write 'tap'.",
  ],
  [
    { provision: shell('true') },
    expect.stringMatching(
      /^provision: .* \(received an object with kind, script\). Put steps into a list\.$/,
    ) as string,
  ],
  [{ provision: ['apt install x'] }, expect.stringMatching(/Write shell\(…\) around a script\.$/) as string],
  [
    { provision: [shell('#!/bin/sh\r\ntrue\r\n')] },
    expect.stringMatching(/^provision\.0\.script: has CRLF line ends/) as string,
  ],
  [{ provision: [shell('true\0')] }, expect.stringMatching(/^provision\.0\.script: holds a NUL/) as string],
  [{ display: 'x'.repeat(500) }, `display: expected true or false (received "${'x'.repeat(60)}…")`],
])('%j is told what was meant', (options, detail) => {
  expect(detailsOf({ image: 'micro', ...options })).toEqual([detail])
})

test('a key and user-data are not shown, and no object as a whole', () => {
  const secret = '-----BEGIN PRIVATE KEY-----\ns3cret'
  const image = { path: 'd', s3cret: { of: 's3cret value' } }
  const spec = { image, ssh: { authorizedKeys: [secret], privateKey: 7 }, cloudInit: { userData: 7 }, cpus: image }
  const text = detailsOf(spec).join('\n')
  expect(text).toContain('ssh.authorizedKeys.0: expected a public key, on one line\n')
  expect(text).toContain('cpus: expected a whole number from 1 to 255 (received an object with path, s3cret)')
  expect(text).not.toMatch(/BEGIN|s3cret value|\b7\b/)
})

test.each(['./disk.qcow2', '/srv/disk', 'disk.img.xz', '../a.vmdk'])('the path %s is told to be an object', (path) => {
  expect(() => defineGuest(path)).toThrow(`Write it as an object: { path: '${path}' }`)
})

test('every option of the schema is described', () => {
  const schema = zod().toJSONSchema(guestSchema(), { io: 'input', unrepresentable: 'any' })
  const missing: string[] = []
  const visit = (node: unknown, path: string) => {
    if (typeof node !== 'object' || node === null) return
    const { properties = {}, items, anyOf = [], oneOf = [] } = node as Record<string, never>
    for (const one of [...(anyOf as unknown[]), ...(oneOf as unknown[])]) visit(one, path)
    if (items) visit(items, `${path}.*`)
    for (const [name, field] of Object.entries(properties)) {
      const at = path === '' ? name : `${path}.${name}`
      if (OPTIONS[at] === undefined) missing.push(at)
      visit(field, at)
    }
  }
  visit(schema, '')
  expect(missing).toEqual([])
})

test.each([
  [{ memory: '512MB' }, /memory is not a whole number of MiB: "512MB"[\s\S]*Write '512MiB'/],
  [{ memory: 512.5 }, /memory is not a whole number of MiB: 512.5[\s\S]*Write '513MiB'/],
  [{ disk: '1.5MB' }, /disk is not a whole number of sectors/],
  [{ name: 'my_web' }, /name: "my_web" cannot be the host name as well\. Write 'my-web'/],
])('%j is refused rather than changed', (options, message) => {
  expect(() => defineGuest({ image: 'micro', ...options })).toThrow(message)
})

test('a size and a name that need no change are taken as they are', () => {
  expect(defineGuest({ image: 'micro', disk: '20GB' }).diskBytes).toBe(20_000_000_000)
  expect(defineGuest({ image: 'micro', name: 'db.example.org' }).hostname).toBe('db.example.org')
  expect(defineGuest({ image: 'micro', name: 'my web', cloudInit: { hostname: 'web' } }).hostname).toBe('web')
  expect(defineGuest({ image: { path: 'my_disk.qcow2' } })).toMatchObject({ name: 'my_disk', hostname: 'my-disk' })
})
