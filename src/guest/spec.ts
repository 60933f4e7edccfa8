import type { z } from 'zod'
import { MayflyError } from '../errors.js'
import { type Arch, hostArch } from '../host/host-arch.js'
import { type ImageReference, imageByName, imageSchema, imageTitle, isBootable } from '../image/reference.js'
import { GIB, MIB, type Size, toBytes } from '../units.js'
import { lazySchema } from '../zod.js'
import { type Access, accessOf, cloudInitSchema, sshSchema } from './access.js'
import { invalidGuest } from './invalid.js'
import { type Network, networkSchema } from './network.js'
import { brief, type Fault, plainCopy } from './plain.js'
import { assertPossible } from './possible.js'
import { type Step, stepSchema } from './steps.js'

/** What each needs to be comfortable. */
const MICRO = { memory: 256 * MIB, disk: GIB }
const DEBIAN = { memory: 512 * MIB, disk: 8 * GIB }
const CLOUD = { memory: GIB, disk: 8 * GIB }
/** Nothing in it would make use of more. */
const OWN_SIZE = { memory: GIB, disk: 0 }
const ARCHITECTURES: Record<'x86_64' | 'aarch64', Arch> = { x86_64: 'x64', aarch64: 'arm64' }
const MINIMUM_MEMORY = 96 * MIB
const MAXIMUM_CPUS = 255
const MAXIMUM_DISK = 1024 * 1024 * GIB
const SECTOR = 512

export const guestSchema = lazySchema((z) => {
  const size = z.union([z.number(), z.string()])
  return z.strictObject({
    name: z.string().min(1).max(200).optional(),
    image: z.union([z.string().min(1), imageSchema()]),
    cpus: z.int().min(1).max(MAXIMUM_CPUS).default(1),
    memory: size.optional(),
    disk: size.optional(),
    /** A screen and a keyboard. Default false: they cost time at every start. */
    display: z.boolean().default(false),
    network: networkSchema(),
    /** Default: the host's. Another one is emulated. */
    arch: z.enum(['x86_64', 'aarch64']).optional(),
    /** What starts the boot loader of a disk. Default: BIOS, on aarch64 UEFI. A kernel is booted by UEFI if it says so. */
    firmware: z.enum(['bios', 'uefi']).optional(),
    /** For disks with a boot loader, and for others that have cloud-init. `false`: it is not set up by cloud-init. */
    cloudInit: z.union([z.literal(false), cloudInitSchema()]).optional(),
    ssh: sshSchema().prefault({}),
    provision: z.array(stepSchema()).default([]),
  })
})

/** A guest as users write it. */
export type GuestSpec = Omit<z.input<ReturnType<typeof guestSchema>>, 'provision' | 'memory' | 'disk'> & {
  /** A bare number counts MiB. */
  memory?: Size | undefined
  /** Virtual size of the disk. A bare number counts GiB. */
  disk?: Size | undefined
  provision?: readonly Step[] | undefined
}

/** A validated guest: what every room to the right trusts. */
export interface Guest extends Access {
  readonly name: string
  readonly image: ImageReference
  readonly cpus: number
  readonly memoryBytes: number
  /** Of the disk, at least: its image's own size is kept where that is more. */
  readonly diskBytes: number
  /** Whether that was asked for: then a larger image is refused. */
  readonly diskIsGiven?: true
  readonly display: boolean
  readonly network: Network
  readonly arch: Arch
  readonly provision: readonly Step[]
}

/** Marks what has been validated, also by another copy of this package: a user's module may load its own. */
const GUEST = Symbol.for('mayfly.guest.v1')

/** Whether a value came from `defineGuest`. */
export function isGuest(value: unknown): value is Guest {
  if (typeof value !== 'object' || value === null) return false
  try {
    return Object.hasOwn(value, GUEST)
  } catch {
    // A proxy that does not let anything be read: validation says so.
    return false
  }
}

/**
 * Validates a guest and fills in its defaults. A guest that was defined before is returned as it is.
 * @throws MayflyError MAYFLY_GUEST_INVALID naming every wrong option and the value received, MAYFLY_IMAGE_NOT_FOUND for an unknown image name.
 */
export function defineGuest(spec: GuestSpec | Guest | string): Guest {
  if (isGuest(spec)) return spec
  const { given, unreadable } = readSpec(typeof spec === 'string' ? { image: spec } : spec)
  const parsed = guestSchema().safeParse(given)
  const sizes = wrongSizes(given)
  if (!parsed.success || unreadable.length + sizes.length > 0) {
    throw invalidGuest(given, parsed.error?.issues ?? [], unreadable, sizes)
  }
  const { image: reference, cpus, display, network, firmware, cloudInit, ssh, provision } = parsed.data
  const image = typeof reference === 'string' ? imageByName(reference) : reference
  const name = parsed.data.name ?? imageTitle(image)
  const arch = parsed.data.arch === undefined ? hostArch() : ARCHITECTURES[parsed.data.arch]
  const isNamed = parsed.data.name !== undefined
  const access = accessOf(image, { name, isNamed, arch, firmware, cloudInit, ssh })
  const defaults = defaultsOf(image, access)
  const { disk } = parsed.data
  const guest: Guest = {
    name,
    image,
    cpus,
    memoryBytes: memoryOf(parsed.data.memory ?? `${defaults.memory}`),
    diskBytes: diskOf(disk ?? `${defaults.disk}`),
    ...(disk === undefined ? {} : { diskIsGiven: true as const }),
    display,
    network,
    arch,
    ...access,
    provision,
  }
  assertPossible(guest)
  // Not enumerable: a copy with other properties has not been validated.
  return Object.freeze(Object.defineProperty(guest, GUEST, { value: true }))
}

/** A guest as plain data, and what of it cannot be read. Only code that sets a guest up may be a function. */
function readSpec(spec: unknown): { given: unknown; unreadable: readonly Fault[] } {
  const mayBeFunction = ([first, , third, ...more]: readonly PropertyKey[]) =>
    first === 'provision' && more.length === 0 && (third === undefined || third === 'run')
  const { copy, faults } = plainCopy(spec, { mayBeFunction })
  return { given: copy, unreadable: faults }
}

/**
 * The same as plain data whose properties can be read without harm, before it is validated.
 * @throws MayflyError MAYFLY_GUEST_INVALID naming what cannot be read.
 */
export function readableSpec<Spec>(spec: Spec): Spec {
  const { given, unreadable } = readSpec(spec)
  if (unreadable.length > 0) {
    // A function and its key are another room's, and no fault here.
    const { provisionKey: _, provision, ...rest } = (given ?? {}) as Record<string, unknown>
    const steps = typeof provision === 'function' ? undefined : provision
    const { error } = guestSchema().safeParse({ ...rest, provision: steps })
    throw invalidGuest(given, error?.issues ?? [], unreadable)
  }
  return given as Spec
}

function defaultsOf(image: ImageReference, { cloudInit }: Access): { memory: number; disk: number } {
  if ('name' in image && image.name === 'micro') return MICRO
  if (!isBootable(image)) return DEBIAN
  return cloudInit ? CLOUD : OWN_SIZE
}

/** QEMU takes whole MiB: anything else would be another size than the one that was asked for. */
function memoryOf(memory: Size): number {
  const bytes = toBytes(memory, MIB, 'memory')
  if (bytes < MINIMUM_MEMORY || bytes > 4096 * GIB) {
    throw new MayflyError('MAYFLY_GUEST_INVALID', `memory is out of range: ${JSON.stringify(memory)}`, {
      hint: `Give at least ${MINIMUM_MEMORY / MIB} MiB and at most 4 TiB, such as '256MiB'; a bare number counts MiB.`,
    })
  }
  if (bytes % MIB !== 0) throw uneven('memory', memory, bytes, MIB, 'MiB')
  return bytes
}

/** A disk has whole sectors. */
function diskOf(disk: Size): number {
  const bytes = toBytes(disk, GIB, 'disk')
  if (bytes > MAXIMUM_DISK) {
    throw new MayflyError('MAYFLY_GUEST_INVALID', `disk is out of range: ${JSON.stringify(disk)}`, {
      hint: "Give at most 1 PiB, such as '20GiB'; a bare number counts GiB.",
    })
  }
  if (bytes % SECTOR !== 0) throw uneven('disk', disk, bytes, SECTOR, 'sectors of 512 bytes')
  return bytes
}

/** `'512MB'` are 512,000,000 bytes, and `'512MiB'` was probably meant. */
function uneven(option: string, size: Size, bytes: number, unit: number, units: string): MayflyError {
  const whole = Math.ceil(bytes / unit)
  const binary =
    typeof size === 'string' ? size.replace(/([kmgt])b\s*$/i, (_, letter: string) => `${letter.toUpperCase()}iB`) : size
  const nearest = unit === MIB ? `'${whole}MiB'` : `'${whole * unit}'`
  return new MayflyError(
    'MAYFLY_GUEST_INVALID',
    `${option} is not a whole number of ${units}: ${JSON.stringify(size)}`,
    {
      details: [`${option}: ${JSON.stringify(size)} is ${(bytes / unit).toFixed(2)} ${units}`],
      hint: binary === size ? `Write ${nearest}.` : `Write '${binary}', which counts in powers of 1024, or ${nearest}.`,
    },
  )
}

/** The schema lets every text through as a size: what is wrong with it is told beside what else is wrong. */
function wrongSizes(given: unknown): Fault[] {
  const { memory, disk } = (given ?? {}) as { memory?: unknown; disk?: unknown }
  return Object.entries({ memory, disk }).flatMap(([name, value]) => {
    if (typeof value !== 'string') return []
    try {
      toBytes(value, MIB, name)
      return []
    } catch {
      return [{ path: [name], message: `not a size, such as '512MiB' or '1GiB' (received "${brief(value, 60)}")` }]
    }
  })
}
