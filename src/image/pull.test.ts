import { execFileSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { Checksum } from './download/checksum.js'
import { type Answer, send, serve, sha256Hex } from './download/testing/file-server.js'
import { type PrivateStore, privateStore } from './download/testing/private-store.js'
import { importDisk } from './import-disk.js'
import { pullUrl } from './pull.js'
import { type Disks, makeDisks, qcow2Bytes } from './testing/disks.js'

let cache: PrivateStore
let disks: Disks
let bytes: Buffer
let checksum: Checksum
beforeEach(async () => {
  cache = await privateStore()
  disks = await makeDisks()
  bytes = await qcow2Bytes(disks)
  checksum = { algorithm: 'sha256', hex: sha256Hex(bytes) }
})
afterEach(async () => {
  await cache[Symbol.asyncDispose]()
  await disks[Symbol.asyncDispose]()
})

const stored = () => readdir(cache.store.images)

/** Nothing half-made, wherever it was made. */
async function expectNothingElse() {
  expect((await readdir(cache.session.directory)).filter((name) => !['alive', 'uses'].includes(name))).toEqual([])
  expect(await readdir(cache.store.downloads)).toEqual([])
}

describe('an image at an address', () => {
  const sendingDisk: Answer = (request, response) => send(request, response, bytes)

  test('lies in the store under its digest, read from nowhere but there', async () => {
    await using server = await serve(sendingDisk)
    const url = `${server.origin}/a/disk.img`
    const { image, cached } = await pullUrl({ name: 'mine', url, checksum, architecture: 'x86_64' }, cache.options)
    expect(cached).toBe(false)
    expect(image).toMatchObject({
      name: 'mine',
      digest: `sha256:${checksum.hex}`,
      disk: { format: 'qcow2', virtualSizeBytes: 1024 ** 2, sizeBytes: bytes.length },
      sources: [{ name: 'mine', url, architecture: 'x86_64', checksum, validator: { etag: expect.any(String) } }],
    })
    expect(await stored()).toEqual([checksum.hex])
    expect((await readFile(image.disk.path)).equals(bytes)).toBe(true)
    await expectNothingElse()
  })

  test('is asked for once when its checksum is known', async () => {
    await using server = await serve(sendingDisk)
    const source = { name: 'mine', url: `${server.origin}/disk.img`, checksum }
    await pullUrl(source, cache.options)
    expect(await pullUrl(source, cache.options)).toMatchObject({ cached: true })
    expect(server.requests).toHaveLength(1)
  })

  test('is not transferred again while the server has the same, and is when it has another', async () => {
    let content = bytes
    await using server = await serve((request, response) => send(request, response, content))
    const source = { name: 'mine', url: `${server.origin}/disk.img` }
    await pullUrl(source, cache.options)
    expect(await pullUrl(source, cache.options)).toMatchObject({ cached: true })
    expect(server.requests[1]?.headers['if-none-match']).toBe(`"${checksum.hex.slice(0, 16)}"`)
    expect(await pullUrl(source, { ...cache.options, ifMissing: true })).toMatchObject({ cached: true })
    expect(server.requests).toHaveLength(2)
    content = await qcow2Bytes(disks, 2)
    const { image, cached } = await pullUrl(source, cache.options)
    expect({ cached, digest: image.digest }).toEqual({ cached: false, digest: `sha256:${sha256Hex(content)}` })
    expect(await stored()).toHaveLength(2)
    // From now on that is what it is.
    expect(await pullUrl(source, { ...cache.options, ifMissing: true })).toMatchObject({
      image: { digest: image.digest },
    })
  })

  test('follows its publisher’s checksum file', async () => {
    let content = bytes
    await using server = await serve((request, response) => {
      const sums = `${sha256Hex(content)} *disk.img\n`
      send(request, response, request.url === '/SHA256SUMS' ? Buffer.from(sums) : content)
    })
    const source = { name: 'mine', url: `${server.origin}/disk.img`, checksum: { url: `${server.origin}/SHA256SUMS` } }
    expect(await pullUrl(source, cache.options)).toMatchObject({ cached: false })
    expect(await pullUrl(source, cache.options)).toMatchObject({ cached: true })
    content = await qcow2Bytes(disks, 2)
    expect(await pullUrl(source, cache.options)).toMatchObject({ cached: false })
    expect(server.requests.map(({ path }) => path)).toEqual([
      '/SHA256SUMS',
      '/disk.img',
      '/SHA256SUMS',
      '/SHA256SUMS',
      '/disk.img',
    ])
  })

  test('that several have is stored once, with all of its names', async () => {
    await using server = await serve(sendingDisk)
    for (const name of ['one', 'two']) await pullUrl({ name, url: `${server.origin}/${name}.img` }, cache.options)
    const { image } = await pullUrl({ name: 'three', url: `${server.origin}/three.img`, checksum }, cache.options)
    expect(image.sources.map(({ name }) => name)).toEqual(['one', 'two', 'three'])
    expect(server.requests).toHaveLength(2)
    expect(await stored()).toHaveLength(1)
  })

  test('is looked for at a mirror, then at its publisher; a mirror that is behind does not matter', async () => {
    const old = await qcow2Bytes(disks, 2)
    await using broken = await serve((_, response) => response.writeHead(404).end())
    await using behind = await serve((request, response) => send(request, response, old))
    await using server = await serve(sendingDisk)
    const mirrors = [broken, behind].map(({ origin }) => ({ from: `${server.origin}/`, to: `${origin}/mirror/` }))
    const source = { name: 'mine', url: `${server.origin}/disk.img`, checksum }
    const { image } = await pullUrl(source, { ...cache.options, mirrors })
    expect(image.digest).toBe(`sha256:${checksum.hex}`)
    expect(broken.requests[0]?.path).toBe('/mirror/disk.img')
    expect(behind.requests).toHaveLength(1)
    expect(image.sources[0]?.url).toBe(source.url)
  })

  test('goes on at the publisher where its mirror has ended', async () => {
    await using mirror = await serve((request, response) =>
      send(request, response, bytes, { dropAt: bytes.length - 1000, ignoreRange: true }),
    )
    await using server = await serve(sendingDisk)
    const mirrors = [{ from: `${server.origin}/`, to: `${mirror.origin}/` }]
    await pullUrl({ name: 'mine', url: `${server.origin}/disk.img`, checksum }, { ...cache.options, mirrors })
    expect(server.requests[0]).toMatchObject({ range: expect.stringMatching(/^bytes=[1-9]/) })
    expect(server.requests[0]?.headers['if-range']).toBeUndefined()
  })

  test.each([
    ['a backing file', ['-b', '/etc/hostname', '-F', 'raw', '-u']],
    ['an external data file', ['-o', 'data_file=stolen.raw']],
  ])('with %s is refused', async (_, args) => {
    const { length } = await readdir(disks.directory)
    bytes = await readFile(await disks.make(`bad-${length}.qcow2`, ...args))
    await using server = await serve(sendingDisk)
    await expect(pullUrl({ name: 'mine', url: `${server.origin}/disk.img` }, cache.options)).rejects.toMatchObject({
      code: 'MAYFLY_IMAGE_CORRUPT',
      message: expect.stringContaining('is a layer over another file'),
    })
    expect(await stored()).toEqual([])
    await expectNothingElse()
  })

  test.each([
    ['a text', Buffer.from('Hello, world!')],
    ['nothing', Buffer.alloc(0)],
  ])('that is %s is no image', async (_, content) => {
    bytes = content
    await using server = await serve(sendingDisk)
    await expect(pullUrl({ name: 'mine', url: `${server.origin}/disk.img` }, cache.options)).rejects.toThrow(
      'is not a disk image',
    )
    expect(await stored()).toEqual([])
  })

  test('of a password is stored without it', async () => {
    await using server = await serve(sendingDisk)
    const url = `${server.origin.replace('://', '://me:secret@')}/disk.img`
    await pullUrl({ name: 'mine', url }, cache.options)
    expect(await pullUrl({ name: 'mine', url }, { ...cache.options, ifMissing: true })).toMatchObject({ cached: true })
    const manifest = await readFile(join(cache.store.images, checksum.hex, 'manifest.json'), 'utf8')
    expect(manifest).not.toContain('secret')
  })
})

describe.runIf(process.getuid?.() === 0)('a full disk', () => {
  test.each([
    ['when the server says how much it will be', true],
    ['when it does not', false],
  ])('is told %s, and nothing is left on it', async (_, says) => {
    const root = await mkdtemp(join(tmpdir(), 'mayfly-small-'))
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'none', root])
    onTestFinished(async () => {
      execFileSync('umount', ['-l', root])
      await rm(root, { recursive: true, force: true })
    })
    await using small = await privateStore(root)
    const large = Buffer.alloc(8 * 1024 ** 2, 7)
    await using server = await serve((request, response) => {
      if (says) send(request, response, large)
      else response.writeHead(200).end(large)
    })
    await expect(pullUrl({ name: 'mine', url: `${server.origin}/disk.img` }, small.options)).rejects.toMatchObject({
      code: 'MAYFLY_CACHE_UNUSABLE',
    })
    const parts = await Promise.all(
      (await readdir(small.store.downloads)).map((key) => readdir(join(small.store.downloads, key))),
    )
    expect(parts.flat().filter((name) => name === 'state.json')).toEqual([])
    expect(await readdir(small.store.images)).toEqual([])
  })
})

describe('a disk of the user’s own', () => {
  test('is copied, also from what is compressed, and is the same image', async () => {
    const path = await disks.make('own.qcow2')
    const { image } = await importDisk({ path, name: 'own' }, cache.options)
    await writeFile(`${path}.gz`, gzipSync(await readFile(path)))
    const again = await importDisk({ path: `${path}.gz` }, cache.options)
    expect(again).toMatchObject({ cached: true, image: { digest: image.digest } })
    expect(again.image.sources.map(({ name }) => name)).toEqual(['own', 'own.qcow2.gz'])
    await expectNothingElse()
  })

  test('is refused while it reads other files, and taken with them when asked', async () => {
    await disks.make('base.qcow2')
    const path = await disks.make('layer.qcow2', '-b', 'base.qcow2', '-F', 'qcow2')
    await expect(importDisk({ path }, cache.options)).rejects.toMatchObject({ code: 'MAYFLY_IMAGE_CORRUPT' })
    const { image } = await importDisk({ path, convert: true }, cache.options)
    expect(image.disk).toMatchObject({ format: 'qcow2', virtualSizeBytes: 1024 ** 2 })
    await expectNothingElse()
  })

  test('of another format is refused by its content, and taken when asked', async () => {
    const path = await disks.make('looks-like.qcow2', '-f', 'vmdk')
    await expect(importDisk({ path }, cache.options)).rejects.toThrow('is of format vmdk')
    const { image } = await importDisk({ path, convert: true }, cache.options)
    expect(image.disk.format).toBe('qcow2')
  })

  test('is compared with a checksum that is given', async () => {
    const path = await disks.make('own.qcow2')
    await expect(
      importDisk({ path, checksum: { algorithm: 'sha512', hex: '0'.repeat(128) } }, cache.options),
    ).rejects.toMatchObject({
      code: 'MAYFLY_IMAGE_CHECKSUM_MISMATCH',
    })
    expect(await stored()).toEqual([])
  })

  test.each(['missing.qcow2', '.'])('that is %s is none', async (name) => {
    await expect(importDisk({ path: join(disks.directory, name) }, cache.options)).rejects.toMatchObject({
      code: expect.stringMatching(/^MAYFLY_IMAGE_(?:NOT_FOUND|CORRUPT)$/),
    })
  })
})
