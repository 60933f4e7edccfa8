import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import type { Ssh } from '../../guest/access.js'
import { seedArchive } from '../../guest/seed.js'
import type { Arch } from '../../host/host-arch.js'
import { silent } from '../../host/progress.js'
import { currentSession } from '../../session/session.js'
import { generateIdentity } from '../../ssh/identity.js'
import { MIB } from '../../units.js'
import { embeddedRecipe } from '../embedded.js'
import { resolveImage } from '../resolve.js'
import { defaultCacheDir, openStore } from '../store.js'
import { unpackPackages } from '../unpack.js'
import { withScratch } from '../workshop.js'

/** Debian's GRUB for UEFI in one file, where it looks for its configuration, and the name of what firmware starts by itself. */
const GRUB: Record<Arch, { package: string; file: string; started: string; console: string }> = {
  x64: {
    package: 'grub-efi-amd64-bin',
    file: 'usr/lib/grub/x86_64-efi/monolithic/grubx64.efi',
    started: 'BOOTX64.EFI',
    console: 'ttyS0',
  },
  arm64: {
    package: 'grub-efi-arm64-bin',
    file: 'usr/lib/grub/arm64-efi/monolithic/grubaa64.efi',
    started: 'BOOTAA64.EFI',
    console: 'ttyAMA0',
  },
}

export interface GrubDisk extends AsyncDisposable {
  path: string
  /** What its owner knows of it: how to log in, and what answers. */
  ssh: Required<Pick<Ssh, 'privateKey' | 'hostKey'>>
}

/** A disk that was set up before Mayfly saw it: UEFI starts GRUB, and that the micro guest, which lets one key in. */
export async function grubDisk(arch: Arch): Promise<GrubDisk> {
  const store = await openStore(defaultCacheDir())
  const workshop = await currentSession(store)
  // Goes with the session, if nobody disposes of it.
  const directory = await mkdtemp(join(tmpdir(), workshop.scratchPrefix))
  const at = (name: string) => join(directory, name)
  const grub = GRUB[arch]
  const identity = generateIdentity('the owner of the disk')
  const build = { log: () => {}, env: workshop.childEnvironment(), scratchPrefix: workshop.scratchPrefix }
  const [image] = await Promise.all([
    resolveImage({ name: 'micro' }, { store, workshop, progress: silent, arch }),
    writeFile(at('disk'), ''),
    writeFile(at('id_ed25519'), identity.client.privateKey, { mode: 0o600 }),
    writeFile(at('seed'), seedArchive(identity, 'grub')),
    writeFile(
      at('grub.cfg'),
      `set timeout=0\nlinux /vmlinuz console=${grub.console} panic=-1\ninitrd /initrd /seed\nboot\n`,
    ),
  ])
  await truncate(at('disk'), 96 * MIB)
  await withScratch(build, async (scratch) => {
    const root = await unpackPackages(embeddedRecipe('micro', {}, arch), [grub.package], scratch, build)
    const disk = ['-i', at('disk')]
    await execa('mformat', [...disk, '-F', '::'])
    await execa('mmd', [...disk, '::/EFI', '::/EFI/BOOT', '::/EFI/debian'])
    const files: [string, string][] = [
      [join(root, grub.file), `EFI/BOOT/${grub.started}`],
      [at('grub.cfg'), 'EFI/debian/grub.cfg'],
      [(image.firmwareKernel ?? image.kernel)!, 'vmlinuz'],
      [image.initrd!, 'initrd'],
      [at('seed'), 'seed'],
    ]
    for (const [from, to] of files) await execa('mcopy', [...disk, from, `::/${to}`])
  })
  return {
    path: at('disk'),
    ssh: { privateKey: at('id_ed25519'), hostKey: identity.host.publicKey },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  }
}
