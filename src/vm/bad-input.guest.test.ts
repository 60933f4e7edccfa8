import { mkdir, mkdtemp, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { execa } from 'execa'
import { expect, onTestFinished, test } from 'vitest'
import { defineGuest } from '../guest/spec.js'
import { detectAccelerator } from '../host/accelerator.js'
import type { Progress } from '../host/progress.js'
import { contentOf } from '../image/file-content.js'
import { privateCache } from '../image/testing/private-cache.js'
import { writeSealed } from '../sealed-json.js'
import { closeSession } from '../session/session.js'
import { prepare } from '../snapshot/prepare.js'
import { launch } from './launch.js'

async function scratch(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'mayfly-bad-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  return directory
}

/** Changes one bit, and puts the times back. */
async function flipBit(path: string): Promise<void> {
  const { atime, mtime, size } = await stat(path)
  await using file = await open(path, 'r+')
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size >> 1)
  buffer[0]! ^= 1
  await file.write(buffer, 0, 1, size >> 1)
  await file.utimes(atime, mtime)
}

/** Keeps what is printed. */
function recorder(): { progress: Progress; notes: string[] } {
  const notes: string[] = []
  return {
    notes,
    progress: { note: (line) => void notes.push(line), step: (_title, work) => work(() => {}), cached: () => {} },
  }
}

/** The micro image as a user's own kernel and initrd. */
async function microKernel(): Promise<{ kernel: string; initrd: string }> {
  const { image } = await prepare(defineGuest('micro'))
  return { kernel: image.kernel!, initrd: image.initrd! }
}

test('an unknown image', async () => {
  await expect(launch('debain')).rejects.toMatchObject({
    code: 'MAYFLY_IMAGE_NOT_FOUND',
    message: expect.stringContaining('"debain"'),
  })
})

test('a missing kernel, a missing disk', async () => {
  const image = await microKernel()
  await expect(launch({ image: { ...image, kernel: '/nowhere/vmlinuz' } })).rejects.toMatchObject({
    code: 'MAYFLY_IMAGE_NOT_FOUND',
    message: expect.stringContaining('/nowhere/vmlinuz'),
  })
  await expect(launch({ image: { ...image, disk: '/nowhere/disk.qcow2' } })).rejects.toMatchObject({
    code: 'MAYFLY_IMAGE_NOT_FOUND',
  })
})

test('a corrupt disk, and one that is a layer over another file', async () => {
  const directory = await scratch()
  const image = await microKernel()
  const corrupt = join(directory, 'corrupt.qcow2')
  await writeFile(corrupt, Buffer.concat([Buffer.from('QFI\xfb', 'latin1'), Buffer.alloc(1000, 0xff)]))
  await expect(launch({ image: { ...image, disk: corrupt } })).rejects.toMatchObject({ code: 'MAYFLY_IMAGE_CORRUPT' })
  const layer = join(directory, 'layer.qcow2')
  await execa('qemu-img', ['create', '-q', '-f', 'qcow2', join(directory, 'base.qcow2'), '1M'])
  await execa('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', 'base.qcow2', '-F', 'qcow2', layer])
  await expect(launch({ image: { ...image, disk: layer } })).rejects.toMatchObject({
    code: 'MAYFLY_IMAGE_CORRUPT',
    hint: expect.stringContaining('qemu-img convert'),
  })
})

test('memory that is nothing, absurd, or more than the host has', async () => {
  for (const memory of [0, '1KiB', '5000TiB', 'lots']) {
    await expect(launch({ image: 'micro', memory })).rejects.toMatchObject({
      code: 'MAYFLY_GUEST_INVALID',
      message: expect.stringContaining('memory'),
    })
  }
  await expect(launch({ image: 'micro', memory: '2TiB' })).rejects.toMatchObject({ code: 'MAYFLY_HOST_MEMORY' })
})

test('no QEMU, and something else in its place', async () => {
  const cacheDir = await privateCache()
  process.env.MAYFLY_QEMU = '/nowhere/qemu'
  onTestFinished(() => void delete process.env.MAYFLY_QEMU)
  await expect(launch('micro', { cacheDir })).rejects.toMatchObject({ code: 'MAYFLY_TOOL_MISSING' })
  process.env.MAYFLY_QEMU = '/bin/true'
  await expect(launch('micro', { cacheDir })).rejects.toMatchObject({ code: 'MAYFLY_QEMU_SPAWN_FAILED' })
})

test('a cache directory that cannot be made', async () => {
  const file = join(await scratch(), 'file')
  await writeFile(file, '')
  await expect(launch('micro', { cacheDir: join(file, 'cache') })).rejects.toMatchObject({
    code: 'MAYFLY_CACHE_UNUSABLE',
    hint: expect.stringContaining('MAYFLY_CACHE_DIR'),
  })
})

test.skipIf(process.getuid?.() !== 0)('a cache directory that is full', async () => {
  const root = await scratch()
  await execa('mount', ['-t', 'tmpfs', '-o', 'size=150m', 'tmpfs', root])
  onTestFinished(async () => {
    await closeSession(join(root, 'cache'))
    await execa('umount', ['--lazy', root])
  })
  const shared = await prepare(defineGuest('micro'))
  await mkdir(join(root, 'cache/images'), { recursive: true })
  await execa('cp', ['-r', shared.image.dir, join(root, 'cache/images')])
  await expect(launch('micro', { cacheDir: join(root, 'cache') })).rejects.toMatchObject({
    code: 'MAYFLY_CACHE_UNUSABLE',
    message: expect.stringMatching(/needed: 257 MiB, free: .* MiB/),
  })
  expect(await readdir(join(root, 'cache/templates'))).toEqual([])
})

test('a cache directory whose path is long, and not plain', async () => {
  const cacheDir = await privateCache(`naïve, "€" $(x) ${'x'.repeat(180)}`)
  await using vm = await launch('micro', { cacheDir })
  await using again = await launch('micro', { cacheDir })
  expect(await vm.succeed('echo 1')).toBe('1\n')
  expect(await again.succeed('echo 2')).toBe('2\n')
})

test('a guest that never opens SSH', async () => {
  const image = { ...(await microKernel()), cmdline: 'rdinit=/bin/busybox quiet -- cat' }
  await expect(launch({ image, name: 'mute' }, { bootTimeout: '6s' })).rejects.toMatchObject({
    code: 'MAYFLY_BOOT_TIMEOUT',
    message: expect.stringMatching(/mute did not run a command over SSH within 6.\d s[\s\S]*qemu: running/),
  })
})

test('a guest that panics while booting fails at once', async () => {
  const image = { ...(await microKernel()), cmdline: 'rdinit=/nowhere root=/dev/nothing' }
  const started = performance.now()
  await expect(launch({ image }, { bootTimeout: '2m' })).rejects.toMatchObject({
    code: 'MAYFLY_GUEST_PANIC',
    message: expect.stringContaining('console:'),
  })
  expect(performance.now() - started).toBeLessThan(60_000)
})

test('a machine that is not the one it should be', async () => {
  const cacheDir = await privateCache()
  const { template } = await prepare(defineGuest('micro'), { cacheDir })
  const { generateIdentity } = await import('../ssh/identity.js')
  const manifest = { ...template.manifest, hostKey: generateIdentity('another').host.publicKey }
  await writeSealed(join(template.directory, 'template.json'), manifest)
  await expect(launch('micro', { cacheDir })).rejects.toMatchObject({
    code: 'MAYFLY_SSH_FAILED',
    message: expect.stringMatching(/key|machine/),
  })
})

test.skipIf(detectAccelerator().kind !== 'tcg' || !detectAccelerator().reason.includes('vmx'))(
  'a /dev/kvm that opens and does not work',
  async () => {
    process.env.MAYFLY_ACCEL = 'kvm'
    onTestFinished(() => void delete process.env.MAYFLY_ACCEL)
    await expect(launch('micro', { cacheDir: await privateCache(), bootTimeout: '5s' })).rejects.toMatchObject({
      message: expect.stringMatching(/MAYFLY_ACCEL/),
    })
  },
)

test('a provision step that fails leaves no template of it, and shows its output', async () => {
  const cacheDir = await privateCache()
  const { shell } = await import('../guest/steps.js')
  const guest = defineGuest({ image: 'micro', provision: [shell('echo some output; echo the reason >&2; false')] })
  await expect(launch(guest, { cacheDir })).rejects.toMatchObject({
    code: 'MAYFLY_COMMAND_FAILED',
    message: expect.stringMatching(/some output[\s\S]*the reason/),
  })
  // That of the boot before it.
  expect(await readdir(join(cacheDir, 'templates'))).toHaveLength(1)
})

test('a template whose files were changed is made again, and the reason is printed', async () => {
  const cacheDir = await privateCache()
  const { progress, notes } = recorder()
  const guest = defineGuest('micro')
  for (const file of ['ram', 'id_ed25519', 'disk.qcow2', 'template.json']) {
    const { template } = await prepare(guest, { cacheDir })
    for (const name of Object.keys(template.manifest.files)) {
      expect(`${name} ${((await stat(join(template.directory, name))).mode & 0o777).toString(8)}`).toBe(`${name} 600`)
    }
    await flipBit(join(template.directory, file))
    await using vm = await launch(guest, { cacheDir, progress })
    expect(await vm.succeed('echo fine')).toBe('fine\n')
    expect(notes.join('\n')).toMatch(
      file === 'template.json' ? /its manifest is damaged/ : `its file ${file} is damaged between byte`,
    )
  }
})

test('a template that QEMU cannot load is made again', async () => {
  const cacheDir = await privateCache()
  const { template } = await prepare(defineGuest('micro'), { cacheDir })
  const state = join(template.directory, 'state')
  // As long as the real one, with the checksum to match: only QEMU can tell.
  await writeFile(state, Buffer.alloc((await stat(state)).size, 0x55))
  const files = { ...template.manifest.files, state: await contentOf(state) }
  await writeSealed(join(template.directory, 'template.json'), { ...template.manifest, files })
  await using vm = await launch('micro', { cacheDir })
  expect(await vm.succeed('echo fine')).toBe('fine\n')
})

test('a template of another QEMU is not used, and the reason is printed; another size of the same guest is no reason', async () => {
  const cacheDir = await privateCache()
  const { template } = await prepare(defineGuest('micro'), { cacheDir })
  const { ingredients } = template.manifest
  const host = { ...ingredients.host, qemu: 'QEMU emulator version 1.0' }
  await writeSealed(join(template.directory, 'template.json'), {
    ...template.manifest,
    ingredients: { ...ingredients, host },
  })
  await rename(template.directory, template.directory.replace(/-[0-9a-f]+$/, '-00000000000000000000'))
  const { progress, notes } = recorder()
  await prepare(defineGuest('micro'), { cacheDir, progress })
  expect(notes.join('\n')).toMatch(/other conditions: qemu was QEMU emulator version 1\.0, is QEMU emulator version/)
  const other = recorder()
  await prepare(defineGuest({ image: 'micro', memory: '160MiB' }), { cacheDir, progress: other.progress })
  expect(other.notes.join('\n')).not.toContain('other conditions')
})

test('two that want the same template at once seal it once', async () => {
  const cacheDir = await privateCache()
  const guest = defineGuest('micro')
  const both = await Promise.all([prepare(guest, { cacheDir }), prepare(guest, { cacheDir })])
  expect(both[0].template.manifest.createdAt).toBe(both[1].template.manifest.createdAt)
})

test('a kernel and a compressed initrd of the user, with the agent and without', async () => {
  const directory = await scratch()
  const { kernel, initrd } = await microKernel()
  const compressed = join(directory, 'initrd.gz')
  // Of a length that is no multiple of 4: what follows it must be moved there.
  const gzip = gzipSync(await readFile(initrd), { level: 1 })
  await writeFile(compressed, Buffer.concat([gzip, Buffer.alloc((5 - (gzip.length & 3)) & 3)]))
  for (const agent of [true, false]) {
    await using vm = await launch({ image: { kernel, initrd: compressed, cmdline: 'quiet', agent } })
    expect(await vm.succeed('cat /proc/cmdline')).toContain('quiet')
  }
})
