import { existsSync } from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MayflyError } from '../errors.js'
import { busyboxEntries } from './busybox.js'
import { type CpioEntry, writeCpio } from './cpio.js'
import { neededLibraries } from './elf.js'
import { type BuiltImage, type EmbeddedRecipe, guestFile } from './embedded.js'
import { extractVmlinux } from './kernel.js'
import { bootModules, type KernelModule, moduleEntries, selectModules } from './kernel-modules.js'
import { kernelRelease, unpackPackages } from './unpack.js'
import type { Build } from './workshop.js'

const PACKAGES = ['busybox-static', 'dropbear-bin', 'openssh-sftp-server', 'perl-base', 'e2fsprogs', 'libc-bin']
/** Loaded at boot. */
const BOOT_MODULES = ['virtio_pci', 'virtio_net', 'virtio_blk', 'ext4']
/** Loaded on demand, by what tests of networks and file systems commonly ask for. */
const MODULES = [...BOOT_MODULES, 'button', 'evdev', 'loop', 'overlay', 'dummy', 'veth', 'tun']
const PROGRAMS = ['usr/sbin/dropbear', 'usr/lib/openssh/sftp-server', 'usr/bin/perl', 'sbin/mke2fs']

/** Debian's names for what differs between architectures. */
const PORTS: Record<EmbeddedRecipe['architecture'], Port> = {
  amd64: { triplet: 'x86_64-linux-gnu', loader: 'ld-linux-x86-64.so.2', loaderDirectory: 'lib64' },
  arm64: { triplet: 'aarch64-linux-gnu', loader: 'ld-linux-aarch64.so.1', loaderDirectory: 'lib' },
}

interface Port {
  triplet: string
  /** What loads programs, and where they look for it. */
  loader: string
  loaderDirectory: string
}

/** Builds the guest that runs from RAM: a kernel and one initramfs. */
export async function buildMicro(
  recipe: EmbeddedRecipe,
  stagingDir: string,
  scratch: string,
  build: Build,
): Promise<Omit<BuiltImage, 'name' | 'digest'>> {
  const packages = [...PACKAGES, `linux-image-cloud-${recipe.architecture}`]
  const root = await unpackPackages(recipe, packages, scratch, build)
  const release = await kernelRelease(root)
  const kernel = join(root, 'boot', `vmlinuz-${release}`)
  await copyFile(kernel, join(stagingDir, 'vmlinuz'))
  const isX86 = recipe.architecture === 'amd64'
  // Elsewhere a kernel unpacks itself, or is not packed.
  if (isX86) await extractVmlinux(kernel, join(stagingDir, 'vmlinux'), build.signal)
  const modules = await selectModules(join(root, 'lib/modules', release), MODULES)
  const entries = await microEntries(root, PORTS[recipe.architecture], release, modules)
  await writeCpio(join(stagingDir, 'initrd.cpio'), entries)
  return {
    ...(isX86 ? { kernel: 'vmlinux', firmwareKernel: 'vmlinuz' } : { kernel: 'vmlinuz' }),
    initrd: 'initrd.cpio',
    cmdline: [],
    features: { seed: true, agent: true },
  }
}

async function microEntries(
  root: string,
  port: Port,
  release: string,
  modules: readonly KernelModule[],
): Promise<CpioEntry[]> {
  const guest = (path: string, source: string, mode = 0o755): CpioEntry => {
    return { type: 'file', path, mode, content: { hostPath: guestFile(source) } }
  }
  return [
    ...layout(port),
    ...(await busyboxEntries(root)),
    ...(await programs(root, port)),
    { type: 'file', path: 'etc/modules', content: bootModules(modules, BOOT_MODULES) },
    ...moduleEntries(release, modules),
    guest('init', 'micro/init'),
    guest('usr/lib/mayfly/agent.pl', 'agent.pl'),
    guest('usr/lib/mayfly/dhcp', 'dhcp'),
    guest('usr/lib/mayfly/scratch', 'micro/scratch'),
    guest('usr/lib/mayfly/power-button', 'micro/power-button'),
    guest('usr/sbin/adduser', 'micro/adduser'),
    { type: 'symlink', path: 'usr/sbin/useradd', target: 'adduser' },
    guest('etc/inittab', 'micro/inittab', 0o644),
    ...configuration(),
  ]
}

function layout({ triplet }: Port): CpioEntry[] {
  const directory = (path: string, mode = 0o755): CpioEntry => ({ type: 'directory', path, mode })
  const link = (path: string, target: string): CpioEntry => ({ type: 'symlink', path, target })
  const plain =
    'dev etc etc/acpi etc/acpi/PWRF home mayfly mnt opt proc run srv sys usr usr/bin usr/sbin usr/lib usr/lib64'
  const deep = 'usr/lib/mayfly usr/lib/openssh usr/local usr/local/bin usr/local/sbin var var/log'
  return [
    ...`${plain} ${deep} usr/lib/${triplet}`.split(' ').map((path) => directory(path)),
    directory('root', 0o700),
    directory('root/.ssh', 0o700),
    directory('tmp', 0o1777),
    directory('var/tmp', 0o1777),
    link('bin', 'usr/bin'),
    link('sbin', 'usr/sbin'),
    link('lib', 'usr/lib'),
    link('lib64', 'usr/lib64'),
    link('var/run', '/run'),
    link('usr/lib/sftp-server', 'openssh/sftp-server'),
    link('root/.ssh/authorized_keys', '/mayfly/authorized_keys'),
    link('etc/mtab', '/proc/self/mounts'),
    // The kernel opens the console before anything can mount /dev.
    { type: 'device', path: 'dev/console', kind: 'char', major: 5, minor: 1 },
    { type: 'device', path: 'dev/null', kind: 'char', major: 1, minor: 3, mode: 0o666 },
  ]
}

/** The programs and the libraries that they are linked to, all in the merged /usr. */
async function programs(root: string, { triplet, loader, loaderDirectory }: Port): Promise<CpioEntry[]> {
  const merged = (path: string) => (path.startsWith('usr/') ? path : `usr/${path}`)
  const file = (path: string, hostPath: string): CpioEntry => ({
    type: 'file',
    path,
    mode: 0o755,
    content: { hostPath },
  })
  const libraries = await librariesOf(
    PROGRAMS.map((path) => join(root, path)),
    [`lib/${triplet}`, `usr/lib/${triplet}`].map((path) => join(root, path)),
  )
  libraries.delete(loader)
  return [
    // The package's own link would lead to the host's.
    file(`usr/${loaderDirectory}/${loader}`, join(root, 'lib', triplet, loader)),
    ...PROGRAMS.map((path) => file(merged(path), join(root, path))),
    ...[...libraries.keys()].sort().map((name) => file(`usr/lib/${triplet}/${name}`, libraries.get(name)!)),
    { type: 'symlink', path: 'usr/sbin/mkfs.ext4', target: 'mke2fs' },
    { type: 'symlink', path: 'usr/sbin/mkfs.ext2', target: 'mke2fs' },
  ]
}

/** All libraries that programs need, directly or not, by name. */
async function librariesOf(programs: readonly string[], directories: readonly string[]): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  const visit = async (path: string): Promise<void> => {
    for (const name of await neededLibraries(path)) {
      if (found.has(name)) continue
      const library = directories.map((directory) => join(directory, name)).find((candidate) => existsSync(candidate))
      if (!library) throw new MayflyError('MAYFLY_BUILD_FAILED', `there is no ${name}, which ${path} needs`)
      found.set(name, library)
      await visit(library)
    }
  }
  for (const program of programs) await visit(program)
  return found
}

function configuration(): CpioEntry[] {
  const file = (path: string, content: string, mode = 0o644): CpioEntry => ({ type: 'file', path, mode, content })
  return [
    file('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n'),
    file('etc/group', 'root:x:0:\nadm:x:4:\ntty:x:5:\nusers:x:100:\nnogroup:x:65534:\n'),
    file('etc/shadow', 'root:*:19000:0:99999:7:::\nnobody:*:19000:0:99999:7:::\n', 0o640),
    file('etc/shells', '/bin/sh\n/bin/ash\n'),
    file('etc/hosts', '127.0.0.1 localhost\n::1 localhost\n10.0.2.2 host\n'),
    file('etc/resolv.conf', 'nameserver 10.0.2.3\n'),
    file('etc/nsswitch.conf', 'passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n'),
    file('etc/services', 'ssh 22/tcp\ndomain 53/udp\nhttp 80/tcp\nhttps 443/tcp\n'),
    file('etc/profile', 'export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin\nexport LANG=C.UTF-8\n'),
    file('etc/os-release', 'ID=mayfly-micro\nID_LIKE=debian\nPRETTY_NAME="Mayfly micro"\n'),
    file('etc/acpi/PWRF/00000080', '#!/bin/sh\nexec poweroff\n', 0o755),
  ]
}
