import { createHash } from 'node:crypto'
import { copyFile, link, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MayflyError, messageOf } from '../errors.js'
import type { Guest } from '../guest/spec.js'
import type { Image } from '../image/image.js'
import { sparseCopy } from '../image/sparse-copy.js'
import type { DiskLayer, StateKind } from '../qemu/argv.js'
import type { Harness } from '../session/harness.js'
import { differences, FORMAT, hostIngredients, type Ingredients } from './cache-key.js'
import { FILES, type Frozen, type HostIdentity } from './machine.js'
import type { TemplateManifest } from './manifest.js'
import type { Prepared } from './prepare.js'
import { SharedFiles } from './shared-files.js'

/** What a kept checkpoint says of itself, so that whoever finds it can tell what it needs. */
interface KeptManifest {
  version: 1
  /** Of the machine's files and state: only the same Mayfly format can resume it. */
  format: number
  takenAt: string
  /** Whose moment it is. */
  vm: { id: string; name: string }
  guest: Omit<Guest, 'provision'>
  image: Pick<Image, 'name' | 'digest' | 'cmdline' | 'features'>
  template: TemplateManifest
  ingredients: Ingredients
  state: StateKind
  identity: { hostKey: string; hostname: string; archive: string } | undefined
  /** Its disk, nearest layer first. */
  layers: { file: string; format: DiskLayer['format'] }[]
  /** Sizes of all files, so that one that was cut off or replaced is not resumed. */
  files: Record<string, number>
  stateSha256: string
}

/** Its name in the directory of a kept checkpoint. */
const MANIFEST = 'machine.json'
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
  const sources: [string, string][] = [
    [frozen.ram, FILES.ram],
    [frozen.state.path, FILES.state],
    [frozen.overlay, FILES.overlay],
    [join(template.directory, FILES.initrd), FILES.initrd],
    [join(template.directory, FILES.privateKey), FILES.privateKey],
    [(guest.display && image.displayKernel) || image.kernel, KERNEL],
    ...layers.map(({ file }, index): [string, string] => [frozen.layers[index]!.path, file]),
  ]
  await Promise.all(sources.map(([from, name]) => linkOrCopy(from, join(directory, name))))
  const { provision: _, ...plainGuest } = guest
  const { identity } = frozen
  const manifest: KeptManifest = {
    version: 1,
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
    files: Object.fromEntries(
      await Promise.all(sources.map(async ([, name]) => [name, await sizeOf(directory, name)])),
    ),
    stateSha256: await stateDigest(directory),
  }
  // Last: without it, there is no kept checkpoint.
  await writeFile(join(directory, MANIFEST), JSON.stringify(manifest, null, 2))
}

/**
 * What a machine resumes from that was kept in `directory`.
 * @throws MayflyError MAYFLY_CHECKPOINT_UNUSABLE, saying why: it is no kept machine, files are missing or damaged, or this host is another.
 */
export async function openKept(directory: string, harness: Harness): Promise<{ prepared: Prepared; frozen: Frozen }> {
  const manifest = await readKept(directory)
  const { guest: plainGuest, image: about, template: templates, ingredients, layers, identity } = manifest
  const others = differences(ingredients.host, hostIngredients(harness))
  if (manifest.format !== FORMAT) others.unshift(`Mayfly's format was ${manifest.format}, is ${FORMAT}`)
  if (others.length > 0) {
    throw unusable(directory, 'it was made under other conditions', others, 'Open it where the test ran.')
  }
  const damage = await findDamage(directory, manifest)
  if (damage) throw unusable(directory, damage, [], 'Run the test again with MAYFLY_KEEP=1.')
  const below = layers.map(({ file, format }) => ({ path: join(directory, file), format }))
  const guest: Guest = { ...plainGuest, provision: [] }
  const [kernel, initrd] = [join(directory, KERNEL), join(directory, FILES.initrd)]
  const image: Image = { ...about, dir: directory, kernel, initrd }
  const template = { directory, manifest: templates, layers: below }
  return {
    prepared: { harness, guest, image, ingredients, template, prepareMs: 0 },
    frozen: {
      ram: join(directory, FILES.ram),
      state: { path: join(directory, FILES.state), kind: manifest.state },
      layers: below,
      overlay: join(directory, FILES.overlay),
      identity: identity && hostIdentity(identity),
      // Nobody's to remove: they belong to the directory.
      uses: { memory: new SharedFiles([]), disk: new SharedFiles([]) },
    },
  }
}

/** Whose moment lies in `directory`, or undefined if none does. */
export async function isKept(directory: string): Promise<boolean> {
  return await stat(join(directory, MANIFEST)).then(
    () => true,
    () => false,
  )
}

async function readKept(directory: string): Promise<KeptManifest> {
  const text = await readFile(join(directory, MANIFEST), 'utf8').catch(() => undefined)
  if (text === undefined) throw unusable(directory, `it has no ${MANIFEST}`)
  try {
    const manifest = JSON.parse(text) as KeptManifest
    if (manifest.version === 1) return manifest
  } catch (error) {
    throw unusable(directory, `its ${MANIFEST} is damaged`, [messageOf(error)])
  }
  throw unusable(directory, `its ${MANIFEST} is of another version of Mayfly`)
}

async function findDamage(directory: string, { files, stateSha256 }: KeptManifest): Promise<string | undefined> {
  for (const [name, size] of Object.entries(files)) {
    const now = await sizeOf(directory, name).catch(() => undefined)
    if (now === undefined) return `its file ${name} is missing`
    if (now !== size) return `its file ${name} has ${now} bytes instead of ${size}`
  }
  if ((await stateDigest(directory)) !== stateSha256)
    return `its file ${FILES.state} does not have the checksum it was kept with`
  return undefined
}

function unusable(directory: string, why: string, details: readonly string[] = [], hint?: string): MayflyError {
  return new MayflyError('MAYFLY_CHECKPOINT_UNUSABLE', `${directory} cannot be opened: ${why}`, { details, hint })
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

async function sizeOf(directory: string, name: string): Promise<number> {
  return (await stat(join(directory, name))).size
}

async function stateDigest(directory: string): Promise<string> {
  const state = await readFile(join(directory, FILES.state))
  return createHash('sha256').update(state).digest('hex')
}
