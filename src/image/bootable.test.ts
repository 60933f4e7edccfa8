import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import { resolveBootable } from './bootable.js'
import { send, serve, sha256Hex } from './download/testing/file-server.js'
import { type PrivateStore, privateStore } from './download/testing/private-store.js'
import { type Disks, makeDisks, qcow2Bytes } from './testing/disks.js'

let cache: PrivateStore
let disks: Disks
beforeEach(async () => {
  cache = await privateStore()
  disks = await makeDisks()
})
afterEach(async () => {
  await cache[Symbol.asyncDispose]()
  await disks[Symbol.asyncDispose]()
})

const features = { seed: false, agent: false }

test('a file is booted where it lies; its format is what its bytes say', async () => {
  const path = await disks.make('disk.raw')
  const image = await resolveBootable({ path }, cache.options)
  expect(image).toMatchObject({ name: 'disk.raw', dir: disks.directory, features, cmdline: [] })
  expect(image.disk).toEqual({ path, format: 'qcow2', virtualSizeBytes: 1024 ** 2 })
  expect(image.kernel).toBeUndefined()
  await writeFile(path, await qcow2Bytes(disks, 2))
  expect((await resolveBootable({ path }, cache.options)).digest).not.toBe(image.digest)
})

test('a file that is not what it must be is refused', async () => {
  const path = await disks.make('disk.qcow2')
  const sha256 = sha256Hex(await readFile(path))
  const image = await resolveBootable({ path, sha256 }, cache.options)
  expect(image.digest).toBe(`sha256:${sha256}`)
  await expect(resolveBootable({ path, sha256: '0'.repeat(64) }, cache.options)).rejects.toMatchObject({
    code: 'MAYFLY_IMAGE_CHECKSUM_MISMATCH',
    details: [`expected sha256 ${'0'.repeat(64)}`, `found sha256 ${sha256}`],
  })
})

test('a layer over another file is refused', async () => {
  const base = await disks.make('base.qcow2')
  const path = await disks.make('layer.qcow2', '-b', base, '-F', 'qcow2')
  await expect(resolveBootable({ path }, cache.options)).rejects.toMatchObject({ code: 'MAYFLY_IMAGE_CORRUPT' })
})

test('a compressed file is unpacked into the store', async () => {
  const bytes = await qcow2Bytes(disks)
  const directory = await mkdtemp(join(tmpdir(), 'mayfly-disks-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  const path = join(directory, 'disk.gz')
  await writeFile(path, gzipSync(bytes))
  const image = await resolveBootable({ path }, cache.options)
  expect(image).toMatchObject({ digest: `sha256:${sha256Hex(bytes)}`, features })
  expect(image.dir).toBe(join(cache.store.images, sha256Hex(bytes)))
})

test('an address is asked once, whoever wants the image', async () => {
  const bytes = await qcow2Bytes(disks)
  let asked = 0
  await using server = await serve((request, response) => {
    asked++
    send(request, response, bytes)
  })
  const reference = { url: `${server.origin}/noble.img` }
  const first = await resolveBootable(reference, cache.options)
  expect(first).toMatchObject({ name: 'noble', digest: `sha256:${sha256Hex(bytes)}`, disk: { format: 'qcow2' } })
  const requests = asked
  expect(await resolveBootable(reference, cache.options)).toEqual(first)
  expect(asked).toBe(requests)
})

test('an address that has other bytes than were said is refused', async () => {
  const bytes = await qcow2Bytes(disks)
  await using server = await serve((request, response) => send(request, response, bytes))
  const reference = { url: `${server.origin}/noble.img`, sha256: 'A'.repeat(64) }
  await expect(resolveBootable(reference, cache.options)).rejects.toMatchObject({
    code: 'MAYFLY_IMAGE_CHECKSUM_MISMATCH',
  })
})
