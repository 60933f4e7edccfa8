import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { send, serve } from '../image/download/testing/file-server.js'
import { grubDisk } from '../image/testing/grub-disk.js'
import { closeSession } from '../session/session.js'
import { launch } from './launch.js'
import type { Vm } from './vm.js'

const ARCHITECTURES = [
  ['x86_64', 'x64'],
  ['aarch64', 'arm64'],
] as const

const skewMs = async (vm: Vm) => Math.abs(Number(await vm.succeed('date +%s')) * 1000 - Date.now())

describe.each(ARCHITECTURES)('%s', (arch, hostArch) => {
  test('UEFI hands over to a kernel that is booted directly', async () => {
    await using vm = await launch({ image: 'micro', arch, firmware: 'uefi' })
    expect(await vm.succeed('uname -m; ls -d /sys/firmware/efi')).toBe(`${arch}\n/sys/firmware/efi\n`)
    await vm.succeed('echo kept >/scratch/file && sync')
    await vm.reboot()
    expect(await vm.succeed('cat /scratch/file')).toBe('kept\n')
  })

  test('UEFI starts the boot loader of a disk that was set up before, without cloud-init', async () => {
    await using disk = await grubDisk(hostArch)
    const { path, ssh } = disk
    await using vm = await launch({ name: 'bare', image: { path }, arch, firmware: 'uefi', cloudInit: false, ssh })
    expect(await vm.succeed('uname -m; hostname; ls -d /sys/firmware/efi')).toBe(`${arch}\ngrub\n/sys/firmware/efi\n`)
    expect(vm.ssh.hostKey).toBe(ssh.hostKey)
    expect(await skewMs(vm)).toBeLessThan(5000)
    const checkpoint = await vm.checkpoint()
    await vm.succeed('touch /tmp/changed')
    await vm.restore(checkpoint)
    expect((await vm.exec('ls /tmp/changed')).exitCode).toBe(1)
    await vm.reboot()
    expect(await vm.succeed('hostname')).toBe('grub\n')
  })
})

test('a name of the catalogue is downloaded from a mirror, checked against its publisher, and booted', async () => {
  await using disk = await grubDisk('x64')
  const bytes = await readFile(disk.path)
  const sums = `${createHash('sha512').update(bytes).digest('hex')}  debian-12-generic-amd64.qcow2\n`
  await using mirror = await serve((request, response) =>
    send(request, response, request.url!.endsWith('SHA512SUMS') ? Buffer.from(sums) : bytes),
  )
  vi.stubEnv('MAYFLY_IMAGE_MIRRORS', `https://cloud.debian.org/=${mirror.origin}/`)
  // What others have in their cache by this name is another disk.
  const cacheDir = await mkdtemp(join(tmpdir(), 'mayfly-cache-'))
  onTestFinished(async () => {
    vi.unstubAllEnvs()
    await closeSession(cacheDir)
    await rm(cacheDir, { recursive: true, force: true })
  })
  const guest = { image: 'debian-12', arch: 'x86_64', firmware: 'uefi', cloudInit: false, ssh: disk.ssh } as const
  await using vm = await launch(guest, { cacheDir })
  expect(await vm.succeed('hostname')).toBe('grub\n')
  expect(mirror.requests.map(({ path }) => path.split('/').at(-1))).toEqual([
    'SHA512SUMS',
    'debian-12-generic-amd64.qcow2',
  ])
})
