import type { Arch } from './host-arch.js'
import type { PackageNames } from './package-manager.js'

export interface Tool {
  packages: PackageNames
  /** What Mayfly does with it, for the doctor. */
  purpose: string
  /** `run`: no Vm without it; `build`: images cannot be built; `develop`: only Mayfly's own tests and benches. */
  need: 'run' | 'build' | 'develop'
  /** Only on hosts of this architecture. */
  arch?: Arch
}

const openssh: PackageNames = {
  apt: 'openssh-client',
  dnf: 'openssh-clients',
  pacman: 'openssh',
  apk: 'openssh-client',
  brew: 'openssh',
}
const coreutils: PackageNames = {
  apt: 'coreutils',
  dnf: 'coreutils',
  pacman: 'coreutils',
  apk: 'coreutils',
  brew: 'coreutils',
}
const utilLinux: PackageNames = {
  apt: 'util-linux',
  dnf: 'util-linux',
  pacman: 'util-linux',
  apk: 'util-linux-misc setpriv flock',
  brew: 'util-linux',
}

/** Every program Mayfly may start, and the package that has it. ci/setup.sh installs the same; a test compares them. */
export const TOOLS: Record<string, Tool> = {
  'qemu-system-x86_64': {
    packages: {
      apt: 'qemu-system-x86',
      dnf: 'qemu-system-x86',
      pacman: 'qemu-system-x86',
      apk: 'qemu-system-x86_64',
      brew: 'qemu',
    },
    purpose: 'runs the guests',
    need: 'run',
    arch: 'x64',
  },
  'qemu-system-aarch64': {
    // On arm the option ROMs of network cards are only a recommendation, and QEMU does not start without them.
    packages: {
      apt: 'qemu-system-arm ipxe-qemu',
      dnf: 'qemu-system-aarch64 ipxe-roms-qemu',
      pacman: 'qemu-system-aarch64',
      apk: 'qemu-system-aarch64',
      brew: 'qemu',
    },
    purpose: 'runs the guests',
    need: 'run',
    arch: 'arm64',
  },
  'qemu-img': {
    packages: { apt: 'qemu-utils', dnf: 'qemu-img', pacman: 'qemu-img', apk: 'qemu-img', brew: 'qemu' },
    purpose: 'creates and checks disks',
    need: 'run',
  },
  mmdebstrap: {
    packages: { apt: 'mmdebstrap', dnf: 'mmdebstrap', pacman: 'mmdebstrap', apk: 'mmdebstrap' },
    purpose: 'builds the embedded guests',
    need: 'build',
  },
  mke2fs: {
    packages: { apt: 'e2fsprogs', dnf: 'e2fsprogs', pacman: 'e2fsprogs', apk: 'e2fsprogs', brew: 'e2fsprogs' },
    purpose: 'makes the file systems of guests',
    need: 'build',
  },
  newuidmap: {
    packages: { apt: 'uidmap', dnf: 'shadow-utils', pacman: 'shadow', apk: 'shadow-uidmap' },
    purpose: 'builds images without root',
    need: 'build',
  },
  xz: {
    packages: { apt: 'xz-utils', dnf: 'xz', pacman: 'xz', apk: 'xz', brew: 'xz' },
    purpose: 'unpacks downloads and kernel modules',
    need: 'build',
  },
  zstd: {
    packages: { apt: 'zstd', dnf: 'zstd', pacman: 'zstd', apk: 'zstd', brew: 'zstd' },
    purpose: 'unpacks downloads and initial RAM disks',
    need: 'build',
  },
  gzip: {
    packages: { apt: 'gzip', dnf: 'gzip', pacman: 'gzip', apk: 'gzip', brew: 'gzip' },
    purpose: 'unpacks downloads',
    need: 'build',
  },
  bzip2: {
    packages: { apt: 'bzip2', dnf: 'bzip2', pacman: 'bzip2', apk: 'bzip2', brew: 'bzip2' },
    purpose: 'unpacks downloads',
    need: 'build',
  },
  lz4: {
    packages: { apt: 'lz4', dnf: 'lz4', pacman: 'lz4', apk: 'lz4', brew: 'lz4' },
    purpose: 'unpacks kernels',
    need: 'build',
  },
  ip: {
    packages: { apt: 'iproute2', dnf: 'iproute', pacman: 'iproute2', apk: 'iproute2' },
    purpose: 'connects guests to bridges',
    need: 'develop',
  },
  dnsmasq: {
    packages: { apt: 'dnsmasq-base', dnf: 'dnsmasq', pacman: 'dnsmasq', apk: 'dnsmasq' },
    purpose: 'gives guests on a bridge their addresses in tests',
    need: 'develop',
  },
  cp: { packages: coreutils, purpose: 'copies the memory of templates, without its holes', need: 'run' },
  setpriv: { packages: utilLinux, purpose: 'ties a child process to its parent', need: 'run' },
  flock: { packages: utilLinux, purpose: 'holds the locks of the cache', need: 'run' },
  'ssh-keygen': { packages: openssh, purpose: 'reads and makes keys in tests and benches', need: 'develop' },
  scp: { packages: openssh, purpose: 'the yardstick of file transfers in benches', need: 'develop' },
  sshd: {
    packages: {
      apt: 'openssh-server',
      dnf: 'openssh-server',
      pacman: 'openssh',
      apk: 'openssh-server',
      brew: 'openssh',
    },
    purpose: 'the server that the SSH tests talk to',
    need: 'develop',
  },
  sudo: {
    packages: { apt: 'sudo', dnf: 'sudo', pacman: 'sudo', apk: 'sudo' },
    purpose: 'how the SSH tests become another user',
    need: 'develop',
  },
  dropbear: {
    packages: { apt: 'dropbear-bin', dnf: 'dropbear', pacman: 'dropbear', apk: 'dropbear', brew: 'dropbear' },
    purpose: 'the small server that the SSH tests talk to',
    need: 'develop',
  },
  xorriso: {
    packages: { apt: 'xorriso', dnf: 'xorriso', pacman: 'libisoburn', apk: 'xorriso', brew: 'xorriso' },
    purpose: 'checks the CD-ROM images that cloud-init reads',
    need: 'develop',
  },
  sfdisk: {
    packages: { apt: 'fdisk', dnf: 'util-linux', pacman: 'util-linux', apk: 'sfdisk', brew: 'util-linux' },
    purpose: 'makes the disk with a boot loader that tests boot',
    need: 'develop',
  },
  mcopy: {
    // UEFI is no program, and comes with the partition that it boots from.
    packages: {
      apt: 'mtools ovmf qemu-efi-aarch64',
      dnf: 'mtools edk2-ovmf edk2-aarch64',
      pacman: 'mtools edk2-ovmf edk2-aarch64',
      apk: 'mtools ovmf aavmf',
    },
    purpose: 'makes the EFI partition of that disk',
    need: 'develop',
  },
  zsh: {
    packages: { apt: 'zsh', dnf: 'zsh', pacman: 'zsh', apk: 'zsh', brew: 'zsh' },
    purpose: 'completes commands in tests',
    need: 'develop',
  },
  fish: {
    packages: { apt: 'fish', dnf: 'fish', pacman: 'fish', apk: 'fish', brew: 'fish' },
    purpose: 'completes commands in tests',
    need: 'develop',
  },
  tcsh: {
    packages: { apt: 'tcsh', dnf: 'tcsh', pacman: 'tcsh', apk: 'tcsh' },
    purpose: 'is a login shell in tests',
    need: 'develop',
  },
  busybox: {
    packages: { apt: 'busybox-static', dnf: 'busybox', pacman: 'busybox', apk: 'busybox' },
    purpose: 'packs archives that tests unpack',
    need: 'develop',
  },
  chromium: {
    packages: { apt: 'chromium', dnf: 'chromium', pacman: 'chromium', apk: 'chromium' },
    purpose: 'opens the HTML report in tests',
    need: 'develop',
  },
}

/** What tests run guests of another architecture with. */
const EMULATED = ['qemu-system-aarch64']

/** The tools of a host of `arch`; those for working on Mayfly itself only with `develop`. */
export function toolsFor(arch: Arch, { develop = false } = {}): [name: string, tool: Tool][] {
  return Object.entries(TOOLS).filter(
    ([name, tool]) =>
      (tool.arch === undefined || tool.arch === arch || (develop && EMULATED.includes(name))) &&
      (develop || tool.need !== 'develop'),
  )
}

/** Debian packages of those tools, each once. */
export function debianPackages(arch: Arch, options: { develop?: boolean } = {}): string[] {
  return [...new Set(toolsFor(arch, options).flatMap(([, tool]) => tool.packages.apt.split(' ')))]
}
