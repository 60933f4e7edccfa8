import { open, readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { silent } from '../host/progress.js'
import { privateStore } from './download/testing/private-store.js'
import { resolveImage } from './resolve.js'
import { type Disks, makeDisks } from './testing/disks.js'
import { soundDisk, wholeDisk } from './whole-disk.js'

let disks: Disks
beforeEach(async () => {
  disks = await makeDisks()
})
afterEach(() => disks[Symbol.asyncDispose]())

const corrupt = (message: string | RegExp) =>
  expect.objectContaining({ code: 'MAYFLY_IMAGE_CORRUPT', message: expect.stringMatching(message) })

/** A qcow2 that has data, whose second half is gone. */
async function half(): Promise<string> {
  const path = await disks.make('half.qcow2')
  await execa('qemu-io', ['-f', 'qcow2', '-c', 'write -P 7 0 1M', path]).catch(async () => {
    const raw = join(disks.directory, 'data.raw')
    await writeFile(raw, Buffer.alloc(1024 ** 2, 7))
    await execa('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', raw, path])
  })
  await truncate(path, Math.floor((await stat(path)).size / 2))
  return path
}

test('one whose end is missing is refused, also as the disk of a kernel and at a path', async () => {
  const path = await half()
  await expect(soundDisk(path)).rejects.toEqual(corrupt(/is damaged[\s\S]*qemu-img check: .*errors/))
  await using cache = await privateStore()
  const options = { store: cache.store, workshop: cache.session, progress: silent }
  const kernel = join(disks.directory, 'kernel')
  await writeFile(kernel, 'kernel')
  await expect(resolveImage({ kernel, disk: path, cmdline: '', agent: false }, options)).rejects.toEqual(corrupt(path))
  await expect(resolveImage({ path }, options)).rejects.toEqual(corrupt(path))
})

test.each([
  ['qcow2', ['-o', 'encrypt.format=luks,encrypt.key-secret=s']],
  ['luks', ['-o', 'key-secret=s']],
])('an encrypted %s is refused', async (format, options) => {
  const path = join(disks.directory, 'locked')
  await execa('qemu-img', ['create', '--object', 'secret,id=s,data=x', '-f', format, ...options, path, '1M'])
  await expect(wholeDisk(path)).rejects.toEqual(corrupt(`the disk ${path} is encrypted`))
})

test('one of text that names files of the host is refused before QEMU reads it', async () => {
  const path = join(disks.directory, 'flat.vmdk')
  await writeFile(path, '# Disk DescriptorFile\nversion=1\ncreateType="monolithicFlat"\nRW 8 FLAT "/etc/passwd" 0\n')
  await expect(wholeDisk(path)).rejects.toEqual(corrupt(/is of format vmdk/))
})

test.each(['vmdk', 'vdi', 'vhdx', 'vpc', 'qed', 'qcow', 'parallels'])(
  'a %s is told by how it begins',
  async (format) => {
    const path = join(disks.directory, `disk.${format}`)
    await execa('qemu-img', ['create', '-f', format, path, '1M'])
    await expect(wholeDisk(path)).rejects.toEqual(corrupt(`is of format ${format}`))
    await expect(wholeDisk(path, { url: 'https://example.org/x' })).rejects.toEqual(
      expect.objectContaining({ hint: expect.not.stringContaining(disks.directory) }),
    )
  },
)

test('a raw disk is raw, whatever is in it', async () => {
  const path = join(disks.directory, 'raw')
  await writeFile(path, Buffer.concat([Buffer.alloc(512, 1), await readFile(await disks.make('inner.qcow2'))]))
  expect(await soundDisk(path)).toMatchObject({ format: 'raw' })
  await using file = await open(path, 'r+')
  await file.truncate(0)
  expect(await soundDisk(path)).toEqual({ format: 'raw', virtualSizeBytes: 0 })
})
