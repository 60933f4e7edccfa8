import { z } from 'zod'
import { MayflyError } from '../errors.js'
import { type Arch, hostArch } from '../host/host-arch.js'
import { type ImageReference, imageByName, imageSchema, imageTitle, isBootable } from '../image/reference.js'
import { GIB, MIB, type Size, toBytes } from '../units.js'
import { type Access, accessOf, cloudInitSchema, sshSchema } from './access.js'
import { meantIssues } from './meant-issues.js'
import { type Network, networkSchema } from './network.js'
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

const size = z.union([z.number(), z.string()])

const guestSchema = z.strictObject({
  name: z.string().min(1).max(200).optional(),
  image: z.union([z.string().min(1), imageSchema]),
  cpus: z.int().min(1).max(MAXIMUM_CPUS).default(1),
  memory: size.optional(),
  disk: size.optional(),
  /** A screen and a keyboard. Default false: they cost time at every start. */
  display: z.boolean().default(false),
  network: networkSchema,
  /** Default: the host's. Another one is emulated. */
  arch: z.enum(['x86_64', 'aarch64']).optional(),
  /** What starts the boot loader of a disk. Default: BIOS, on aarch64 UEFI. A kernel is booted by UEFI if it says so. */
  firmware: z.enum(['bios', 'uefi']).optional(),
  /** For disks with a boot loader, and for others that have cloud-init. `false`: it is not set up by cloud-init. */
  cloudInit: z.union([z.literal(false), cloudInitSchema]).optional(),
  ssh: sshSchema.prefault({}),
  provision: z.array(stepSchema).default([]),
})

/** A guest as users write it. */
export type GuestSpec = Omit<z.input<typeof guestSchema>, 'provision' | 'memory' | 'disk'> & {
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
  readonly display: boolean
  readonly network: Network
  readonly arch: Arch
  readonly provision: readonly Step[]
}

/** Marks what has been validated, also by another copy of this package: a user's module may load its own. */
const GUEST = Symbol.for('mayfly.guest.v1')

/** Whether a value came from `defineGuest`. */
export function isGuest(value: unknown): value is Guest {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, GUEST)
}

/**
 * Validates a guest and fills in its defaults. A guest that was defined before is returned as it is.
 * @throws MayflyError MAYFLY_GUEST_INVALID naming every wrong option and the value received, MAYFLY_IMAGE_NOT_FOUND for an unknown image name.
 */
export function defineGuest(spec: GuestSpec | Guest | string): Guest {
  if (isGuest(spec)) return spec
  const given = typeof spec === 'string' ? { image: spec } : spec
  const parsed = guestSchema.safeParse(given)
  if (!parsed.success) throw invalid(given, parsed.error)
  const { image: reference, cpus, display, network, firmware, cloudInit, ssh, provision } = parsed.data
  const image = typeof reference === 'string' ? imageByName(reference) : reference
  const name = parsed.data.name ?? imageTitle(image)
  const arch = parsed.data.arch === undefined ? hostArch() : ARCHITECTURES[parsed.data.arch]
  const access = accessOf(image, { name, arch, firmware, cloudInit, ssh })
  const defaults = defaultsOf(image, access)
  const guest: Guest = {
    name,
    image,
    cpus,
    memoryBytes: memoryOf(parsed.data.memory ?? `${defaults.memory}`),
    diskBytes: toBytes(parsed.data.disk ?? `${defaults.disk}`, GIB, 'disk'),
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

function defaultsOf(image: ImageReference, { cloudInit }: Access): { memory: number; disk: number } {
  if ('name' in image && image.name === 'micro') return MICRO
  if (!isBootable(image)) return DEBIAN
  return cloudInit ? CLOUD : OWN_SIZE
}

function memoryOf(memory: Size): number {
  const bytes = toBytes(memory, MIB, 'memory')
  // QEMU takes whole MiB; a page short of one would not match the RAM file.
  const whole = Math.ceil(bytes / MIB) * MIB
  if (whole < MINIMUM_MEMORY || whole > 4096 * GIB) {
    throw new MayflyError('MAYFLY_GUEST_INVALID', `memory is out of range: ${JSON.stringify(memory)}`, {
      hint: `Give at least ${MINIMUM_MEMORY / MIB} MiB and at most 4 TiB, such as '256MiB'; a bare number counts MiB.`,
    })
  }
  return whole
}

function invalid(given: unknown, error: z.ZodError): MayflyError {
  const received = (path: PropertyKey[]) =>
    path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], given)
  return new MayflyError('MAYFLY_GUEST_INVALID', 'the guest is not valid', {
    details: [...meantIssues(error.issues), ...wrongSizes(given)].map(({ path, message }) => {
      const where = path.length === 0 ? 'guest' : path.map(String).join('.')
      return `${where}: ${message}${isSecret(path) ? '' : ` (received ${JSON.stringify(received(path))})`}`
    }),
    hint: 'See the README, "Guests", for every option.',
  })
}

/** Who mistakes a private key for the public one does not want to see it in a log. */
function isSecret(path: readonly PropertyKey[]): boolean {
  return path[0] === 'ssh' && path[1] === 'authorizedKeys'
}

/** The schema lets every text through as a size: what is wrong with it is told beside what else is wrong. */
function wrongSizes(given: unknown): { path: PropertyKey[]; message: string }[] {
  const { memory, disk } = (given ?? {}) as { memory?: unknown; disk?: unknown }
  return Object.entries({ memory, disk }).flatMap(([name, value]) => {
    if (typeof value !== 'string') return []
    try {
      toBytes(value, MIB, name)
      return []
    } catch {
      return [{ path: [name], message: "not a size, such as '512MiB' or '1GiB'" }]
    }
  })
}
