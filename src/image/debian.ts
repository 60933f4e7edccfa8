import { copyFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { findTool } from '../host/tools.js'
import { busyboxEntries, busyboxPath } from './busybox.js'
import { type CpioEntry, writeCpio } from './cpio.js'
import { type BuiltImage, type EmbeddedRecipe, guestFile } from './embedded.js'
import { extractVmlinux } from './kernel.js'
import { bootModules, moduleEntries, selectModules } from './kernel-modules.js'
import { buildsAsRoot, mmdebstrap, runGroup } from './mmdebstrap.js'
import { kernelRelease, unpackPackages } from './unpack.js'
import type { Build } from './workshop.js'

const PACKAGES = [
  ...['systemd', 'systemd-sysv', 'udev', 'dbus', 'kmod', 'openssh-server', 'openssh-sftp-server', 'sudo'],
  ...['iproute2', 'iputils-ping', 'procps', 'ca-certificates', 'netbase', 'e2fsprogs', 'less', 'adduser'],
]
/** The initramfs loads the disk, the network and the power button, so that nothing has to wait for udev. */
const MODULES = ['virtio_pci', 'virtio_blk', 'ext4', 'virtio_net', 'button', 'evdev']
/** No AppArmor: Docker complains where it is on without its parser, and loading profiles makes each boot longer. */
const CMDLINE = ['security=none']
const SKIPPED = ['/usr/share/man/*', '/usr/share/locale/*', '/usr/share/doc/*', '/usr/share/info/*']

/** Builds the guest that runs systemd from a disk: a kernel, a tiny initramfs and an ext4 file system in qcow2. */
export async function buildDebian(
  recipe: EmbeddedRecipe,
  stagingDir: string,
  scratch: string,
  build: Build,
): Promise<Omit<BuiltImage, 'name' | 'digest'>> {
  const packages = [`linux-image-cloud-${recipe.architecture}`, 'busybox-static']
  const root = await unpackPackages(recipe, packages, scratch, build)
  const release = await kernelRelease(root)
  const moduleTree = join(root, 'lib/modules', release)
  const kernel = join(root, 'boot', `vmlinuz-${release}`)
  await copyFile(kernel, join(stagingDir, 'vmlinuz'))
  await extractVmlinux(kernel, join(stagingDir, 'vmlinux'), build.signal)
  const modules = await selectModules(moduleTree, MODULES)
  const initrd = [
    ...layout(),
    ...(await busyboxEntries(root)),
    ...moduleEntries(release, modules),
    textFile('etc/modules', bootModules(modules, MODULES)),
    textFile('etc/sectors', `${recipe.diskSizeBytes / 512}\n`),
    { type: 'file', path: 'init', mode: 0o755, content: { hostPath: guestFile('debian/init') } } as const,
  ]
  await writeCpio(join(stagingDir, 'initrd.cpio'), initrd)
  await buildDisk(recipe, scratch, root, moduleTree, join(stagingDir, 'disk.qcow2'), build)
  return {
    kernel: 'vmlinux',
    firmwareKernel: 'vmlinuz',
    initrd: 'initrd.cpio',
    cmdline: CMDLINE,
    disk: { path: 'disk.qcow2', format: 'qcow2', virtualSizeBytes: recipe.diskSizeBytes },
    features: { seed: true, agent: true },
  }
}

async function buildDisk(
  recipe: EmbeddedRecipe,
  scratch: string,
  root: string,
  moduleTree: string,
  disk: string,
  build: Build,
): Promise<void> {
  const tarball = join(scratch, 'debian.tar')
  const raw = join(scratch, 'disk.raw')
  const { suite, sources, architecture } = recipe
  // Given as text: a user namespace may not be able to read the file.
  const customize = await readFile(guestFile('debian/customize.sh'), 'utf8')
  const extra = [
    ...SKIPPED.map((path) => `--dpkgopt=path-exclude=${path}`),
    '--dpkgopt=path-include=/usr/share/doc/*/copyright',
    '--dpkgopt=force-unsafe-io',
    '--aptopt=Acquire::Languages "none"',
    `--customize-hook=${customize}`,
  ]
  const packages = [...new Set([...PACKAGES, ...recipe.packages])]
  await mmdebstrap({ suite, architecture, sources, variant: 'minbase', packages, tarball, extra }, build)
  await findTool('mke2fs')
  const script = [
    guestFile('debian/make-disk.sh'),
    tarball,
    join(scratch, 'disk-root'),
    guestFile('debian/root'),
    guestFile('agent.pl'),
    guestFile('dhcp'),
    await busyboxPath(root),
    moduleTree,
    raw,
    String(recipe.diskSizeBytes),
  ]
  const command = ['env', `PATH=${process.env.PATH}:/usr/sbin:/sbin`, 'sh', ...script]
  const namespaced = buildsAsRoot() ? command : ['unshare', '--map-root-user', '--map-auto', ...command]
  await runGroup(await findTool(namespaced[0]!), namespaced.slice(1), build)
  await runGroup(await findTool('qemu-img'), ['convert', '-f', 'raw', '-O', 'qcow2', raw, disk], build)
}

function layout(): CpioEntry[] {
  const directories = 'dev etc mayfly proc run sys sysroot usr usr/bin usr/sbin usr/lib'.split(' ')
  return [
    ...directories.map((path): CpioEntry => ({ type: 'directory', path })),
    { type: 'symlink', path: 'bin', target: 'usr/bin' },
    { type: 'symlink', path: 'sbin', target: 'usr/sbin' },
    { type: 'symlink', path: 'lib', target: 'usr/lib' },
    { type: 'device', path: 'dev/console', kind: 'char', major: 5, minor: 1 },
    { type: 'device', path: 'dev/null', kind: 'char', major: 1, minor: 3, mode: 0o666 },
  ]
}

function textFile(path: string, content: string): CpioEntry {
  return { type: 'file', path, content }
}
