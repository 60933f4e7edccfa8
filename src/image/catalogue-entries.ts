import type { Checksum } from './download/checksum.js'

/** As `uname -m` has it on Linux. */
export type Architecture = 'x86_64' | 'aarch64'

/** Where a publisher has an image, and where it says what its bytes must be. */
export interface PublishedImage {
  url: string
  checksum: Checksum | { url: string }
}

export type CatalogueEntry = Partial<Record<Architecture, PublishedImage>>

/** What a name without a version stands for. */
export const ALIASES: Readonly<Record<string, string>> = {
  ubuntu: 'ubuntu-24.04',
  alpine: 'alpine-3.23',
  fedora: 'fedora-44',
  rocky: 'rocky-10',
  opensuse: 'opensuse-leap-16.0',
  freebsd: 'freebsd-15.1',
  cirros: 'cirros-0.6.3',
}

/**
 * Images that their publishers make for clouds: they are set up by cloud-init at their first boot, or by what stands for
 * it. `latest` and `current` are the publishers' own names for the newest build; where there is none, the build is named.
 */
export const CATALOGUE: Readonly<Record<string, CatalogueEntry>> = {
  // cloud.debian.org/images/cloud: "generic" has the drivers of real hardware that "genericcloud" has not, AHCI among them.
  'debian-12': debian('bookworm', '12'),
  'debian-13': debian('trixie', '13'),
  // cloud-images.ubuntu.com/releases/<codename>/release is the newest respin of a release.
  'ubuntu-22.04': ubuntu('jammy', '22.04'),
  'ubuntu-24.04': ubuntu('noble', '24.04'),
  'ubuntu-26.04': ubuntu('resolute', '26.04'),
  // alpinelinux.org/cloud: "nocloud" with cloud-init. Aarch64 machines have no BIOS.
  'alpine-3.23': {
    x86_64: alpine('3.23', 'nocloud_alpine-3.23.4-x86_64-bios-cloudinit-r0.qcow2'),
    aarch64: alpine('3.23', 'nocloud_alpine-3.23.4-aarch64-uefi-cloudinit-r0.qcow2'),
  },
  // fedoraproject.org/cloud/download
  'fedora-43': fedora('43', '1.6'),
  'fedora-44': fedora('44', '1.7'),
  // rockylinux.org/download; release 10 needs a processor of x86-64-v3.
  'rocky-9': rocky('9'),
  'rocky-10': rocky('10'),
  // get.opensuse.org/leap
  'opensuse-leap-16.0': opensuse('16.0'),
  // gitlab.archlinux.org/archlinux/arch-boxes: there are none for aarch64.
  arch: {
    x86_64: withOwnChecksum(
      'https://geo.mirror.pkgbuild.com/images/latest/Arch-Linux-x86_64-cloudimg.qcow2',
      '.SHA256',
    ),
  },
  // freebsd.org/where: "BASIC-CLOUDINIT" is set up by nuageinit.
  'freebsd-15.1': freebsd('15.1'),
  // A directory of a release never changes, and not every one of them has more than MD5SUMS in it.
  'cirros-0.6.3': cirros('0.6.3', {
    x86_64: '7d6355852aeb6dbcd191bcda7cd74f1536cfe5cbf8a10495a7283a8396e4b75b',
    aarch64: '611879b8299363fe60ff0f84982e4da08e63f476e8481170223db982959783cb',
  }),
}

function debian(codename: string, release: string): CatalogueEntry {
  const directory = `https://cloud.debian.org/images/cloud/${codename}/latest`
  const image = (arch: string) => listed(directory, `debian-${release}-generic-${arch}.qcow2`, 'SHA512SUMS')
  return { x86_64: image('amd64'), aarch64: image('arm64') }
}

function ubuntu(codename: string, release: string): CatalogueEntry {
  const directory = `https://cloud-images.ubuntu.com/releases/${codename}/release`
  const image = (arch: string) => listed(directory, `ubuntu-${release}-server-cloudimg-${arch}.img`, 'SHA256SUMS')
  return { x86_64: image('amd64'), aarch64: image('arm64') }
}

function alpine(release: string, name: string): PublishedImage {
  return withOwnChecksum(`https://dl-cdn.alpinelinux.org/alpine/v${release}/releases/cloud/${name}`, '.sha512')
}

function fedora(release: string, build: string): CatalogueEntry {
  const image = (arch: Architecture) =>
    listed(
      `https://download.fedoraproject.org/pub/fedora/linux/releases/${release}/Cloud/${arch}/images`,
      `Fedora-Cloud-Base-Generic-${release}-${build}.${arch}.qcow2`,
      `Fedora-Cloud-${release}-${build}-${arch}-CHECKSUM`,
    )
  return { x86_64: image('x86_64'), aarch64: image('aarch64') }
}

function rocky(release: string): CatalogueEntry {
  const image = (arch: Architecture) =>
    withOwnChecksum(
      `https://dl.rockylinux.org/pub/rocky/${release}/images/${arch}/Rocky-${release}-GenericCloud-Base.latest.${arch}.qcow2`,
      '.CHECKSUM',
    )
  return { x86_64: image('x86_64'), aarch64: image('aarch64') }
}

function opensuse(release: string): CatalogueEntry {
  const directory = `https://download.opensuse.org/distribution/leap/${release}/appliances`
  const image = (arch: Architecture) =>
    withOwnChecksum(`${directory}/Leap-${release}-Minimal-VM.${arch}-Cloud.qcow2`, '.sha256')
  return { x86_64: image('x86_64'), aarch64: image('aarch64') }
}

function freebsd(release: string): CatalogueEntry {
  const image = (directory: string, arch: string) =>
    listed(
      `https://download.freebsd.org/releases/VM-IMAGES/${release}-RELEASE/${directory}/Latest`,
      `FreeBSD-${release}-RELEASE-${arch}-BASIC-CLOUDINIT-ufs.qcow2.xz`,
      'CHECKSUM.SHA256',
    )
  return { x86_64: image('amd64', 'amd64'), aarch64: image('aarch64', 'arm64-aarch64') }
}

function cirros(release: string, sha256: Record<Architecture, string>): CatalogueEntry {
  const image = (arch: Architecture): PublishedImage => ({
    url: `https://download.cirros-cloud.net/${release}/cirros-${release}-${arch}-disk.img`,
    checksum: { algorithm: 'sha256', hex: sha256[arch] },
  })
  return { x86_64: image('x86_64'), aarch64: image('aarch64') }
}

/** One checksum file for all images of a directory. */
function listed(directory: string, name: string, checksums: string): PublishedImage {
  return { url: `${directory}/${name}`, checksum: { url: `${directory}/${checksums}` } }
}

/** A checksum file for each image. */
function withOwnChecksum(url: string, suffix: string): PublishedImage {
  return { url, checksum: { url: `${url}${suffix}` } }
}
