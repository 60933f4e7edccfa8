import { copyFile, link, mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Guest } from '../guest/spec.js'
import type { Image } from '../image/image.js'
import { sparseCopy } from '../image/sparse-copy.js'
import { Date } from '../node-globals.js'
import { openHarness } from '../session/harness.js'
import { differences, hostIngredients } from './cache-key.js'
import { FORMAT } from './format.js'
import { findKeptDamage, type KeptManifest, readKept, unusable, writeKept } from './kept-manifest.js'
import { FILES, type Frozen, type HostIdentity, kernelOf } from './machine.js'
import type { Prepared } from './prepare.js'
import { SharedFiles } from './shared-files.js'

const KERNEL = 'kernel'

export interface KeptOptions {
  prepared: Prepared
  frozen: Frozen
  vm: { id: string; name: string }
}

/**
 * Puts all that a checkpoint stands on into `directory`, from where it can be resumed for as long as that is there: neither its
 * session nor the cache is needed any more. On the cache's own file system, files get a second name instead of a copy.
 */
export async function keepCheckpoint({ prepared, frozen, vm }: KeptOptions, directory: string): Promise<void> {
  const { guest, image, ingredients, template } = prepared
  // RAM holds the guest's secrets.
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const layers = frozen.layers.map(({ format }, index) => ({ file: `disk-${index}.${format}`, format }))
  const kernel = [kernelOf(guest, image)].filter((path) => path !== undefined)
  const sources: [string, string][] = [
    [frozen.ram, FILES.ram],
    [frozen.state.path, FILES.state],
    [frozen.overlay, FILES.overlay],
    [join(template.directory, FILES.privateKey), FILES.privateKey],
    ...kernel.map((path): [string, string] => [path, KERNEL]),
    ...kernel.map((): [string, string] => [join(template.directory, FILES.initrd), FILES.initrd]),
    ...(frozen.seed === undefined ? [] : [[frozen.seed, FILES.seed] as [string, string]]),
    ...(frozen.vars === undefined ? [] : [[frozen.vars, FILES.vars] as [string, string]]),
    ...layers.map(({ file }, index): [string, string] => [frozen.layers[index]!.path, file]),
  ]
  await Promise.all(sources.map(([from, name]) => linkOrCopy(from, join(directory, name))))
  const { provision: _, ...plainGuest } = guest
  const { identity } = frozen
  const names = sources.map(([, name]) => name)
  await writeKept(directory, names, {
    format: FORMAT,
    takenAt: new Date().toISOString(),
    vm,
    guest: plainGuest,
    image: { name: image.name, digest: image.digest, cmdline: image.cmdline, features: image.features },
    template: template.manifest,
    ingredients,
    state: frozen.state.kind,
    identity: identity && { ...identity, archive: identity.archive.toString('base64') },
    layers,
  })
}

/**
 * What a machine resumes from that was kept in `directory`.
 * @throws MayflyError MAYFLY_CHECKPOINT_UNUSABLE, saying why: it is no kept machine, files are missing or damaged, or this host is another.
 */
export async function openKept(directory: string, cacheDir?: string): Promise<{ prepared: Prepared; frozen: Frozen }> {
  const manifest = await readKept(directory)
  const harness = await openHarness(cacheDir, manifest.guest.arch)
  const { guest: plainGuest, image: about, template: templates, ingredients, layers, identity } = manifest
  const others = differences(ingredients.host, hostIngredients(harness))
  if (manifest.format !== FORMAT) others.unshift(`Mayfly's format was ${manifest.format}, is ${FORMAT}`)
  if (others.length > 0) {
    throw unusable(directory, 'it was made under other conditions', others, 'Open it where the test ran.')
  }
  const damage = await findKeptDamage(directory, manifest)
  if (damage) throw unusable(directory, damage, [], 'Run the test again with MAYFLY_KEEP=1.')
  const below = layers.map(({ file, format }) => ({ path: join(directory, file), format }))
  const guest: Guest = { ...plainGuest, provision: [] }
  const ifThere = (name: string) => (name in manifest.files ? join(directory, name) : undefined)
  const image: Image = { ...about, dir: directory, kernel: ifThere(KERNEL), initrd: ifThere(FILES.initrd) }
  const template = { directory, manifest: templates, layers: below }
  return {
    prepared: { harness, guest, image, ingredients, template, prepareMs: 0 },
    frozen: {
      ram: join(directory, FILES.ram),
      state: { path: join(directory, FILES.state), kind: manifest.state },
      layers: below,
      overlay: join(directory, FILES.overlay),
      seed: ifThere(FILES.seed),
      vars: ifThere(FILES.vars),
      identity: identity && hostIdentity(identity),
      // Nobody's to remove: they belong to the directory.
      uses: { memory: new SharedFiles([]), disk: new SharedFiles([]) },
    },
  }
}

function hostIdentity({ archive, ...identity }: NonNullable<KeptManifest['identity']>): HostIdentity {
  return { ...identity, archive: Buffer.from(archive, 'base64') }
}

/** None of these files changes any more, wherever else it is known. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to)
  } catch {
    // Another file system, or one without second names.
    if ((await stat(from)).size < 1024 ** 2) await copyFile(from, to)
    else await sparseCopy(from, to)
  }
}
