import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findTool } from '../../host/tools.js'
import { currentSession } from '../../session/session.js'
import { MIB } from '../../units.js'
import { debianSources } from '../apt-sources.js'
import { readDiskImage, writeDiskManifest } from '../disk-image.js'
import { fileDigest } from '../file-digest.js'
import { buildsAsRoot, mmdebstrap, runGroup } from '../mmdebstrap.js'
import { defaultCacheDir, openStore, publish, withLock } from '../store.js'
import { withScratch } from '../workshop.js'

const SUITE = 'bookworm'
const PACKAGES = [
  ...['systemd', 'systemd-sysv', 'udev', 'dbus', 'kmod', 'openssh-server', 'sudo', 'iproute2', 'netplan.io'],
  ...['cloud-init', 'cloud-guest-utils', 'fdisk', 'e2fsprogs', 'linux-image-cloud-amd64', 'initramfs-tools', 'lz4'],
  ...['grub-common', 'grub-pc-bin', 'grub-efi-amd64-bin'],
]
const SKIPPED = ['/usr/share/man/*', '/usr/share/locale/*', '/usr/share/doc/*', '/usr/share/info/*']
/** Of the disk; its root has all of it but the first 36 MiB. */
const BYTES = 1536 * MIB

/**
 * A disk as Debian publishes them for clouds, made of Debian's packages: GPT, GRUB for BIOS and for UEFI, cloud-init. It
 * is built once for a cache directory, which takes minutes; its path.
 */
export async function cloudDisk(): Promise<string> {
  const store = await openStore(defaultCacheDir())
  const workshop = await currentSession(store)
  const [customize, makeDisk] = await Promise.all(
    ['customize.sh', 'make-disk.sh'].map((name) => readFile(script(name), 'utf8')),
  )
  const sources = debianSources(SUITE)
  const recipe = JSON.stringify([SUITE, sources, PACKAGES, SKIPPED, BYTES, customize, makeDisk])
  const key = createHash('sha256').update(recipe).digest('hex')
  const target = join(store.images, key)
  return await withLock(store, `image-${key}`, {}, async () => {
    const there = await readDiskImage(target)
    if (there) return there.disk.path
    const build = { log: () => {}, env: workshop.childEnvironment(), scratchPrefix: workshop.scratchPrefix }
    await withScratch(build, (scratch) =>
      publish(store, workshop.directory, target, async (staging) => {
        const tarball = join(scratch, 'root.tar')
        const extra = [
          ...SKIPPED.map((path) => `--dpkgopt=path-exclude=${path}`),
          '--dpkgopt=force-unsafe-io',
          '--aptopt=Acquire::Languages "none"',
          `--customize-hook=${customize}`,
        ]
        await mmdebstrap({ suite: SUITE, sources, variant: 'minbase', packages: PACKAGES, tarball, extra }, build)
        const raw = join(scratch, 'disk.raw')
        const command = ['sh', script('make-disk.sh'), tarball, join(scratch, 'work'), raw, `${BYTES}`]
        const path = ['env', `PATH=${process.env.PATH}:/usr/sbin:/sbin`, ...command]
        const namespaced = buildsAsRoot() ? path : ['unshare', '--map-root-user', '--map-auto', ...path]
        await runGroup(await findTool(namespaced[0]!), namespaced.slice(1), build)
        const disk = join(staging, 'disk')
        await runGroup(await findTool('qemu-img'), ['convert', '-f', 'raw', '-O', 'qcow2', raw, disk], build)
        const hex = await fileDigest(disk)
        await writeDiskManifest(staging, {
          name: 'cloud-disk',
          digest: `sha256:${hex}`,
          disk: { path: 'disk', format: 'qcow2', virtualSizeBytes: BYTES, sizeBytes: (await stat(disk)).size },
          sources: [{ name: 'cloud-disk', checksum: { algorithm: 'sha256', hex }, at: new Date().toISOString() }],
        })
      }),
    )
    return (await readDiskImage(target))!.disk.path
  })
}

function script(name: string): string {
  return fileURLToPath(new URL(`../../../fixtures/cloud-disk/${name}`, import.meta.url))
}
